//! The sink that writes standard output.
//!
//! Used by programs through [`StdoutSink`]. A thread writes whole blocks of lines, holding the
//! lock of standard output for each, so that other output of the program comes between lines and
//! never inside one.

use std::io::{self, ErrorKind, Write};

use rheos_engine::{
    CheckpointId, Delivery, Epoch, Error, Finish, Placement, Sink, Writer, WriterContext,
};

use crate::format::WriteFormat;
use crate::io::{BlockWriter, EncodedWriter, Sunk};

/// What the output is called.
const NAME: &str = "standard output";

/// Writes lines to standard output.
///
/// The records of all workers are brought to one, in the first process of the job. They appear at
/// the end of each epoch at the latest. A slow reader of the pipe slows the job: about 4 MiB wait
/// for it. A reader that closes the pipe fails the job.
///
/// Immediate: after a failure the output may hold records that a restarted job writes again. A
/// checkpoint counts only when the operating system has everything that was written before it.
///
/// ```
/// use rheos_connectors::{StdoutSink, Text};
/// let sink = StdoutSink::new(Text);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct StdoutSink<F> {
    format: F,
}

impl<F: WriteFormat> StdoutSink<F> {
    /// Writes records in this format.
    pub fn new(format: F) -> Self {
        Self { format }
    }
}

impl<F: WriteFormat> Sink for StdoutSink<F> {
    type Record = F::Record;

    fn delivery(&self) -> Delivery {
        Delivery::Immediate
    }

    fn placement(&self) -> Placement {
        Placement::OneWorker
    }

    fn open(&self, context: WriterContext) -> Result<Box<dyn Writer<F::Record>>, Error> {
        let blocks = BlockWriter::spawn(NAME, WholeBlocks, context.waker)?;
        Ok(Box::new(StdoutWriter { lines: EncodedWriter::<F>::new(&self.format, blocks) }))
    }
}

struct StdoutWriter<F: WriteFormat> {
    lines: EncodedWriter<F>,
}

impl<F: WriteFormat> Writer<F::Record> for StdoutWriter<F> {
    fn ready(&mut self) -> Result<bool, Error> {
        self.lines.ready()
    }

    fn write(&mut self, batch: &mut Vec<F::Record>) -> Result<(), Error> {
        self.lines.write(batch)
    }

    fn end_epoch(&mut self, _epoch: Epoch) -> Result<(), Error> {
        self.lines.flush()
    }

    fn prepare(&mut self, cut: CheckpointId) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.lines.cut(cut)?.map(|_| Vec::new()))
    }

    fn finish(self: Box<Self>, _how: Finish) -> Result<(), Error> {
        self.lines.close().map(drop)
    }
}

/// Standard output, locked and flushed for each block.
struct WholeBlocks;

impl Sunk for WholeBlocks {}

impl Write for WholeBlocks {
    fn write(&mut self, block: &[u8]) -> io::Result<usize> {
        let mut output = io::stdout().lock();
        match output.write_all(block).and_then(|()| output.flush()) {
            Ok(()) => Ok(block.len()),
            Err(cause) if cause.kind() == ErrorKind::BrokenPipe => {
                let reason = "the program that reads it has closed the pipe";
                Err(io::Error::new(ErrorKind::BrokenPipe, reason))
            }
            Err(cause) => Err(cause),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
