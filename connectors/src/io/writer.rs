//! Writes on a thread of its own what a worker hands over.
//!
//! Every sink whose output blocks writes through a [`BlockWriter`]. It queues
//! [`QUEUE_BYTES`] at the most before it says that it is not ready, and calls the waker when there
//! is room. A failure of the thread shows in the next call; nothing that failed counts as written.
//! It never publishes anything: that is the sink's decision, when what it wrote is complete.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rheos_engine::{CheckpointId, Error, ErrorKind, Waker};

/// Bytes that wait to be written before a writer is not ready.
pub(crate) const QUEUE_BYTES: usize = 4 << 20;

/// What a queued block counts beside its bytes, so that small ones are bounded too.
const BLOCK_OVERHEAD: usize = 256;

/// Emptied blocks that are kept to be filled again.
const EMPTIED_BLOCKS: usize = 4;

/// What a writing thread writes to.
pub(crate) trait Sunk: Write + Send + 'static {
    /// Makes everything so far complete and, where that means something, durable; says how many
    /// bytes the output then holds, where it counts them.
    fn cut(&mut self) -> io::Result<u64> {
        self.flush().map(|()| 0)
    }

    /// The same once nothing more will be written.
    fn close(mut self) -> io::Result<u64>
    where
        Self: Sized,
    {
        self.cut()
    }
}

/// The worker's side of a writing thread.
pub(crate) struct BlockWriter {
    object: String,
    /// Gone once closed.
    send: Option<Sender<Message>>,
    emptied: Receiver<Vec<u8>>,
    /// The last cut that the thread was told of.
    cutting: Option<CheckpointId>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    shutdown: Option<Box<dyn FnOnce() + Send>>,
}

enum Message {
    Block(Vec<u8>),
    Flush,
    Cut(CheckpointId),
    Close,
}

/// What both sides see.
struct Shared {
    queued: AtomicUsize,
    /// Set while the worker waits for room.
    waiting: AtomicBool,
    /// Set when the worker dropped its side without closing it.
    abandoned: AtomicBool,
    failure: Mutex<Option<Error>>,
    complete: Mutex<Complete>,
    /// Set when the thread has ended, however that came.
    ended: AtomicBool,
    waker: Waker,
}

/// What the thread was asked for and has done.
#[derive(Clone, Copy, Default)]
struct Complete {
    /// The last cut up to which all is complete, and the length of the output there.
    cut: Option<(CheckpointId, u64)>,
    /// The length of the output that is closed.
    closed: Option<u64>,
}

impl BlockWriter {
    /// Writes to `write`, which a person calls `object`.
    pub(crate) fn spawn<W: Sunk>(
        object: impl Into<String>,
        write: W,
        waker: Waker,
    ) -> Result<Self, Error> {
        let object = object.into();
        // Bounded by QUEUE_BYTES, which counts every block.
        let (send, messages) = unbounded();
        let (give_back, emptied) = bounded(EMPTIED_BLOCKS);
        let shared = Arc::new(Shared {
            queued: AtomicUsize::new(0),
            waiting: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            failure: Mutex::new(None),
            complete: Mutex::default(),
            ended: AtomicBool::new(false),
            waker,
        });
        let thread = Thread {
            object: object.clone(),
            messages,
            emptied: give_back,
            shared: WakeAtEnd(Arc::clone(&shared)),
        };
        let thread = std::thread::Builder::new()
            .name(format!("write {object}"))
            .spawn(move || thread.run(write))
            .map_err(|error| Error::io(format!("start a thread to write {object}"), error))?;
        let thread = Some(thread);
        let (send, cutting, shutdown) = (Some(send), None, None);
        Ok(Self { object, send, emptied, cutting, shared, thread, shutdown })
    }

    /// Calls `shutdown` when this is dropped without having been closed, to end a write that may
    /// otherwise never return.
    #[must_use]
    pub(crate) fn with_shutdown(mut self, shutdown: impl FnOnce() + Send + 'static) -> Self {
        self.shutdown = Some(Box::new(shutdown));
        self
    }

    /// Whether there is room; when not, the waker is called when there is.
    pub(crate) fn ready(&mut self) -> Result<bool, Error> {
        self.check()?;
        if self.has_room() {
            return Ok(true);
        }
        // The thread looks at the flag after making room: one of the two sees the other.
        self.shared.waiting.store(true, Ordering::SeqCst);
        self.check()?;
        Ok(self.has_room())
    }

    /// Hands a block over; takes it whether there is room or not.
    pub(crate) fn send(&mut self, block: Vec<u8>) -> Result<(), Error> {
        self.shared.queued.fetch_add(cost(&block), Ordering::SeqCst);
        self.tell(Message::Block(block))
    }

