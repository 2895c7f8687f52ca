//! Encodes records into blocks and hands these to a writing thread.
//!
//! Every sink of records in a format writes through an [`EncodedWriter`]: one for each file or
//! connection. It never holds back more than [`ENCODED_BYTES`] beyond the end of an epoch.

use rheos_engine::{CheckpointId, Error};

use super::BlockWriter;
use crate::format::{Encoder, WriteFormat};

/// Encoded bytes that are handed to the thread at once.
pub(crate) const ENCODED_BYTES: usize = 64 << 10;

/// Records that are encoded between two looks at the size of what is encoded.
const ENCODED_RECORDS: usize = 64;

/// Writes the records of one file or connection.
pub(crate) struct EncodedWriter<F: WriteFormat> {
    encoder: F::Encoder,
    encoded: Vec<u8>,
    blocks: BlockWriter,
    /// Bytes encoded so far.
    bytes: u64,
}

impl<F: WriteFormat> EncodedWriter<F> {
    /// Writes to `blocks` from their beginning.
    pub(crate) fn new(format: &F, blocks: BlockWriter) -> Self {
        Self { encoder: format.encoder(), encoded: Vec::new(), blocks, bytes: 0 }
    }

    /// Writes to `blocks` what follows records that were written earlier.
    pub(crate) fn continuing(format: &F, blocks: BlockWriter) -> Self {
        Self { encoder: format.continuing_encoder(), ..Self::new(format, blocks) }
    }

    /// Whether there is room; when not, the waker is called when there is.
    pub(crate) fn ready(&mut self) -> Result<bool, Error> {
        self.blocks.ready()
    }

    /// Encodes all records of the batch and leaves it empty.
    pub(crate) fn write(&mut self, batch: &mut Vec<F::Record>) -> Result<(), Error> {
        for records in batch.chunks(ENCODED_RECORDS) {
            let before = self.encoded.len();
            self.encoder.encode(records, &mut self.encoded)?;
            self.bytes += (self.encoded.len() - before) as u64;
            if self.encoded.len() >= ENCODED_BYTES {
                self.send()?;
            }
        }
        batch.clear();
        Ok(())
    }

    /// Hands over what is encoded and asks for it to be flushed: for immediate sinks, at the end
    /// of an epoch.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        if !self.encoded.is_empty() {
            self.send()?;
            self.blocks.flush()?;
        }
        Ok(())
    }

    /// Asks for everything that was written before the first call for this cut to be complete; says
    /// how long the output is there once it is. See [`BlockWriter::cut`].
    pub(crate) fn cut(&mut self, cut: CheckpointId) -> Result<Option<u64>, Error> {
        if !self.blocks.is_cutting(cut) {
            self.send()?;
        }
        self.blocks.cut(cut)
    }

    /// The same with nothing written any more. See [`BlockWriter::cut_last`].
    pub(crate) fn cut_last(&mut self) -> Result<Option<u64>, Error> {
        self.send()?;
        self.blocks.cut_last()
    }

    /// Writes everything and waits until that is done and closed.
    pub(crate) fn close(mut self) -> Result<u64, Error> {
        self.send()?;
        self.blocks.close()
    }

    /// Drops what is not written yet and waits until nothing is written any more.
    pub(crate) fn abandon(self) {
        self.blocks.abandon();
    }

    /// Bytes encoded so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn send(&mut self) -> Result<(), Error> {
        if self.encoded.is_empty() {
            return Ok(());
        }
        let next = self.blocks.empty_block();
        self.blocks.send(std::mem::replace(&mut self.encoded, next))
    }
}
