//! The source of lines in datagrams.
//!
//! Used by programs through [`UdpSource`]. One thread receives into a bounded queue and never
//! waits for the job; another one hands blocks to the worker. It never joins two datagrams into
//! one line, and never answers one.

use std::net::{Shutdown, UdpSocket};
use std::sync::Arc;

use rheos_engine::{
    BadRecords, Error, Position, Reader, ReaderContext, Source, Split, SplitContext,
};
use socket2::SockRef;

use super::UdpCounts;
use super::queue::DatagramQueue;
use crate::format::{FirstLine, Framing, ReadFormat};
use crate::io::{Begin, Block, Blocks, LineReader, Produce, Produced, Stop};
use crate::socket::{BoundAddress, LineOptions, refused_address};

/// More than a datagram can hold.
const RECEIVE_BYTES: usize = 1 << 16;

/// Reads lines from the UDP datagrams that arrive at an address.
///
/// * A datagram holds one or more lines; what follows its last line end is a line too. Never ends.
/// * One worker reads, in the first process of the job.
/// * UDP cannot slow its senders: when the job is slow,
///   [`RECEIVE_QUEUE_BYTES`](super::RECEIVE_QUEUE_BYTES) wait for it, and further datagrams are
///   dropped, [counted](Self::counts), and mentioned in the log.
/// * A format with a header takes the first line of all as the header.
///
/// ```
/// use rheos_connectors::{Text, UdpSource};
/// let lines = UdpSource::bind("127.0.0.1:0", Text);
/// let address = lines.bound();
/// let counts = lines.counts();
/// ```
#[derive(Debug)]
#[must_use]
pub struct UdpSource<F> {
    address: String,
    lines: LineOptions<F>,
    bound: BoundAddress,
    counts: UdpCounts,
}

impl<F: ReadFormat> UdpSource<F> {
    /// Receives at `host:port`; with port 0 the system chooses one, and [`bound`](Self::bound)
    /// says which.
    pub fn bind(address: impl Into<String>, format: F) -> Self {
        Self {
            address: address.into(),
            lines: LineOptions::new(format),
            bound: BoundAddress::default(),
            counts: UdpCounts::default(),
        }
    }

    /// What becomes of lines that are not understood; they fail the job without it.
    pub fn on_bad_record(mut self, policy: BadRecords) -> Self {
        self.lines.bad_records = policy;
        self
    }

    /// Bytes of a line at the most; longer ones are bad records. 1 MiB without it.
    ///
    /// # Panics
    /// When it is zero.
    pub fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.lines.set_max_line_bytes(bytes);
        self
    }

    /// Where it receives, once the job runs.
    #[must_use]
    pub fn bound(&self) -> BoundAddress {
        self.bound.clone()
    }

    /// What has been received and dropped, also for after the run.
    #[must_use]
    pub fn counts(&self) -> UdpCounts {
        self.counts.clone()
    }

    fn receive_at(&self) -> Result<UdpSocket, Error> {
        let attempted = || format!("receive at {}", self.address);
        let socket =
            UdpSocket::bind(&self.address).map_err(|cause| refused_address(attempted(), cause))?;
        let bound = socket.local_addr().map_err(|cause| Error::io(attempted(), cause))?;
        tracing::info!(address = %bound, "receiving datagrams");
        self.bound.set(bound);
        Ok(socket)
    }
}

impl<F: ReadFormat> Source for UdpSource<F> {
    type Record = F::Record;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        Ok(vec![Split { at_origin: true, ..Split::named(&self.address) }])
    }

    fn open(
        &self,
        _split: &Split,
        _position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<F::Record>>, Error> {
        let socket = Arc::new(self.receive_at()?);
        let queue = Arc::new(DatagramQueue::default());
        let receiver = Receiver {
            address: self.address.clone(),
            socket: Arc::clone(&socket),
            queue: Arc::clone(&queue),
            counts: self.counts.clone(),
        };
        std::thread::Builder::new()
            .name(format!("receive {}", self.address))
            .spawn(move || receiver.run())
            .map_err(|cause| {
                Error::io(format!("start the thread to receive at {}", self.address), cause)
            })?;
        let producer = DatagramProducer::new(Arc::clone(&queue), &self.lines.format);
        let blocks = Blocks::new(self.address.clone(), producer, context.waker)
            .with_shutdown(move || stop_receiving(&queue, &socket));
        let setup = self.lines.setup(&self.address);
        Ok(Box::new(LineReader::new(&self.lines.format, blocks, setup)))
    }

    fn bad_records(&self) -> BadRecords {
        self.lines.bad_records
    }
}

