//! Reads on a thread of its own and hands blocks to a worker.
//!
//! Every source whose input blocks reads through [`Blocks`]. The thread starts with the first
//! call of [`Blocks::next`], runs at most [`BLOCKS_AHEAD`] blocks ahead, and leaves when `Blocks`
//! is dropped: at once when it waits for room or in [`Stop::wait`], else when its read returns.
//! It never takes silence for the end: only [`Produced::End`] is one, and a thread that dies is an
//! error.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use rheos_engine::{Error, ErrorKind, Waker};

use super::Block;

/// Blocks that are read and not yet taken by the worker, at the most.
pub(crate) const BLOCKS_AHEAD: usize = 4;

/// Reads blocks, on its own thread.
pub(crate) trait Produce: Send + 'static {
    /// Fills the block, which is empty, or says what else there is. May block; waits only in
    /// [`Stop::wait`].
    fn produce(&mut self, block: &mut Block, stop: &Stop) -> Result<Produced, Error>;
}

/// What a call of [`Produce::produce`] came to.
pub(crate) enum Produced {
    /// The block holds bytes; none means: ask again.
    Bytes,
    /// The bytes that follow are the beginning, or a later part, of something else.
    Begin(Begin),
    /// There is no more.
    End,
}

/// What the bytes that follow are. Bytes that follow no `Begin` start at offset zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Begin {
    /// Where the first of them lies.
    pub(crate) offset: u64,
    /// Which of the producer's parts they belong to, in the producer's own words: for positions.
    pub(crate) part: String,
    /// What a person calls it, where that is not the name of the split.
    pub(crate) origin: Option<String>,
    /// The header line, for formats that have one, where the bytes begin behind it.
    pub(crate) header: Option<Vec<u8>>,
}

/// Tells the reading thread that its reader is gone.
pub(crate) struct Stop {
    dropped: Receiver<()>,
}

impl Stop {
    /// Waits for this long; true, at once, when the thread shall leave.
    pub(crate) fn wait(&self, duration: Duration) -> bool {
        !matches!(self.dropped.recv_timeout(duration), Err(RecvTimeoutError::Timeout))
    }
}

/// What [`Blocks::next`] found.
pub(crate) enum Next {
    /// A block of bytes.
    Block(Block),
    /// What the next block is.
    Begin(Begin),
    /// Nothing now; the waker will be called.
    Pending,
    /// The input has ended.
    End,
}

/// The worker's side of a reading thread.
pub(crate) struct Blocks {
    /// What is read, as a person calls it.
    object: String,
    waker: Waker,
    state: State,
    shutdown: Option<Box<dyn FnOnce() + Send>>,
}

enum State {
    Idle(Box<dyn Produce>),
    Running(Running),
    Over,
}

struct Running {
    messages: Receiver<Message>,
    emptied: Sender<Block>,
    /// Set while the worker waits for the next message.
    waiting: Arc<AtomicBool>,
    /// Dropped to stop the thread.
    _stop: Sender<()>,
}

enum Message {
    Block(Block),
    Begin(Begin),
    End,
    Failed(Error),
}

impl Blocks {
    /// Reads from `producer`; `object` is what a person calls that: a path, an address.
    pub(crate) fn new(object: impl Into<String>, producer: impl Produce, waker: Waker) -> Self {
        let state = State::Idle(Box::new(producer));
        Self { object: object.into(), waker, state, shutdown: None }
    }

    /// Calls `shutdown` when this is dropped, to end a read that may otherwise never return.
    #[must_use]
    pub(crate) fn with_shutdown(mut self, shutdown: impl FnOnce() + Send + 'static) -> Self {
        self.shutdown = Some(Box::new(shutdown));
        self
    }

    /// The next block, if there is one now. Starts the thread when called first.
    pub(crate) fn next(&mut self) -> Result<Next, Error> {
        if let State::Idle(_) = &self.state {
            self.start()?;
        }
        let State::Running(running) = &self.state else {
            return Ok(Next::End);
        };
        let message = match running.messages.try_recv() {
            Err(TryRecvError::Empty) => {
                // The thread looks at the flag after sending: one of the two sees the other.
                running.waiting.store(true, Ordering::SeqCst);
                fence(Ordering::SeqCst);
                running.messages.try_recv()
            }
            message => message,
        };
        match message {
            Ok(Message::Block(block)) => Ok(Next::Block(block)),
            Ok(Message::Begin(begin)) => Ok(Next::Begin(begin)),
            Err(TryRecvError::Empty) => Ok(Next::Pending),
            Ok(Message::End) => {
                self.state = State::Over;
                Ok(Next::End)
            }
            Ok(Message::Failed(error)) => {
                self.state = State::Over;
                Err(error)
            }
            Err(TryRecvError::Disconnected) => {
                self.state = State::Over;
                let attempted = format!("read {}", self.object);
                Err(Error::new(ErrorKind::Internal, attempted, "the reading thread died"))
            }
        }
    }

