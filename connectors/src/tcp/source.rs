//! The source of lines over TCP.
//!
//! Used by programs through [`TcpSource`]; the work is done by `socket`. It never writes to a
//! connection.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use rheos_engine::{
    BadRecords, Error, Position, Reader, ReaderContext, Source, Split, SplitContext,
};

use super::address::TcpAddress;
use crate::format::ReadFormat;
use crate::socket::{BoundAddress, Connecting, Listening, SocketSource};

/// Reads lines over TCP, from a server or from clients.
///
/// * One worker reads, in the first process of the job. Each connection is read by a thread of its
///   own and has a framing of its own: lines of several clients never mix inside a line, and a
///   line that a connection leaves open when it ends is a line.
/// * A slow job slows the other side: about 1.5 MiB a connection are read ahead, then TCP's own
///   flow control holds it.
/// * What was read is gone: after a failure a restarted job goes on with what comes then.
///
/// ```
/// use std::time::Duration;
/// use rheos_connectors::{TcpSource, Text};
///
/// // As `nc host port` would: the end of the connection is the end of the input.
/// let lines = TcpSource::connect("127.0.0.1:9999", Text);
/// // Or for ever, with at most ten attempts in a row to get it back.
/// let lines = TcpSource::connect("127.0.0.1:9999", Text).reconnect(10, Duration::from_millis(200));
/// // From everybody who connects, until the last one has gone.
/// let lines = TcpSource::listen("127.0.0.1:0", Text).max_clients(8).until_closed();
/// let address = lines.bound();
/// ```
#[must_use]
pub struct TcpSource<F, How> {
    socket: SocketSource<F>,
    bound: BoundAddress,
    how: PhantomData<fn() -> How>,
}

impl<F: ReadFormat> TcpSource<F, Connecting> {
    /// Reads from the server at `host:port`; the end of the connection is the end of the input. A
    /// connection that cannot be made, or breaks, fails the job.
    pub fn connect(address: impl Into<String>, format: F) -> Self {
        Self::of(TcpAddress::new(address), |address| SocketSource::connect(address, format))
    }

    /// Connects again when the connection cannot be made, ends or breaks: the input has no end.
    ///
    /// Waits `backoff` before the first new attempt and twice as long before each further one, at
    /// most [`LONGEST_BACKOFF`](crate::socket::LONGEST_BACKOFF). The job fails when `max_attempts`
    /// in a row have brought no byte.
    pub fn reconnect(mut self, max_attempts: u32, backoff: Duration) -> Self {
        self.socket.set_reconnect(max_attempts, backoff);
        self
    }
}

impl<F: ReadFormat> TcpSource<F, Listening> {
    /// Reads from all clients that connect to `host:port`; with port 0 the system chooses one, and
    /// [`bound`](Self::bound) says which. Never ends by itself, unless told to. A client that
    /// breaks off ends itself and not the job.
    pub fn listen(address: impl Into<String>, format: F) -> Self {
        Self::of(TcpAddress::new(address), |address| SocketSource::listen(address, format))
    }

    /// Serves this many clients at the same time; further ones are closed at once, with a line in
    /// the log. [`DEFAULT_MAX_CLIENTS`](crate::socket::DEFAULT_MAX_CLIENTS) without it.
    ///
    /// # Panics
    /// When it is zero.
    pub fn max_clients(mut self, clients: usize) -> Self {
        assert!(clients > 0, "a listening source serves at least one client");
        self.socket.change_rules(|rules| rules.max_clients = clients);
        self
    }

    /// Ends when at least one client has come and the last one has gone.
    pub fn until_closed(mut self) -> Self {
        self.socket.change_rules(|rules| rules.until_closed = true);
        self
    }

    /// Where it listens, once the job runs.
    #[must_use]
    pub fn bound(&self) -> BoundAddress {
        self.bound.clone()
    }
}

impl<F: ReadFormat, How> TcpSource<F, How> {
    /// What becomes of lines that are not understood; they fail the job without it.
    pub fn on_bad_record(mut self, policy: BadRecords) -> Self {
        self.socket.lines_mut().bad_records = policy;
        self
    }

    /// Bytes of a line at the most; longer ones are bad records. 1 MiB without it.
    ///
    /// # Panics
    /// When it is zero.
    pub fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.socket.lines_mut().set_max_line_bytes(bytes);
        self
    }

    fn of(address: TcpAddress, socket: impl FnOnce(TcpAddress) -> SocketSource<F>) -> Self {
        Self { bound: address.bound(), socket: socket(address), how: PhantomData }
    }
}

impl<F: ReadFormat, How: 'static> Source for TcpSource<F, How> {
    type Record = F::Record;

    fn splits(&self, context: &SplitContext) -> Result<Vec<Split>, Error> {
        self.socket.splits(context)
    }

    fn open(
        &self,
        split: &Split,
        position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<F::Record>>, Error> {
        self.socket.open(split, position, context)
    }

    fn bad_records(&self) -> BadRecords {
        self.socket.bad_records()
    }
}

impl<F, How> fmt::Debug for TcpSource<F, How> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpSource").field(&self.socket.name()).finish()
    }
}
