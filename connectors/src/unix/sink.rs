//! The sink of lines over Unix domain sockets.
//!
//! Used by programs through [`UnixSink`]; the work is done by `socket`. It never uses what the
//! other side sends.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use rheos_engine::{Delivery, Error, Placement, Sink, Writer, WriterContext};

use super::path::UnixPath;
use crate::format::WriteFormat;
use crate::socket::{Connecting, Listening, SocketSink};

/// Writes lines to a Unix domain socket, to a server or to one client.
///
/// Everything is as for [`TcpSink`](crate::TcpSink), with a path instead of an address.
///
/// ```
/// use rheos_connectors::{RawLines, UnixSink};
///
/// let sink = UnixSink::connect("/run/app/events.sock", RawLines);
/// let sink = UnixSink::listen("/run/app/results.sock", RawLines);
/// ```
#[must_use]
pub struct UnixSink<F, How> {
    socket: SocketSink<F>,
    how: PhantomData<fn() -> How>,
}

impl<F: WriteFormat> UnixSink<F, Connecting> {
    /// Writes to the server at `path`. A connection that cannot be made fails the job.
    pub fn connect(path: impl Into<PathBuf>, format: F) -> Self {
        Self::of(SocketSink::connect(UnixPath::new(path), format))
    }
}

impl<F: WriteFormat> UnixSink<F, Listening> {
    /// Writes to the first client that connects to the socket file at `path`, and then listens no
    /// more. The job is held until it comes. The file is made by the job; one that an ended program
    /// left there is replaced.
    pub fn listen(path: impl Into<PathBuf>, format: F) -> Self {
        Self::of(SocketSink::listen(UnixPath::new(path), format))
    }
}

impl<F: WriteFormat, How> UnixSink<F, How> {
    /// How long a job that ends waits for an other side that takes nothing, before it fails;
    /// [`DEFAULT_FINISH_TIMEOUT`](crate::socket::DEFAULT_FINISH_TIMEOUT) without it. While the job
    /// runs it waits as long as it takes.
    pub fn finish_timeout(mut self, timeout: Duration) -> Self {
        self.socket.set_finish_timeout(timeout);
        self
    }

    fn of(socket: SocketSink<F>) -> Self {
        Self { socket, how: PhantomData }
    }
}

impl<F: WriteFormat, How: 'static> Sink for UnixSink<F, How> {
    type Record = F::Record;

    fn delivery(&self) -> Delivery {
        self.socket.delivery()
    }

    fn placement(&self) -> Placement {
        self.socket.placement()
    }

    fn open(&self, context: WriterContext) -> Result<Box<dyn Writer<F::Record>>, Error> {
        self.socket.open(context)
    }
}

impl<F, How> fmt::Debug for UnixSink<F, How> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnixSink").field(&self.socket.name()).finish()
    }
}
