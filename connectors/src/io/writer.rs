//! Writes on a thread of its own what a worker hands over.
//!
//! Every sink whose output blocks writes through a [`BlockWriter`]. It queues
//! [`QUEUE_BYTES`] at the most before it says that it is not ready, and calls the waker when there
//! is room. A failure of the thread shows in the next call; nothing that failed counts as written.
//! It never publishes anything: that is the sink's decision, after [`BlockWriter::close`].

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rheos_engine::{Error, ErrorKind, Waker};

/// Bytes that wait to be written before a writer is not ready.
pub(crate) const QUEUE_BYTES: usize = 4 << 20;

/// What a queued block counts beside its bytes, so that small ones are bounded too.
const BLOCK_OVERHEAD: usize = 256;

/// Emptied blocks that are kept to be filled again.
const EMPTIED_BLOCKS: usize = 4;

/// Does what is due when everything has been written: ends a compressed stream, fsyncs.
type Close<W> = Box<dyn FnOnce(W) -> io::Result<()> + Send>;

/// The worker's side of a writing thread.
pub(crate) struct BlockWriter {
    object: String,
    /// Gone once closed.
    send: Option<Sender<Message>>,
    emptied: Receiver<Vec<u8>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    shutdown: Option<Box<dyn FnOnce() + Send>>,
}

enum Message {
    Block(Vec<u8>),
    Flush,
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
    waker: Waker,
}

impl BlockWriter {
    /// Writes to `write`, which a person calls `object`; `close` runs on the thread after the last
    /// byte.
    pub(crate) fn spawn<W: Write + Send + 'static>(
        object: impl Into<String>,
        write: W,
        close: impl FnOnce(W) -> io::Result<()> + Send + 'static,
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
            waker,
        });
        let thread = Thread {
            object: object.clone(),
            messages,
            emptied: give_back,
            shared: WakeAtEnd(Arc::clone(&shared)),
        };
        let close: Close<W> = Box::new(close);
        let thread = std::thread::Builder::new()
            .name(format!("write {object}"))
            .spawn(move || thread.run(write, close))
            .map_err(|error| Error::io(format!("start a thread to write {object}"), error))?;
        let thread = Some(thread);
        Ok(Self { object, send: Some(send), emptied, shared, thread, shutdown: None })
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

    /// Waits until everything is written, flushed and closed.
    pub(crate) fn close(mut self) -> Result<(), Error> {
        self.tell(Message::Close)?;
        self.send = None;
        let died = self.thread.take().is_some_and(|thread| thread.join().is_err());
        self.shutdown = None;
        if died { Err(self.died()) } else { self.check() }
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
    fn run<W: Write>(self, mut write: W, close: Close<W>) {
        for message in &self.messages {
            if self.shared.0.abandoned.load(Ordering::SeqCst) {
                return;
            }
            let (verb, done) = match message {
                Message::Block(block) => ("write", self.write(&mut write, block)),
                Message::Flush => ("flush", write.flush()),
                Message::Close => {
                    let closed = write.flush().and_then(|()| close(write));
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
        self.0.waker.wake();
    }
}

fn cost(block: &[u8]) -> usize {
    block.len() + BLOCK_OVERHEAD
}