/// Ends both threads.
fn stop_receiving(queue: &DatagramQueue, socket: &UdpSocket) {
    queue.close();
    // On Linux this ends a receive, even though it reports that nobody is connected; elsewhere a
    // datagram does, which nobody reads.
    let _ = SockRef::from(socket).shutdown(Shutdown::Both);
    if let (Ok(address), Ok(knock)) = (socket.local_addr(), UdpSocket::bind("127.0.0.1:0")) {
        let _ = knock.send_to(&[], ("127.0.0.1", address.port()));
    }
}

/// The thread that receives.
struct Receiver {
    address: String,
    socket: Arc<UdpSocket>,
    queue: Arc<DatagramQueue>,
    counts: UdpCounts,
}

impl Receiver {
    fn run(self) {
        let mut datagram = vec![0; RECEIVE_BYTES];
        loop {
            let received = self.socket.recv_from(&mut datagram);
            if self.queue.is_closed() {
                return;
            }
            match received {
                Ok((length, _)) => self.take(&datagram[..length]),
                Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
                Err(cause) => {
                    return self
                        .queue
                        .fail(Error::io(format!("receive at {}", self.address), cause));
                }
            }
        }
    }

    fn take(&self, datagram: &[u8]) {
        if self.queue.push(datagram) {
            self.counts.count(datagram.len());
        } else {
            self.counts.drop_one(&self.address, "the job is slower than the datagrams come");
        }
    }
}

/// Fills blocks with datagrams.
struct DatagramProducer {
    queue: Arc<DatagramQueue>,
    open_lines: OpenLines,
    /// The datagram that is being copied, and how much of it has been.
    datagram: Vec<u8>,
    copied: usize,
    /// Bytes of all datagrams before that.
    offset: u64,
    /// The last datagram's last line has no end yet.
    is_open: bool,
}

/// How a line that a datagram leaves open is ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OpenLines {
    /// By a line end, which the framing takes off again.
    AddEnd,
    /// By beginning something else, because every byte counts.
    BeginAnew,
}

impl DatagramProducer {
    fn new(queue: Arc<DatagramQueue>, format: &impl ReadFormat) -> Self {
        let open_lines = match (format.framing(), format.first_line()) {
            (Framing::RawLines, FirstLine::Record) => OpenLines::BeginAnew,
            _ => OpenLines::AddEnd,
        };
        Self { queue, open_lines, datagram: Vec::new(), copied: 0, offset: 0, is_open: false }
    }

    /// Takes this datagram next.
    fn begin(&mut self, mut datagram: Vec<u8>) {
        self.offset += self.datagram.len() as u64;
        let is_open = !datagram.is_empty() && !datagram.ends_with(b"\n");
        match self.open_lines {
            OpenLines::AddEnd if is_open => datagram.push(b'\n'),
            OpenLines::AddEnd => {}
            OpenLines::BeginAnew => self.is_open = is_open,
        }
        self.datagram = datagram;
        self.copied = 0;
    }

    fn is_copied(&self) -> bool {
        self.copied == self.datagram.len()
    }

    fn copy(&mut self, block: &mut Block) -> Result<(), Error> {
        let copied = block.read_full(&mut &self.datagram[self.copied..]);
        self.copied += copied.map_err(|cause| Error::io("copy a datagram", cause))?;
        Ok(())
    }
}

impl Produce for DatagramProducer {
    fn produce(&mut self, block: &mut Block, _stop: &Stop) -> Result<Produced, Error> {
        if self.is_copied() {
            if std::mem::take(&mut self.is_open) {
                let offset = self.offset + self.datagram.len() as u64;
                return Ok(Produced::Begin(Begin { offset, ..Begin::default() }));
            }
            match self.queue.wait_and_pop()? {
                Some(datagram) => self.begin(datagram),
                None => return Ok(Produced::End),
            }
        }
        self.copy(block)?;
        while self.is_copied() && !self.is_open && !block.is_full() {
            let Some(datagram) = self.queue.pop() else { break };
            self.begin(datagram);
            self.copy(block)?;
        }
        Ok(Produced::Bytes)
    }
}
