//! A block of bytes that is filled, handed over, emptied and filled again.
//!
//! Used between the reading threads and the workers. It never grows.

use std::io::{self, ErrorKind, Read};

/// Bytes of a block that is read into.
pub(crate) const BLOCK_BYTES: usize = 256 << 10;

/// A fixed allocation and how much of it is filled.
pub(crate) struct Block {
    bytes: Box<[u8]>,
    filled: usize,
}

impl Block {
    /// An empty block of [`BLOCK_BYTES`].
    pub(crate) fn new() -> Self {
        Self::of(BLOCK_BYTES)
    }

    /// An empty block of this size.
    pub(crate) fn of(bytes: usize) -> Self {
        assert!(bytes > 0, "a block holds at least one byte");
        Self { bytes: vec![0; bytes].into_boxed_slice(), filled: 0 }
    }

    /// What it holds.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Whether nothing more fits.
    pub(crate) fn is_full(&self) -> bool {
        self.filled == self.bytes.len()
    }

    /// Makes it empty.
    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }

    /// Adds what one call of `read` gives; zero at the end of the input.
    pub(crate) fn read_once(&mut self, read: &mut (impl Read + ?Sized)) -> io::Result<usize> {
        debug_assert!(!self.is_full(), "reading into a full block would look like the end");
        loop {
            match read.read(&mut self.bytes[self.filled..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.filled += count;
                    return Ok(count);
                }
            }
        }
    }

    /// Reads until it is full or the input has ended; zero when there was nothing.
    pub(crate) fn read_full(&mut self, read: &mut (impl Read + ?Sized)) -> io::Result<usize> {
        let before = self.filled;
        while !self.is_full() && self.read_once(read)? > 0 {}
        Ok(self.filled - before)
    }
}

#[cfg(test)]
impl From<&[u8]> for Block {
    fn from(bytes: &[u8]) -> Self {
        Self { filled: bytes.len(), bytes: bytes.into() }
    }
}
