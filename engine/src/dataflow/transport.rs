//! Timely's channels between the workers of a process and, over given sockets, of all processes.

use std::any::Any;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::zero_copy::stream::Stream;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};
use timely::communication::{Allocator, Hooks, initialize_from};

use crate::job::shared::Shared;
use crate::{Error, ErrorKind};

/// How long a broken connection waits for a better explanation of what happened to the peer.
const EXPLAIN_WITHIN: Duration = Duration::from_secs(1);

/// Runs `work` on one thread a worker and waits for all.
///
/// What goes wrong in a worker fails the job, and so does a thread that cannot be started: those
/// that were started must not wait for it for ever.
pub(crate) fn run_threads(
    builders: Vec<AllocatorBuilder>,
    shared: &Arc<Shared>,
    work: impl Fn(usize, Allocator) -> Result<(), Error> + Send + Sync + 'static,
) {
    shared.workers_begin(builders.len());
    let there = Arc::clone(shared);
    let guards = initialize_from(builders, Box::new(()), move |allocator: Allocator| {
        let work = AssertUnwindSafe(|| work(allocator.index(), allocator));
        match std::panic::catch_unwind(work) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => there.fail(error),
            Err(panic) => {
                let reason = super::panic_message(&*panic);
                there.fail(Error::new(ErrorKind::Internal, "run a worker", reason));
            }
        }
        there.worker_ends();
    });
    match guards {
        // What the workers came to is in the shared state.
        Ok(guards) => drop(guards.join()),
        Err(reason) => shared.fail(Error::new(ErrorKind::External, "start the workers", reason)),
    }
}

/// Channels between the workers of one process.
pub(crate) fn within_process(workers: usize) -> Vec<AllocatorBuilder> {
    let hooks = Hooks::default();
    ProcessBuilder::new_typed_vector(workers, hooks.refill, hooks.spill)
        .into_iter()
        .map(AllocatorBuilder::Process)
        .collect()
}

/// Keeps the threads that move bytes between processes.
pub(crate) struct NetworkGuard {
    sockets: Vec<TcpStream>,
    threads: Option<Box<dyn Any + Send>>,
}

impl NetworkGuard {
    /// Waits until everything that was sent has arrived and the peers have said the same.
    pub(crate) fn close(mut self) {
        let threads = self.threads.take();
        let closed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(threads)));
        if closed.is_err() {
            tracing::warn!("a process of the job was lost after everything was committed");
        }
    }
}

impl Drop for NetworkGuard {
    /// After a failure nobody waits for anybody: the connections are cut and the threads that
    /// used them end by themselves.
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            for socket in &self.sockets {
                // One that is closed already needs no closing.
                let _ = socket.shutdown(Shutdown::Both);
            }
            std::mem::forget(threads);
        }
    }
}

/// Channels between the workers of all processes; `sockets[i]` leads to process i and is absent
/// for this one.
///
/// # Errors
/// When a socket or thread cannot be set up.
pub(crate) fn between_processes(
    workers: usize,
    process: usize,
    sockets: Vec<Option<TcpStream>>,
    shared: &Arc<Shared>,
) -> Result<(Vec<AllocatorBuilder>, NetworkGuard), Error> {
    let failed = |cause| Error::io("connect the processes of the job", cause);
    let mut kept = Vec::new();
    let mut links = Vec::new();
    for (peer, socket) in sockets.into_iter().enumerate() {
        links.push(match socket {
            None => None,
            Some(socket) => {
                kept.push(socket.try_clone().map_err(failed)?);
                Some(PeerSocket { socket, peer, shared: Arc::clone(shared) })
            }
        });
    }
    let hooks = Hooks::default();
    let local =
        ProcessBuilder::new_typed_vector(workers, hooks.refill.clone(), hooks.spill.clone());
    let (builders, threads) =
        initialize_networking_from_sockets(local, links, process, workers, hooks)
            .map_err(failed)?;
    let builders = builders.into_iter().map(AllocatorBuilder::Tcp).collect();
    Ok((builders, NetworkGuard { sockets: kept, threads: Some(Box::new(threads)) }))
}

/// A connection to another process that turns its loss into a failure of the job.
///
/// Timely's network threads panic when a connection breaks, which would print a stack trace and
/// tell the workers nothing. Instead the job is failed and the thread unwinds in silence.
struct PeerSocket {
    socket: TcpStream,
    peer: usize,
    shared: Arc<Shared>,
}

impl PeerSocket {
    /// Waits a moment for what the links say about the peer: it may have finished, or have said
    /// why it failed, which explains more than a broken connection.
    fn is_over(&self) -> bool {
        let deadline = Instant::now() + EXPLAIN_WITHIN;
        while Instant::now() < deadline && !self.shared.has_failed() {
            if self.shared.verdict().is_some() {
                return true;
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
        false
    }

    fn lost(&self, attempted: &str, cause: &io::Error) -> ! {
        self.is_over();
        let reason = format!("the connection broke: {cause}");
        let attempted = format!("{attempted} process {}", self.peer);
        self.shared.fail(Error::new(ErrorKind::Peer, attempted, reason));
        self.outlive_workers();
        std::panic::resume_unwind(Box::new("a peer was lost"))
    }

    /// Waits until all workers of this process have left. A thread of timely's that unwinds breaks
    /// its channels, and a worker that drops a broken one may panic twice, which aborts.
    fn outlive_workers(&self) {
        while self.shared.are_workers_running() {
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }
}

impl Read for PeerSocket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.socket.read(into) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => self.lost("receive from", &cause),
                Ok(0) if !self.is_over() => {
                    self.lost("receive from", &io::ErrorKind::UnexpectedEof.into())
                }
                Ok(0) => {
                    // Timely unwinds if this is not where it expects the end.
                    self.outlive_workers();
                    return Ok(0);
                }
                Ok(count) => return Ok(count),
            }
        }
    }
}

impl Write for PeerSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.socket.write(bytes) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => self.lost("send to", &cause),
                Ok(count) => return Ok(count),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl Stream for PeerSocket {
    fn try_clone(&self) -> io::Result<Self> {
        let socket = self.socket.try_clone()?;
        Ok(Self { socket, peer: self.peer, shared: Arc::clone(&self.shared) })
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.set_nonblocking(nonblocking)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self.socket.shutdown(how) {
            // The peer may have left first.
            Err(cause) if cause.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}
