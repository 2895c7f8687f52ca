//! Writes the segments of a journal, on a thread of its own, and makes them durable.
//!
//! What waits is written together and synced once, so that a busy source costs one sync for many
//! records. The worker asks how far that has come, and is woken.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};
use rheos_engine::{Error, ErrorKind, Waker};

use super::segment::{HEADER, failed, list, path_of};

/// Bytes that wait to become durable before nothing more is read from the source.
const WAITING_BYTES: usize = 4 << 20;

/// The worker's side of the writing thread.
pub(super) struct JournalWriter {
    folder: PathBuf,
    /// Gone when it is dropped.
    send: Option<Sender<Message>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    /// Entries, and the segment they belong to.
    Entries { segment: u64, bytes: Vec<u8>, count: u64 },
    /// The segments with smaller numbers are not needed any more.
    Forget { before: u64 },
}

struct Shared {
    /// Entries that are durable.
    durable: AtomicU64,
    waiting: AtomicUsize,
    failure: Mutex<Option<Error>>,
    waker: Waker,
}

impl JournalWriter {
    pub(super) fn spawn(folder: PathBuf, waker: Waker) -> Result<Self, Error> {
        // Bounded by WAITING_BYTES.
        let (send, messages) = unbounded();
        let shared = Arc::new(Shared {
            durable: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            failure: Mutex::new(None),
            waker,
        });
        let thread = Thread { folder: folder.clone(), shared: Arc::clone(&shared), segment: None };
        let thread = std::thread::Builder::new()
            .name(format!("journal {}", folder.display()))
            .spawn(move || thread.run(&messages))
            .map_err(|error| failed("start a thread to write", &folder, error))?;
        Ok(Self { folder, send: Some(send), shared, thread: Some(thread) })
    }

    /// Whether more may be read from the source; when not, the worker is woken when it may.
    pub(super) fn has_room(&self) -> bool {
        self.shared.waiting.load(Ordering::SeqCst) < WAITING_BYTES
    }

    /// Hands entries over.
    pub(super) fn write(&self, segment: u64, bytes: Vec<u8>, count: u64) -> Result<(), Error> {
        self.shared.waiting.fetch_add(bytes.len(), Ordering::SeqCst);
        self.tell(Message::Entries { segment, bytes, count })
    }

    /// Has the segments with smaller numbers removed.
    pub(super) fn forget(&self, before: u64) -> Result<(), Error> {
        self.tell(Message::Forget { before })
    }

    /// How many of the entries that were handed over are durable.
    pub(super) fn durable(&self) -> Result<u64, Error> {
        let durable = self.shared.durable.load(Ordering::SeqCst);
        self.check().map(|()| durable)
    }

    fn tell(&self, message: Message) -> Result<(), Error> {
        if self.send.as_ref().is_some_and(|send| send.send(message).is_ok()) {
            return Ok(());
        }
        self.check()?;
        let attempted = format!("write the journal {}", self.folder.display());
        Err(Error::new(ErrorKind::Internal, attempted, "its thread has ended"))
    }

    fn check(&self) -> Result<(), Error> {
        let mut failure = self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take().map_or(Ok(()), Err)
    }
}

/// What was handed over is still written: it is gone from where it came from. Nobody writes to the
/// folder afterwards.
impl Drop for JournalWriter {
    fn drop(&mut self) {
        self.send = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has not made durable what it was given, and nobody was told
            // that it had.
            let _ = thread.join();
        }
    }
}

struct Thread {
    folder: PathBuf,
    shared: Arc<Shared>,
    /// The segment that is being written.
    segment: Option<(u64, File)>,
}

impl Thread {
    fn run(mut self, messages: &Receiver<Message>) {
        while let Ok(first) = messages.recv() {
            let all = std::iter::once(first).chain(messages.try_iter());
            if let Err(error) = self.write_all(all) {
                let failure = &self.shared.failure;
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                return self.shared.waker.wake();
            }
            self.shared.waker.wake();
        }
    }

    fn write_all(&mut self, messages: impl Iterator<Item = Message>) -> Result<(), Error> {
        let (mut durable, mut written) = (0, 0);
        for message in messages {
            match message {
                Message::Entries { segment, bytes, count } => {
                    self.write(segment, &bytes)?;
                    durable += count;
                    written += bytes.len();
                }
                Message::Forget { before } => self.forget(before)?,
            }
        }
        self.sync()?;
        self.shared.waiting.fetch_sub(written, Ordering::SeqCst);
        self.shared.durable.fetch_add(durable, Ordering::SeqCst);
        Ok(())
    }

    fn write(&mut self, segment: u64, bytes: &[u8]) -> Result<(), Error> {
        let path = path_of(&self.folder, segment);
        let mut file = match self.segment.take() {
            Some((current, file)) if current == segment => file,
            before => {
                self.segment = before;
                self.sync()?;
                self.begin(segment)?
            }
        };
        file.write_all(bytes).map_err(|error| failed("write", &path, error))?;
        self.segment = Some((segment, file));
        Ok(())
    }

    fn begin(&self, segment: u64) -> Result<File, Error> {
        let path = path_of(&self.folder, segment);
        let mut file =
            File::options().write(true).create_new(true).open(&path).map_err(|error| {
                failed("create", &path, error).advise("another job may be using the journal")
            })?;
        file.write_all(HEADER).map_err(|error| failed("write", &path, error))?;
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| failed("sync", &self.folder, error))?;
        Ok(file)
    }

    fn sync(&self) -> Result<(), Error> {
        let Some((segment, file)) = &self.segment else { return Ok(()) };
        file.sync_data().map_err(|error| failed("sync", &path_of(&self.folder, *segment), error))
    }

    fn forget(&self, before: u64) -> Result<(), Error> {
        for segment in list(&self.folder)?.into_iter().filter(|segment| *segment < before) {
            let path = path_of(&self.folder, segment);
            fs::remove_file(&path).map_err(|error| failed("remove", &path, error))?;
        }
        Ok(())
    }
}
