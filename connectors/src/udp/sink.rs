//! The sink of records as datagrams.
//!
//! Used by programs through [`UdpSink`]. One record is one datagram; a thread sends them. It never
//! cuts a record, never repeats one, and does not know whether anybody receives it.

use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};

use rheos_engine::{
    CheckpointId, Delivery, Error, ErrorKind, Finish, Placement, Sink, Writer, WriterContext,
};

use super::UdpCounts;
use crate::format::{Encoder, WriteFormat};
use crate::io::{BlockWriter, Sunk};
use crate::socket::refused_address;

/// The most that a UDP datagram over IPv4 can hold: 65,535 bytes less the headers of IP and UDP
/// (RFC 791, RFC 768).
pub const MAX_DATAGRAM_BYTES: usize = 65_507;

/// Sends each record as one UDP datagram.
///
/// The records of all workers are brought to one, in the first process of the job. A datagram is
/// the lines of one record, with their ends. Nobody says whether it arrived: a receiver that is
/// slow or gone loses records, and the job does not learn of it. A record that is longer than a
/// datagram fails the job, unless told otherwise.
///
/// ```
/// use rheos_connectors::{JsonLines, UdpSink};
/// let sink = UdpSink::<JsonLines<u64>>::connect("127.0.0.1:9999", JsonLines::new())
///     .max_datagram_bytes(1_400)
///     .skip_too_long();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct UdpSink<F> {
    address: String,
    format: F,
    max_bytes: usize,
    too_long: TooLong,
    counts: UdpCounts,
}

/// What becomes of a record that is longer than a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TooLong {
    Fail,
    Skip,
}

impl<F: WriteFormat> UdpSink<F> {
    /// Sends to `host:port`.
    pub fn connect(address: impl Into<String>, format: F) -> Self {
        Self {
            address: address.into(),
            format,
            max_bytes: MAX_DATAGRAM_BYTES,
            too_long: TooLong::Fail,
            counts: UdpCounts::default(),
        }
    }

    /// Bytes of a datagram at the most; [`MAX_DATAGRAM_BYTES`] without it, which is also the most
    /// that it can be. About 1,400 pass most networks in one piece.
    pub fn max_datagram_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes.min(MAX_DATAGRAM_BYTES);
        self
    }

    /// Leaves out records that are too long, [counts](Self::counts) them as dropped and mentions
    /// them in the log; without it they fail the job.
    pub fn skip_too_long(mut self) -> Self {
        self.too_long = TooLong::Skip;
        self
    }

    /// What has been sent and left out, also for after the run.
    #[must_use]
    pub fn counts(&self) -> UdpCounts {
        self.counts.clone()
    }

    fn resolve(&self) -> Result<SocketAddr, Error> {
        let attempted = || format!("send to {}", self.address);
        let mut found =
            self.address.to_socket_addrs().map_err(|cause| refused_address(attempted(), cause))?;
        found.next().ok_or_else(|| Error::usage(attempted(), "the name has no address"))
    }
}

impl<F: WriteFormat> Sink for UdpSink<F> {
    type Record = F::Record;

    fn delivery(&self) -> Delivery {
        Delivery::Immediate
    }

    fn placement(&self) -> Placement {
        Placement::OneWorker
    }

    fn open(&self, context: WriterContext) -> Result<Box<dyn Writer<F::Record>>, Error> {
        let to = self.resolve()?;
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)
            .map_err(|cause| Error::io(format!("send to {}", self.address), cause))?;
        let datagrams = Datagrams { socket, to, counts: self.counts.clone() };
        let object = format!("datagrams to {}", self.address);
        let blocks = BlockWriter::spawn(object, datagrams, context.waker)?;
        let encoder = self.format.encoder();
        Ok(Box::new(UdpWriter { sink: self.clone(), encoder, blocks }))
    }
}

struct UdpWriter<F: WriteFormat> {
    sink: UdpSink<F>,
    encoder: F::Encoder,
    blocks: BlockWriter,
}

impl<F: WriteFormat> Writer<F::Record> for UdpWriter<F> {
    fn ready(&mut self) -> Result<bool, Error> {
        self.blocks.ready()
    }

    fn write(&mut self, batch: &mut Vec<F::Record>) -> Result<(), Error> {
        for record in batch.drain(..) {
            let mut datagram = self.blocks.empty_block();
            self.encoder.encode(&[record], &mut datagram)?;
            if datagram.len() <= self.sink.max_bytes {
                self.blocks.send(datagram)?;
            } else {
                self.sink.leave_out(datagram.len())?;
            }
        }
        Ok(())
    }

    fn prepare(&mut self, cut: CheckpointId) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.blocks.cut(cut)?.map(|_| Vec::new()))
    }

    fn finish(self: Box<Self>, _how: Finish) -> Result<(), Error> {
        self.blocks.close().map(drop)
    }
}

impl<F> UdpSink<F> {
    fn leave_out(&self, length: usize) -> Result<(), Error> {
        let max = self.max_bytes;
        match self.too_long {
            TooLong::Skip => {
                self.counts.drop_one(&self.address, "records are longer than a datagram may be");
                Ok(())
            }
            TooLong::Fail => Err(Error::new(
                ErrorKind::Data,
                format!("send a record to {}", self.address),
                format!("it has {length} bytes, a datagram at most {max}"),
            )
            .advise("leave such records out with UdpSink::skip_too_long")),
        }
    }
}

impl Sunk for Datagrams {}

/// Sends what is written at once as one datagram.
struct Datagrams {
    socket: UdpSocket,
    to: SocketAddr,
    counts: UdpCounts,
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        let sent = self.socket.send_to(datagram, self.to)?;
        self.counts.count(sent);
        Ok(sent)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
