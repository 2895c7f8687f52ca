//! The source of records from sockets, for any kind of address.
//!
//! The public sources of `tcp` and `unix` wrap [`SocketSource`] and delegate to it. One split, read
//! by one worker; what was read is gone.

use std::sync::Arc;
use std::time::Duration;

use rheos_engine::{
    BadRecords, Error, Position, Reader, ReaderContext, Source, Split, SplitContext,
};

use super::Endpoint;
use super::arrivals::{AcceptRules, Arrivals};
use super::dial::Dialer;
use super::listen::ListenReader;
use super::retry::Retry;
use crate::format::{DEFAULT_LINE_BYTES, ReadFormat};
use crate::io::{Blocks, LineReader, LineSetup};

/// How the lines of a connection become records.
#[derive(Clone, Debug)]
pub(crate) struct LineOptions<F> {
    /// The format.
    pub(crate) format: F,
    /// Bytes of a line at the most; not zero.
    pub(crate) max_line_bytes: usize,
    /// What becomes of lines that are not understood.
    pub(crate) bad_records: BadRecords,
}

impl<F> LineOptions<F> {
    /// The defaults.
    pub(crate) fn new(format: F) -> Self {
        let bad_records = BadRecords::default();
        Self { format, max_line_bytes: DEFAULT_LINE_BYTES, bad_records }
    }

    /// Bounds a line.
    pub(crate) fn set_max_line_bytes(&mut self, bytes: usize) {
        assert!(bytes > 0, "a line may hold at least one byte");
        self.max_line_bytes = bytes;
    }

    /// What a reader of lines is told.
    pub(crate) fn setup(&self, origin: impl Into<String>) -> LineSetup {
        LineSetup { origin: origin.into(), max_line_bytes: self.max_line_bytes }
    }
}

/// A source of lines from sockets.
pub(crate) struct SocketSource<F> {
    endpoint: Arc<dyn Endpoint>,
    lines: LineOptions<F>,
    role: Role,
}

#[derive(Clone, Copy)]
enum Role {
    Connect(Option<Retry>),
    Listen(AcceptRules),
}

impl<F> SocketSource<F> {
    /// Reads from whoever listens there.
    pub(crate) fn connect(endpoint: impl Endpoint, format: F) -> Self {
        let (endpoint, lines) = (Arc::new(endpoint), LineOptions::new(format));
        Self { endpoint, lines, role: Role::Connect(None) }
    }

    /// Reads from whoever comes.
    pub(crate) fn listen(endpoint: impl Endpoint, format: F) -> Self {
        let (endpoint, lines) = (Arc::new(endpoint), LineOptions::new(format));
        Self { endpoint, lines, role: Role::Listen(AcceptRules::default()) }
    }

    /// How lines are read.
    pub(crate) fn lines_mut(&mut self) -> &mut LineOptions<F> {
        &mut self.lines
    }

    /// Connects again when the connection is lost.
    pub(crate) fn set_reconnect(&mut self, max_attempts: u32, backoff: Duration) {
        self.role = Role::Connect(Some(Retry { max_attempts, backoff }));
    }

    /// Changes whom a listening source lets in.
    pub(crate) fn change_rules(&mut self, change: impl FnOnce(&mut AcceptRules)) {
        if let Role::Listen(rules) = &mut self.role {
            change(rules);
        }
    }

    /// The address.
    pub(crate) fn name(&self) -> &str {
        self.endpoint.name()
    }
}

impl<F: ReadFormat> Source for SocketSource<F> {
    type Record = F::Record;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        Ok(vec![Split { at_origin: true, ..Split::named(self.endpoint.name()) }])
    }

    fn open(
        &self,
        _split: &Split,
        _position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<F::Record>>, Error> {
        let endpoint = Arc::clone(&self.endpoint);
        let waker = context.waker;
        match self.role {
            Role::Connect(retry) => {
                let name = endpoint.name().to_owned();
                let (dialer, line) = Dialer::new(endpoint, retry);
                let blocks =
                    Blocks::new(name.clone(), dialer, waker).with_shutdown(move || line.hang_up());
                Ok(Box::new(LineReader::new(&self.lines.format, blocks, self.lines.setup(name))))
            }
            Role::Listen(rules) => {
                let arrivals = Arrivals::accept(endpoint, rules, waker.clone())?;
                Ok(Box::new(ListenReader::new(arrivals, rules, self.lines.clone(), waker)))
            }
        }
    }

    fn bad_records(&self) -> BadRecords {
        self.lines.bad_records
    }
}
