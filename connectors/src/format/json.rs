//! One JSON document a line, through serde.
//!
//! Used wherever records have fields. It never reads a document that spans lines.

use std::fmt;
use std::marker::PhantomData;

use rheos_engine::{Error, ErrorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Decoder, Encoder, ReadFormat, WriteFormat};

/// Lines that are each one JSON document of type `T`.
///
/// Blank lines are skipped. To be read, `T` is `DeserializeOwned`; to be written, `Serialize`.
///
/// ```
/// use rheos_connectors::format::{Decoder, JsonLines, ReadFormat};
///
/// #[derive(serde::Deserialize, Debug, PartialEq)]
/// struct Order { id: u64 }
///
/// let mut decoder = JsonLines::<Order>::new().decoder();
/// assert_eq!(decoder.decode(br#"{"id": 7}"#), Ok(Some(Order { id: 7 })));
/// assert_eq!(decoder.decode(b"  "), Ok(None));
/// assert!(decoder.decode(b"{}").is_err());
/// ```
pub struct JsonLines<T> {
    record: PhantomData<fn() -> T>,
}

impl<T> JsonLines<T> {
    /// The format for records of type `T`.
    #[must_use]
    pub fn new() -> Self {
        Self { record: PhantomData }
    }
}

impl<T> Default for JsonLines<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for JsonLines<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for JsonLines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonLines")
    }
}

impl<T: DeserializeOwned + Send + 'static> ReadFormat for JsonLines<T> {
    type Record = T;
    type Decoder = Self;

    fn decoder(&self) -> Self {
        Self::new()
    }
}

impl<T: DeserializeOwned + 'static> Decoder<T> for JsonLines<T> {
    fn decode(&mut self, line: &[u8]) -> Result<Option<T>, String> {
        if line.trim_ascii_start().is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(line).map(Some).map_err(|error| not_json(&error))
    }
}

impl<T: Serialize + Send + 'static> WriteFormat for JsonLines<T> {
    type Record = T;
    type Encoder = Self;

    fn encoder(&self) -> Self {
        Self::new()
    }

    fn extension(&self) -> &'static str {
        "jsonl"
    }
}

impl<T: Serialize + 'static> Encoder<T> for JsonLines<T> {
    fn encode(&mut self, records: &[T], into: &mut Vec<u8>) -> Result<(), Error> {
        for record in records {
            serde_json::to_writer(&mut *into, record).map_err(|error| {
                Error::new(ErrorKind::UserCode, "write a record as JSON", error.to_string())
            })?;
            into.push(b'\n');
        }
        Ok(())
    }
}

/// The reason of a line that is not the JSON it should be. serde_json counts lines within the
/// document, which is one line: only the column tells something.
#[cold]
fn not_json(error: &serde_json::Error) -> String {
    let column = error.column();
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or(&message);
    format!("it is not the expected JSON at column {column}: {reason}")
}