    /// Asks the thread to flush what it was given so far.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.tell(Message::Flush)
    }

    /// An empty block, from those that were written or new.
    pub(crate) fn empty_block(&mut self) -> Vec<u8> {
        self.emptied.try_recv().unwrap_or_default()
    }

    /// Whether this cut has been asked for.
    pub(crate) fn is_cutting(&self, cut: CheckpointId) -> bool {
        self.cutting == Some(cut)
    }

    /// Asks for everything that was sent before the first call for this cut to be complete; says
    /// how long the output is there once it is. Until then the waker is called when it may be.
    pub(crate) fn cut(&mut self, cut: CheckpointId) -> Result<Option<u64>, Error> {
        if !self.is_cutting(cut) {
            self.tell(Message::Cut(cut))?;
            self.cutting = Some(cut);
        }
        let up_to = |complete: Complete| complete.cut.filter(|(up_to, _)| *up_to >= cut);
        self.once(|complete| up_to(complete).map(|(_, length)| length))
    }

    /// Asks for everything to be written, flushed and closed: as [`cut`](Self::cut), with nothing
    /// sent any more.
    pub(crate) fn cut_last(&mut self) -> Result<Option<u64>, Error> {
        if self.send.is_some() {
            self.tell(Message::Close)?;
            self.send = None;
        }
        self.once(|complete| complete.closed)
    }

    /// What has been done, if it has; an error when it never will be.
    fn once(&self, done: impl FnOnce(Complete) -> Option<u64>) -> Result<Option<u64>, Error> {
        let has_ended = self.shared.ended.load(Ordering::SeqCst);
        self.check()?;
        let complete = *self.shared.complete.lock().unwrap_or_else(PoisonError::into_inner);
        match done(complete) {
            None if has_ended => Err(self.died()),
            done => Ok(done),
        }
    }

    /// Waits until everything is written, flushed and closed; says how long the output is.
    pub(crate) fn close(mut self) -> Result<u64, Error> {
        self.cut_last()?;
        self.join();
        self.shutdown = None;
        self.cut_last()?.ok_or_else(|| self.died())
    }

    /// Drops what is queued and waits until the thread does not write any more.
    pub(crate) fn abandon(mut self) {
        self.shared.abandoned.store(true, Ordering::SeqCst);
        self.send = None;
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // That it has panicked shows: what it was asked for is not complete.
            let _ = thread.join();
        }
    }

    fn tell(&self, message: Message) -> Result<(), Error> {
        let is_told = self.send.as_ref().is_some_and(|send| send.send(message).is_ok());
        if is_told {
            return Ok(());
        }
        self.check()?;
        Err(self.died())
    }

    fn check(&self) -> Result<(), Error> {
        let mut failure = self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner);
        match failure.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn died(&self) -> Error {
        let attempted = format!("write {}", self.object);
        Error::new(ErrorKind::Internal, attempted, "the writing thread has ended")
    }

    fn has_room(&self) -> bool {
        self.shared.queued.load(Ordering::SeqCst) < QUEUE_BYTES
    }
}

impl Drop for BlockWriter {
    fn drop(&mut self) {
        self.shared.abandoned.store(true, Ordering::SeqCst);
        self.send = None;
        if let Some(shutdown) = self.shutdown.take() {
            shutdown();
        }
    }
}

/// The writing thread. Fields drop in order: the worker is woken last.
struct Thread {
    object: String,
    messages: Receiver<Message>,
    emptied: Sender<Vec<u8>>,
    shared: WakeAtEnd,
}

impl Thread {
    fn run(self, mut write: impl Sunk) {
        for message in &self.messages {
            if self.shared.0.abandoned.load(Ordering::SeqCst) {
                return;
            }
            let (verb, done) = match message {
                Message::Block(block) => ("write", self.write(&mut write, block)),
                Message::Flush => ("flush", write.flush()),
                Message::Cut(cut) => (
                    "complete",
                    write
                        .cut()
                        .map(|length| self.complete(|complete| complete.cut = Some((cut, length)))),
                ),
                Message::Close => {
                    let closed = write.close();
                    let closed = closed
                        .map(|length| self.complete(|complete| complete.closed = Some(length)));
                    return self.report("complete", closed).unwrap_or_default();
                }
            };
            if self.report(verb, done).is_err() {
                return;
            }
        }
    }

    fn write(&self, write: &mut impl Write, mut block: Vec<u8>) -> io::Result<()> {
        write.write_all(&block)?;
        let shared = &self.shared.0;
        shared.queued.fetch_sub(cost(&block), Ordering::SeqCst);
        if shared.queued.load(Ordering::SeqCst) < QUEUE_BYTES
            && shared.waiting.swap(false, Ordering::SeqCst)
        {
            shared.waker.wake();
        }
        block.clear();
        // When there is no room the worker has blocks enough.
        let _ = self.emptied.try_send(block);
        Ok(())
    }

    fn complete(&self, note: impl FnOnce(&mut Complete)) {
        note(&mut self.shared.0.complete.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.0.waker.wake();
    }

    fn report(&self, verb: &str, done: io::Result<()>) -> Result<(), ()> {
        done.map_err(|cause| {
            let error = Error::io(format!("{verb} {}", self.object), cause);
            let failure = &self.shared.0.failure;
            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        })
    }
}

/// Wakes the worker when the thread ends, however that comes.
struct WakeAtEnd(Arc<Shared>);

impl Drop for WakeAtEnd {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::SeqCst);
        self.0.waker.wake();
    }
}

fn cost(block: &[u8]) -> usize {
    block.len() + BLOCK_OVERHEAD
}
