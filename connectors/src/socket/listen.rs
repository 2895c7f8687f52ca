//! Reads from all clients of a listening source in turn.
//!
//! Each client has a thread, a decoder and a framing of its own, so their lines never mix inside a
//! line. What waits is bounded for each client. The reader never waits for any of them.

use std::net::Shutdown;
use std::sync::Arc;

use rheos_engine::{Error, ReadBuffer, ReadStatus, Reader, Waker};
use socket2::Socket;

use super::arrivals::{AcceptRules, Arrival, Arrivals, Seat};
use super::source::LineOptions;
use crate::format::ReadFormat;
use crate::io::{Block, Blocks, LineReader, Produce, Produced, Stop};

/// The reader of a listening source.
pub(super) struct ListenReader<F: ReadFormat> {
    arrivals: Arrivals,
    rules: AcceptRules,
    lines: LineOptions<F>,
    waker: Waker,
    clients: Vec<Client<F>>,
    /// The client whose turn it is.
    turn: usize,
    /// Whether anybody has ever come.
    has_served: bool,
}

struct Client<F: ReadFormat> {
    reader: LineReader<F>,
    /// Given up last, when nothing is read from the client any more.
    _seat: Seat,
}

impl<F: ReadFormat> ListenReader<F> {
    pub(super) fn new(
        arrivals: Arrivals,
        rules: AcceptRules,
        lines: LineOptions<F>,
        waker: Waker,
    ) -> Self {
        Self { arrivals, rules, lines, waker, clients: Vec::new(), turn: 0, has_served: false }
    }

    /// Lets in who has come.
    fn welcome(&mut self) -> Result<(), Error> {
        while let Some(Arrival { socket, name, seat }) = self.arrivals.next()? {
            let producer = ClientProducer { name: name.clone(), socket: Arc::clone(&socket) };
            let blocks =
                Blocks::new(name.clone(), producer, self.waker.clone()).with_shutdown(move || {
                    // It fails when the client was faster, which is as good.
                    let _ = socket.shutdown(Shutdown::Both);
                });
            let reader = LineReader::new(&self.lines.format, blocks, self.lines.setup(name));
            self.clients.push(Client { reader, _seat: seat });
            self.has_served = true;
        }
        Ok(())
    }
}

impl<F: ReadFormat> Reader<F::Record> for ListenReader<F> {
    fn read(&mut self, buffer: &mut ReadBuffer<F::Record>) -> Result<ReadStatus, Error> {
        self.welcome()?;
        let mut has_more = false;
        let mut unasked = self.clients.len();
        while unasked > 0 {
            if buffer.is_full() {
                return Ok(ReadStatus::More);
            }
            unasked -= 1;
            self.turn = if self.turn < self.clients.len() { self.turn } else { 0 };
            match self.clients[self.turn].reader.read(buffer)? {
                // Whoever comes next in the list takes its place, and the turn.
                ReadStatus::End => drop(self.clients.remove(self.turn)),
                status => {
                    has_more |= status == ReadStatus::More;
                    self.turn += 1;
                }
            }
        }
        if has_more {
            return Ok(ReadStatus::More);
        }
        self.welcome_before_the_end()
    }
}

impl<F: ReadFormat> ListenReader<F> {
    /// Whether everybody has gone, now that nobody has anything to say.
    fn welcome_before_the_end(&mut self) -> Result<ReadStatus, Error> {
        if !self.clients.is_empty() || !self.rules.until_closed || !self.has_served {
            return Ok(ReadStatus::Pending);
        }
        self.welcome()?;
        Ok(if self.clients.is_empty() { ReadStatus::End } else { ReadStatus::More })
    }
}

/// Reads from one client. A client that breaks off ends itself, not the job.
struct ClientProducer {
    name: String,
    socket: Arc<Socket>,
}

impl Produce for ClientProducer {
    fn produce(&mut self, block: &mut Block, _stop: &Stop) -> Result<Produced, Error> {
        match block.read_once(&mut &*self.socket) {
            Ok(0) => {
                tracing::info!(client = self.name, "disconnected");
                Ok(Produced::End)
            }
            Ok(_) => Ok(Produced::Bytes),
            Err(cause) => {
                tracing::warn!(client = self.name, %cause, "lost the connection");
                Ok(Produced::End)
            }
        }
    }
}
