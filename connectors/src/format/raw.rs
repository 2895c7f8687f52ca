//! Bytes as they are, cut behind each line end: for relaying what a program need not understand.
//!
//! It never changes, drops or refuses a byte.

use rheos_engine::Error;

use super::{Decoder, Encoder, Framing, ReadFormat, WriteFormat};

/// Lines of bytes, each with its line end, if it has one.
///
/// All records in order, put together, are the bytes that were read. A line over the limit comes
/// in pieces. Writing adds nothing.
///
/// ```
/// use rheos_connectors::format::{Decoder, RawLines, ReadFormat};
/// assert_eq!(RawLines.decoder().decode(b"\xff\r\n"), Ok(Some(b"\xff\r\n".to_vec())));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawLines;

impl ReadFormat for RawLines {
    type Record = Vec<u8>;
    type Decoder = Self;

    fn decoder(&self) -> Self {
        *self
    }

    fn framing(&self) -> Framing {
        Framing::RawLines
    }
}

impl Decoder<Vec<u8>> for RawLines {
    #[inline]
    fn decode(&mut self, line: &[u8]) -> Result<Option<Vec<u8>>, String> {
        Ok(Some(line.to_vec()))
    }
}

impl WriteFormat for RawLines {
    type Record = Vec<u8>;
    type Encoder = Self;

    fn encoder(&self) -> Self {
        *self
    }

    fn extension(&self) -> &'static str {
        "bin"
    }
}

impl Encoder<Vec<u8>> for RawLines {
    fn encode(&mut self, records: &[Vec<u8>], into: &mut Vec<u8>) -> Result<(), Error> {
        for record in records {
            into.extend_from_slice(record);
        }
        Ok(())
    }
}
