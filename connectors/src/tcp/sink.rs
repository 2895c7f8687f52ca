//! The sink of lines over TCP.
//!
//! Used by programs through [`TcpSink`]; the work is done by `socket`. It never uses what the
//! other side sends.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use rheos_engine::{Delivery, Error, Placement, Sink, Writer, WriterContext};

use super::address::TcpAddress;
use crate::format::WriteFormat;
use crate::socket::{BoundAddress, Connecting, Listening, SocketSink};

/// Writes lines over TCP, to a server or to one client.
///
/// * The records of all workers are brought to one, in the first process of the job, which writes
///   to a single connection. They are sent at the end of each epoch at the latest.
/// * A slow reader slows the job and never grows it: about 4 MiB wait for it, beside what the
///   system's own buffers hold.
/// * When the job ends or is stopped, everything is sent and the writing half is closed, so that
///   the other side sees all bytes and then the end. It is given
///   [`LINGER`](crate::socket::LINGER) to close its half.
/// * Immediate: after a failure the other side may have seen records that a restarted job sends
///   again. A connection that breaks fails the job.
///
/// ```
/// use rheos_connectors::{TcpSink, Text};
///
/// // As into `nc -l 9999`.
/// let sink = TcpSink::connect("127.0.0.1:9999", Text);
/// // To the first client that comes; the job waits for it.
/// let sink = TcpSink::listen("127.0.0.1:0", Text);
/// let address = sink.bound();
/// ```
#[must_use]
pub struct TcpSink<F, How> {
    socket: SocketSink<F>,
    bound: BoundAddress,
    how: PhantomData<fn() -> How>,
}

impl<F: WriteFormat> TcpSink<F, Connecting> {
    /// Writes to the server at `host:port`. A connection that cannot be made fails the job.
    pub fn connect(address: impl Into<String>, format: F) -> Self {
        Self::of(TcpAddress::new(address), |address| SocketSink::connect(address, format))
    }
}

impl<F: WriteFormat> TcpSink<F, Listening> {
    /// Writes to the first client that connects to `host:port`, and then listens no more. The job
    /// is held until it comes. With port 0 the system chooses one, and [`bound`](Self::bound) says
    /// which.
    pub fn listen(address: impl Into<String>, format: F) -> Self {
        Self::of(TcpAddress::new(address), |address| SocketSink::listen(address, format))
    }

    /// Where it listens, once the job runs.
    #[must_use]
    pub fn bound(&self) -> BoundAddress {
        self.bound.clone()
    }
}

impl<F: WriteFormat, How> TcpSink<F, How> {
    /// How long a job that ends waits for an other side that takes nothing, before it fails;
    /// [`DEFAULT_FINISH_TIMEOUT`](crate::socket::DEFAULT_FINISH_TIMEOUT) without it. While the job
    /// runs it waits as long as it takes.
    pub fn finish_timeout(mut self, timeout: Duration) -> Self {
        self.socket.set_finish_timeout(timeout);
        self
    }

    fn of(address: TcpAddress, socket: impl FnOnce(TcpAddress) -> SocketSink<F>) -> Self {
        Self { bound: address.bound(), socket: socket(address), how: PhantomData }
    }
}

impl<F: WriteFormat, How: 'static> Sink for TcpSink<F, How> {
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

impl<F, How> fmt::Debug for TcpSink<F, How> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpSink").field(&self.socket.name()).finish()
    }
}