    /// Gives an emptied block back.
    pub(crate) fn recycle(&self, block: Block) {
        if let State::Running(running) = &self.state {
            // When there is no room the thread has blocks enough.
            let _ = running.emptied.try_send(block);
        }
    }

    /// What is read, as a person calls it.
    pub(crate) fn object(&self) -> &str {
        &self.object
    }

    fn start(&mut self) -> Result<(), Error> {
        let State::Idle(producer) = std::mem::replace(&mut self.state, State::Over) else {
            return Ok(());
        };
        let (send, messages) = bounded(BLOCKS_AHEAD);
        let (emptied, take_emptied) = bounded(BLOCKS_AHEAD);
        let (stop, dropped) = bounded(0);
        let waiting = Arc::new(AtomicBool::new(false));
        let thread = Thread {
            send,
            emptied: take_emptied,
            stop: Stop { dropped },
            wake: Wake { waiting: Arc::clone(&waiting), waker: self.waker.clone() },
        };
        std::thread::Builder::new()
            .name(format!("read {}", self.object))
            .spawn(move || thread.run(producer))
            .map_err(|error| Error::io(format!("start a thread to read {}", self.object), error))?;
        self.state = State::Running(Running { messages, emptied, waiting, _stop: stop });
        Ok(())
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.state = State::Over;
        if let Some(shutdown) = self.shutdown.take() {
            shutdown();
        }
    }
}

/// The reading thread. Fields drop in order: the worker is woken last, when it can see the end of
/// the channel, also after a panic.
struct Thread {
    send: Sender<Message>,
    emptied: Receiver<Block>,
    stop: Stop,
    wake: Wake,
}

impl Thread {
    fn run(self, mut producer: Box<dyn Produce>) {
        let mut block = Block::new();
        loop {
            let message = match producer.produce(&mut block, &self.stop) {
                Ok(Produced::Bytes) if block.filled().is_empty() => {
                    if self.stop.wait(Duration::ZERO) {
                        return;
                    }
                    continue;
                }
                Ok(Produced::Bytes) => {
                    let next = self.emptied.try_recv().unwrap_or_else(|_| Block::new());
                    Message::Block(std::mem::replace(&mut block, next))
                }
                Ok(Produced::Begin(begin)) => Message::Begin(begin),
                Ok(Produced::End) => Message::End,
                Err(error) => Message::Failed(error),
            };
            block.clear();
            let last = matches!(message, Message::End | Message::Failed(_));
            if self.send.send(message).is_err() || last {
                return;
            }
            self.wake.wake_if_waiting();
        }
    }
}

/// Wakes the worker when it waits, and when the thread ends.
struct Wake {
    waiting: Arc<AtomicBool>,
    waker: Waker,
}

impl Wake {
    fn wake_if_waiting(&self) {
        fence(Ordering::SeqCst);
        if self.waiting.swap(false, Ordering::SeqCst) {
            self.waker.wake();
        }
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.waker.wake();
    }
}

/// Reads a blocking [`Read`] to its end.
pub(crate) struct ReadProducer<R> {
    object: String,
    read: R,
}

impl<R: Read + Send + 'static> ReadProducer<R> {
    /// Hands over what each read gives, without waiting for a block to fill.
    pub(crate) fn new(object: impl Into<String>, read: R) -> Self {
        Self { object: object.into(), read }
    }
}

impl<R: Read + Send + 'static> Produce for ReadProducer<R> {
    fn produce(&mut self, block: &mut Block, _stop: &Stop) -> Result<Produced, Error> {
        match block.read_once(&mut self.read) {
            Ok(0) => Ok(Produced::End),
            Ok(_) => Ok(Produced::Bytes),
            Err(error) => Err(Error::io(format!("read {}", self.object), error)),
        }
    }
}
