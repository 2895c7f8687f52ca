//! The source of lines over Unix domain sockets.
//!
//! Used by programs through [`UnixSource`]; the work is done by `socket`. It never writes to a
//! connection.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use rheos_engine::{
    BadRecords, Error, Position, Reader, ReaderContext, Source, Split, SplitContext,
};

use super::path::UnixPath;
use crate::format::ReadFormat;
use crate::socket::{Connecting, Listening, SocketSource};

/// Reads lines from Unix domain sockets, from a server or from clients.
///
/// Everything is as for [`TcpSource`](crate::TcpSource), with a path instead of an address.
///
/// ```
/// use std::time::Duration;
/// use rheos_connectors::{RawLines, UnixSource};
///
/// let lines = UnixSource::connect("/run/app/events.sock", RawLines);
/// let lines = UnixSource::connect("/run/app/events.sock", RawLines)
///     .reconnect(10, Duration::from_millis(200));
/// let lines = UnixSource::listen("/run/app/jobs.sock", RawLines).until_closed();
/// ```
#[must_use]
pub struct UnixSource<F, How> {
    socket: SocketSource<F>,
    how: PhantomData<fn() -> How>,
}

impl<F: ReadFormat> UnixSource<F, Connecting> {
    /// Reads from the server at `path`; the end of the connection is the end of the input. A
    /// connection that cannot be made, or breaks, fails the job.
    pub fn connect(path: impl Into<PathBuf>, format: F) -> Self {
        Self::of(SocketSource::connect(UnixPath::new(path), format))
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

impl<F: ReadFormat> UnixSource<F, Listening> {
    /// Reads from all clients that connect to the socket file at `path`, which is made by the job
    /// and removed when the source is closed. A file that an ended program left there is replaced.
    /// Never ends by itself, unless told to. A client that breaks off ends itself and not the job.
    pub fn listen(path: impl Into<PathBuf>, format: F) -> Self {
        Self::of(SocketSource::listen(UnixPath::new(path), format))
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
}

impl<F: ReadFormat, How> UnixSource<F, How> {
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

    fn of(socket: SocketSource<F>) -> Self {
        Self { socket, how: PhantomData }
    }
}

impl<F: ReadFormat, How: 'static> Source for UnixSource<F, How> {
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

impl<F, How> fmt::Debug for UnixSource<F, How> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnixSource").field(&self.socket.name()).finish()
    }
}
