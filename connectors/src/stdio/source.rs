//! The source that reads standard input.
//!
//! Used by programs through [`StdinSource`]. A thread reads; a thread that waits in a read when the
//! job is gone cannot be called back and ends with the next input or the process.

use rheos_engine::{
    BadRecords, Error, Position, Reader, ReaderContext, Source, Split, SplitContext,
};

use crate::format::ReadFormat;
use crate::io::{Blocks, LineReader, ReadProducer};
use crate::socket::LineOptions;

/// What the input is called.
const NAME: &str = "standard input";

/// Reads lines from standard input until its end.
///
/// One worker reads, in the first process of the job. A last line without an end is a line. A slow
/// job slows the program that writes the pipe.
///
/// ```
/// use rheos_connectors::{StdinSource, Text};
/// let lines = StdinSource::new(Text).max_line_bytes(64 << 10);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct StdinSource<F> {
    lines: LineOptions<F>,
}

impl<F: ReadFormat> StdinSource<F> {
    /// Reads records in this format.
    pub fn new(format: F) -> Self {
        Self { lines: LineOptions::new(format) }
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
}

impl<F: ReadFormat> Source for StdinSource<F> {
    type Record = F::Record;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        Ok(vec![Split { at_origin: true, ..Split::named(NAME) }])
    }

    fn open(
        &self,
        _split: &Split,
        _position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<F::Record>>, Error> {
        let producer = ReadProducer::new(NAME, std::io::stdin());
        let blocks = Blocks::new(NAME, producer, context.waker);
        Ok(Box::new(LineReader::new(&self.lines.format, blocks, self.lines.setup(NAME))))
    }

    fn bad_records(&self) -> BadRecords {
        self.lines.bad_records
    }
}
