//! New connections, accepted or made on a thread of their own.
//!
//! Used by sources that listen and by all socket sinks. There are never more connections open than
//! the rules allow: what is too much is closed at once, with a log line. It reads and writes
//! nothing.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, unbounded};
use rheos_engine::{Error, ErrorKind, Waker};
use socket2::{SockAddr, Socket, Type};

use super::Endpoint;

/// Clients that a listening source serves at the same time unless told otherwise.
pub const DEFAULT_MAX_CLIENTS: usize = 64;

/// The wait before accepting again when the process or machine is short of something.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// How long waking a thread that accepts may take.
const WAKE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a listener does with those who come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AcceptRules {
    /// Connections that are open at the same time at the most.
    pub(crate) max_clients: usize,
    /// Whether the source ends when all clients have gone.
    pub(crate) until_closed: bool,
}

impl Default for AcceptRules {
    fn default() -> Self {
        Self { max_clients: DEFAULT_MAX_CLIENTS, until_closed: false }
    }
}

/// A new connection.
pub(super) struct Arrival {
    /// The connection.
    pub(super) socket: Arc<Socket>,
    /// Who is there, for people.
    pub(super) name: String,
    /// Dropped when the connection is over.
    pub(super) seat: Seat,
}

/// One of the connections that may be open; free again when dropped.
pub(super) struct Seat(Arc<AtomicUsize>);

/// The worker's side: connections that have come. Dropping it ends the thread and stops listening.
pub(super) struct Arrivals {
    name: String,
    receiver: Receiver<Result<Arrival, Error>>,
    door: Option<Arc<Door>>,
    release: Option<Box<dyn FnOnce() + Send>>,
}

impl Arrivals {
    /// Accepts connections; wakes for each.
    pub(super) fn accept(
        endpoint: Arc<dyn Endpoint>,
        rules: AcceptRules,
        waker: Waker,
    ) -> Result<Self, Error> {
        let bound = endpoint.listen()?;
        let name = bound.name;
        tracing::info!(address = name, "listening");
        let door = Arc::new(Door { closed: AtomicBool::new(false), socket: bound.socket });
        // Bounded by the seats: a connection without one is closed. An error is the last message.
        let (sender, receiver) = unbounded();
        let porter = Porter {
            name: name.clone(),
            sender,
            endpoint,
            door: Arc::clone(&door),
            max_clients: rules.max_clients,
            taken: Arc::new(AtomicUsize::new(0)),
            came: 0,
            wake: WakeAtEnd(waker),
        };
        start(format!("accept {name}"), move || porter.run())?;
        Ok(Self { name, receiver, door: Some(door), release: Some(bound.release) })
    }

    /// Connects once; wakes when that is done.
    pub(super) fn dial(endpoint: Arc<dyn Endpoint>, waker: Waker) -> Result<Self, Error> {
        let (sender, receiver) = bounded(1);
        let name = endpoint.name().to_owned();
        let wake = WakeAtEnd(waker);
        start(format!("connect {name}"), move || {
            let connected = endpoint.connect().map(|socket| Arrival {
                socket: Arc::new(socket),
                name: endpoint.name().to_owned(),
                seat: Seat(Arc::new(AtomicUsize::new(1))),
            });
            // Nobody wants it any more if this fails.
            let _ = sender.send(connected);
            drop(sender);
            drop(wake);
        })?;
        Ok(Self { name, receiver, door: None, release: None })
    }

    /// The next connection, if one has come.
    pub(super) fn next(&self) -> Result<Option<Arrival>, Error> {
        match self.receiver.try_recv() {
            Ok(arrival) => arrival.map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(self.died()),
        }
    }

    /// The connection that was dialled, within the time that connecting may take; `None` where
    /// somebody may come or not.
    pub(super) fn wait_for_dialled(&self) -> Result<Option<Arrival>, Error> {
        match self.door {
            Some(_) => self.next(),
            None => self.receiver.recv().unwrap_or_else(|_| Err(self.died())).map(Some),
        }
    }

    fn died(&self) -> Error {
        let attempted = format!("wait for a connection at {}", self.name);
        Error::new(ErrorKind::Internal, attempted, "the thread that does has ended")
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        if let Some(door) = self.door.take() {
            door.close();
        }
        if let Some(release) = self.release.take() {
            release();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The listening socket.
struct Door {
    closed: AtomicBool,
    socket: Socket,
}

impl Door {
    /// Ends the thread that accepts.
    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // This ends an accept on Linux. Where it does not, a connection does.
        if self.socket.shutdown(Shutdown::Both).is_err()
            && let Ok(address) = self.socket.local_addr()
            && let Ok(knock) = Socket::new(address.domain(), Type::STREAM, None)
        {
            let _ = knock.connect_timeout(&address, WAKE_TIMEOUT);
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}

/// The thread that accepts. Fields drop in order: what wakes the worker comes last.
struct Porter {
    /// Where it accepts.
    name: String,
    sender: Sender<Result<Arrival, Error>>,
    endpoint: Arc<dyn Endpoint>,
    door: Arc<Door>,
    max_clients: usize,
    taken: Arc<AtomicUsize>,
    /// Connections so far.
    came: u64,
    wake: WakeAtEnd,
}

impl Porter {
    fn run(mut self) {
        loop {
            let accepted = self.door.socket.accept();
            if self.door.is_closed() {
                return;
            }
            let outcome = match accepted {
                Ok((socket, address)) => self.seat(socket, &address),
                Err(cause) if passes(&cause) => {
                    tracing::warn!(address = self.name, %cause, "accepted nothing");
                    std::thread::park_timeout(SHORTAGE_PAUSE);
                    continue;
                }
                Err(cause) => {
                    let attempted = format!("accept a connection at {}", self.name);
                    Some(Err(Error::io(attempted, cause)))
                }
            };
            let Some(outcome) = outcome else { continue };
            let last = outcome.is_err();
            if self.sender.send(outcome).is_err() || last {
                return;
            }
            self.wake.0.wake();
        }
    }

    /// Gives a connection a seat, or closes it.
    fn seat(&mut self, socket: Socket, address: &SockAddr) -> Option<Result<Arrival, Error>> {
        self.came += 1;
        let who = self.endpoint.name_of(address).unwrap_or_else(|| self.came.to_string());
        if self.taken.load(Ordering::SeqCst) >= self.max_clients {
            let (address, max) = (&self.name, self.max_clients);
            tracing::warn!(address, client = who, max, "closed a connection: there are too many");
            return None;
        }
        // Only this thread adds, so the bound holds.
        self.taken.fetch_add(1, Ordering::SeqCst);
        let seat = Seat(Arc::clone(&self.taken));
        let name = format!("client {who} of {}", self.name);
        tracing::info!(client = name, "connected");
        Some(Ok(Arrival { socket: Arc::new(socket), name, seat }))
    }
}

/// Wakes the worker when the thread ends, however that comes.
struct WakeAtEnd(Waker);

impl Drop for WakeAtEnd {
    fn drop(&mut self) {
        self.0.wake();
    }
}

/// Whether accepting may work again without anybody doing something about it.
fn passes(cause: &io::Error) -> bool {
    let shortages = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    matches!(cause.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
        || cause.raw_os_error().is_some_and(|code| shortages.contains(&code))
}

fn start(name: String, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    match std::thread::Builder::new().name(name.clone()).spawn(run) {
        Ok(_) => Ok(()),
        Err(cause) => Err(Error::io(format!("start the thread to {name}"), cause)),
    }
}
