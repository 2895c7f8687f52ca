//! Lines of UTF-8 as strings: for logs, words and everything a program parses itself.
//!
//! It never repairs a line: bytes that are not UTF-8 make it a bad record.

use rheos_engine::Error;

use super::{Decoder, Encoder, ReadFormat, WriteFormat};

/// Lines of UTF-8 text; the record is the line without its end.
///
/// ```
/// use rheos_connectors::format::{Decoder, ReadFormat, Text};
/// let mut decoder = Text.decoder();
/// assert_eq!(decoder.decode("ρέος".as_bytes()), Ok(Some("ρέος".to_owned())));
/// assert!(decoder.decode(b"\xff").is_err());
/// ```
///
/// When writing, each record is followed by `\n`; a record that holds one reads back as two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text;

impl ReadFormat for Text {
    type Record = String;
    type Decoder = Self;

    fn decoder(&self) -> Self {
        *self
    }
}

impl Decoder<String> for Text {
    #[inline]
    fn decode(&mut self, line: &[u8]) -> Result<Option<String>, String> {
        match std::str::from_utf8(line) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(error) => Err(not_utf8(error)),
        }
    }
}

impl WriteFormat for Text {
    type Record = String;
    type Encoder = Self;

    fn encoder(&self) -> Self {
        *self
    }

    fn extension(&self) -> &'static str {
        "txt"
    }
}

impl Encoder<String> for Text {
    fn encode(&mut self, records: &[String], into: &mut Vec<u8>) -> Result<(), Error> {
        for record in records {
            into.extend_from_slice(record.as_bytes());
            into.push(b'\n');
        }
        Ok(())
    }
}

/// The reason of a line that is not UTF-8.
#[cold]
fn not_utf8(error: std::str::Utf8Error) -> String {
    format!("it is not UTF-8 from byte {} on", error.valid_up_to())
}
