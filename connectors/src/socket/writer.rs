//! Writes records to one connection.
//!
//! Used by all socket sinks. Until there is a connection the writer is not ready, so nothing is
//! queued for nobody. Then a thread writes, and what waits for a slow other side is bounded. It
//! blocks its worker only when it finishes, and then not for ever.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rheos_engine::{CheckpointId, Epoch, Error, Finish, Waker, Writer};
use socket2::Socket;

use super::arrivals::{Arrival, Arrivals};
use crate::format::WriteFormat;
use crate::io::{BlockWriter, EncodedWriter, Sunk};

/// How long a job that finishes waits for an other side that takes nothing, unless told otherwise.
pub const DEFAULT_FINISH_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a writer that has sent everything waits for the other side to close, too.
pub const LINGER: Duration = Duration::from_secs(1);

/// How often a write that waits looks whether the job has finished meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// The writer of one connection.
pub(super) struct SocketWriter<F: WriteFormat> {
    format: F,
    waker: Waker,
    finish_timeout: Duration,
    /// Set when the job has finished.
    finishing: Arc<AtomicBool>,
    state: State<F>,
}

enum State<F: WriteFormat> {
    Waiting(Arrivals),
    Connected(EncodedWriter<F>),
}

impl<F: WriteFormat> SocketWriter<F> {
    pub(super) fn new(
        format: F,
        arrivals: Arrivals,
        waker: Waker,
        finish_timeout: Duration,
    ) -> Self {
        let (finishing, state) = (Arc::default(), State::Waiting(arrivals));
        Self { format, waker, finish_timeout, finishing, state }
    }

    fn connected(&self, arrival: Arrival) -> Result<EncodedWriter<F>, Error> {
        let Arrival { socket, name, seat: _ } = arrival;
        let object = format!("the connection to {name}");
        socket
            .set_write_timeout(Some(LOOK_INTERVAL))
            .map_err(|cause| Error::io(format!("set a time-out for {object}"), cause))?;
        let steady = SteadySocket {
            socket: Arc::clone(&socket),
            finishing: Arc::clone(&self.finishing),
            finish_timeout: self.finish_timeout,
        };
        let blocks =
            BlockWriter::spawn(object, steady, self.waker.clone())?.with_shutdown(move || {
                // It fails when the other side was faster, which is as good.
                let _ = socket.shutdown(Shutdown::Both);
            });
        Ok(EncodedWriter::new(&self.format, blocks))
    }
}

impl<F: WriteFormat> Writer<F::Record> for SocketWriter<F> {
    fn ready(&mut self) -> Result<bool, Error> {
        if let State::Waiting(arrivals) = &self.state {
            let Some(arrival) = arrivals.next()? else {
                return Ok(false);
            };
            // This also stops listening: there is one client.
            self.state = State::Connected(self.connected(arrival)?);
        }
        match &mut self.state {
            State::Connected(writer) => writer.ready(),
            State::Waiting(_) => Ok(false),
        }
    }

    fn write(&mut self, batch: &mut Vec<F::Record>) -> Result<(), Error> {
        match &mut self.state {
            State::Connected(writer) => writer.write(batch),
            State::Waiting(_) => Err(Error::new(
                rheos_engine::ErrorKind::Internal,
                "write to a socket",
                "there is no connection yet and the writer has not said that it is ready",
            )),
        }
    }

    fn end_epoch(&mut self, _epoch: Epoch) -> Result<(), Error> {
        match &mut self.state {
            State::Connected(writer) => writer.flush(),
            State::Waiting(_) => Ok(()),
        }
    }

    fn prepare(&mut self, cut: CheckpointId) -> Result<Option<Vec<u8>>, Error> {
        if cut == CheckpointId::END {
            // The other side is not waited for without end any more.
            self.finishing.store(true, Ordering::SeqCst);
        }
        match &mut self.state {
            State::Connected(writer) => Ok(writer.cut(cut)?.map(|_| Vec::new())),
            State::Waiting(_) => Ok(Some(Vec::new())),
        }
    }

    fn finish(self: Box<Self>, how: Finish) -> Result<(), Error> {
        self.finishing.store(true, Ordering::SeqCst);
        let arrival = match (&self.state, how) {
            (State::Waiting(arrivals), Finish::Commit) => arrivals.wait_for_dialled()?,
            _ => None,
        };
        match (arrival, self.state) {
            // Nothing was written; who is there still sees the end.
            (Some(arrival), State::Waiting(_)) => {
                arrival.socket.shutdown(Shutdown::Write).map_err(|cause| {
                    Error::io(format!("close the connection to {}", arrival.name), cause)
                })
            }
            (_, State::Connected(writer)) => writer.close().map(drop),
            (None, State::Waiting(_)) => Ok(()),
        }
    }
}

/// A socket that waits for a slow other side as long as the job runs, and not for ever once the
/// job has finished.
struct SteadySocket {
    socket: Arc<Socket>,
    finishing: Arc<AtomicBool>,
    finish_timeout: Duration,
}

impl Write for SteadySocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut finishing_since = None;
        loop {
            match (&*self.socket).write(bytes) {
                Err(cause) if waited_in_vain(&cause) => {}
                outcome => return outcome,
            }
            if !self.finishing.load(Ordering::SeqCst) {
                continue;
            }
            let since: Instant = *finishing_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= self.finish_timeout {
                let reason =
                    format!("the other side has taken nothing for {:?}", self.finish_timeout);
                return Err(io::Error::new(ErrorKind::TimedOut, reason));
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sunk for SteadySocket {
    fn close(self) -> io::Result<u64> {
        self.shut().map(|()| 0)
    }
}

impl SteadySocket {
    /// Tells the other side that this was all, and gives it a moment to agree. What it sends until
    /// then is taken: closing a socket with unread bytes would make the system throw away what is
    /// still under way.
    fn shut(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)?;
        let deadline = Instant::now() + LINGER;
        let mut unwanted = [0; 4096];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.socket.set_read_timeout(Some(left))?;
            match (&*self.socket).read(&mut unwanted) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Ok(()),
            }
        }
    }
}

/// Whether a write came back because of its time-out, not because of the connection.
fn waited_in_vain(cause: &io::Error) -> bool {
    matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        && cause.raw_os_error() != Some(libc::ETIMEDOUT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    use crate::drive::PATIENCE;

    /// What a writer holds, the same socket once more, and the other side.
    fn connection() -> (SteadySocket, Arc<Socket>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        far.set_read_timeout(Some(PATIENCE)).unwrap();
        let socket: Arc<Socket> = Arc::new(near.into());
        let steady = SteadySocket {
            socket: Arc::clone(&socket),
            finishing: Arc::default(),
            finish_timeout: PATIENCE,
        };
        (steady, socket, far)
    }

    #[test]
    fn the_other_side_sees_the_end_before_the_socket_is_closed() {
        let (steady, _kept_open, mut far) = connection();
        let closing = std::thread::spawn(move || steady.shut());
        assert_eq!(far.read(&mut [0]).unwrap(), 0);
        drop(far);
        closing.join().unwrap().unwrap();
    }

    #[test]
    fn what_the_other_side_sends_is_taken_before_the_socket_is_closed() {
        let (steady, socket, mut far) = connection();
        far.write_all(&[b'x'; 20_000]).unwrap();
        far.shutdown(Shutdown::Write).unwrap();
        steady.shut().unwrap();
        assert_eq!((&*socket).read(&mut [0]).unwrap(), 0, "there are bytes left");
    }
}
