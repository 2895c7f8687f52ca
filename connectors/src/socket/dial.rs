//! Keeps a source connected, on the thread that reads.
//!
//! Used by sources that connect. The thread connects, reads until the connection ends, and, if it
//! was told to, waits and connects again: each connection then begins a new part, so that a line
//! which a connection left open is a line. It never reads from two connections at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rheos_engine::Error;
use socket2::Socket;

use super::Endpoint;
use super::retry::Retry;
use crate::io::{Begin, Block, Produce, Produced, Stop};

/// Connects and reads.
pub(super) struct Dialer {
    endpoint: Arc<dyn Endpoint>,
    retry: Option<Retry>,
    line: Arc<OpenLine>,
    state: State,
    /// Connections so far.
    connections: u64,
    /// Attempts in a row that gave nothing.
    failed: u32,
}

enum State {
    /// Never connected.
    New,
    Connected(Arc<Socket>),
    /// The last connection ended, or could not be made, for this reason.
    Lost(Option<Error>),
}

impl Dialer {
    /// A dialer that has not connected yet, and what hangs up for it.
    pub(super) fn new(endpoint: Arc<dyn Endpoint>, retry: Option<Retry>) -> (Self, Arc<OpenLine>) {
        let line = Arc::new(OpenLine::default());
        let kept = Arc::clone(&line);
        (Self { endpoint, retry, line, state: State::New, connections: 0, failed: 0 }, kept)
    }

    fn connect(&mut self) -> Result<Produced, Error> {
        let socket = match self.endpoint.connect() {
            Ok(socket) => Arc::new(socket),
            Err(error) => return self.lose(Some(error), Produced::Bytes),
        };
        if !self.line.put(&socket) {
            return Ok(Produced::End);
        }
        tracing::info!(address = self.endpoint.name(), "connected");
        self.state = State::Connected(socket);
        self.connections += 1;
        Ok(Produced::Bytes)
    }

    fn read(&mut self, socket: &Socket, block: &mut Block) -> Result<Produced, Error> {
        // What the next connection sends is the beginning of something else.
        let next =
            Produced::Begin(Begin { part: self.connections.to_string(), ..Begin::default() });
        match block.read_once(&mut &*socket) {
            Ok(0) => self.lose(None, next),
            Ok(_) => {
                self.failed = 0;
                Ok(Produced::Bytes)
            }
            Err(cause) => {
                let attempted = format!("read from {}", self.endpoint.name());
                self.lose(Some(Error::io(attempted, cause)), next)
            }
        }
    }

    /// There is no connection: that is the end, or an error, or a reason to try again and say
    /// `next` until then.
    fn lose(&mut self, reason: Option<Error>, next: Produced) -> Result<Produced, Error> {
        match (self.retry, reason) {
            (None, None) => Ok(Produced::End),
            (None, Some(error)) => Err(error),
            (Some(_), Some(error)) if !error.kind().can_retry() => Err(error),
            (Some(_), reason) => {
                self.state = State::Lost(reason);
                Ok(next)
            }
        }
    }

    fn try_again(&mut self, reason: Option<Error>, stop: &Stop) -> Result<Produced, Error> {
        let Some(wait) = self.retry.and_then(|retry| retry.wait_after(self.failed)) else {
            return Err(self.gave_up(reason));
        };
        tracing::warn!(
            address = self.endpoint.name(),
            reason = reason.map(|error| error.to_string()).unwrap_or_else(|| "closed".to_owned()),
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "not connected, trying again"
        );
        if stop.wait(wait) {
            return Ok(Produced::End);
        }
        self.failed += 1;
        self.connect()
    }

    fn gave_up(&self, reason: Option<Error>) -> Error {
        let name = self.endpoint.name();
        let error = reason.unwrap_or_else(|| {
            Error::new(
                rheos_engine::ErrorKind::External,
                format!("stay connected to {name}"),
                "it closes every connection without sending anything",
            )
        });
        error.advise(format!("gave up after {} attempts to connect again", self.failed))
    }
}

impl Produce for Dialer {
    fn produce(&mut self, block: &mut Block, stop: &Stop) -> Result<Produced, Error> {
        match std::mem::replace(&mut self.state, State::New) {
            State::New => self.connect(),
            State::Connected(socket) => {
                self.state = State::Connected(Arc::clone(&socket));
                self.read(&socket, block)
            }
            State::Lost(reason) => self.try_again(reason, stop),
        }
    }
}

/// The connection that is open now, so that it can be closed while the thread reads from it.
#[derive(Default)]
pub(super) struct OpenLine {
    state: Mutex<LineState>,
}

#[derive(Default)]
enum LineState {
    #[default]
    Idle,
    Open(Arc<Socket>),
    HungUp,
}

impl OpenLine {
    /// This is the connection now; false when nobody wants one any more.
    fn put(&self, socket: &Arc<Socket>) -> bool {
        let mut state = self.lock();
        let wanted = !matches!(*state, LineState::HungUp);
        if wanted {
            *state = LineState::Open(Arc::clone(socket));
        }
        wanted
    }

    /// Closes what is open and what will be.
    pub(super) fn hang_up(&self) {
        let before = std::mem::replace(&mut *self.lock(), LineState::HungUp);
        if let LineState::Open(socket) = before {
            // It fails when the other side was faster, which is as good.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    }

    fn lock(&self) -> MutexGuard<'_, LineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
