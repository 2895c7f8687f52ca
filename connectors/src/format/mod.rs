//! How bytes become records, and records bytes.
//!
//! A format is a small description that a connector is given: [`Text`], [`RawLines`],
//! [`JsonLines`], [`Csv`]. [`ReadFormat`] is its reading half, [`WriteFormat`] its writing half,
//! so that a record type needs only the half that is used. A format never reads or writes
//! anything itself.
//!
//! # Rules
//!
//! * All formats are framed by lines: a record never spans two of them. How a line is cut out of
//!   the bytes is the connector's work and the same for all; [`Framing`] says what a line keeps.
//! * A [`Decoder`] and an [`Encoder`] belong to one file or connection and are fresh at its start:
//!   so a header is read, or written, once for each.
//! * A line that cannot be understood is a reason, not an error: the connector follows the
//!   program's policy for bad records. The decoder goes on with the next line as if it had not
//!   seen this one.
//! * What an encoder writes, the decoder of the same format reads back as the same records, where
//!   the record type allows it.
//!
//! # Example
//!
//! A format of one's own: lines of `name value`.
//!
//! ```
//! use rheos_connectors::format::{Decoder, ReadFormat};
//!
//! #[derive(Clone)]
//! struct Pairs;
//!
//! impl ReadFormat for Pairs {
//!     type Record = (String, i64);
//!     type Decoder = Self;
//!     fn decoder(&self) -> Self {
//!         self.clone()
//!     }
//! }
//!
//! impl Decoder<(String, i64)> for Pairs {
//!     fn decode(&mut self, line: &[u8]) -> Result<Option<(String, i64)>, String> {
//!         let line = std::str::from_utf8(line).map_err(|error| error.to_string())?;
//!         let (name, value) = line.split_once(' ').ok_or("there is no space")?;
//!         let value = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
//!         Ok(Some((name.to_owned(), value)))
//!     }
//! }
//!
//! assert_eq!(Pairs.decoder().decode(b"width 7"), Ok(Some(("width".to_owned(), 7))));
//! assert!(Pairs.decoder().decode(b"width").is_err());
//! ```

mod csv;
mod json;
mod raw;
mod text;

#[cfg(test)]
mod tests;

use rheos_engine::Error;

pub use self::csv::{Csv, CsvDecoder, CsvEncoder};
pub use self::json::JsonLines;
pub use self::raw::RawLines;
pub use self::text::Text;

/// Bytes of one line at the most, unless the connector is told otherwise; 1 MiB.
pub const DEFAULT_LINE_BYTES: usize = 1 << 20;

/// What a decoder is given of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The line without its `\n` or `\r\n`. A line over the limit is a bad record. A byte order
    /// mark at the beginning of a file is dropped.
    Lines,
    /// The line with its `\n`, every byte as it was read. A line over the limit is handed over in
    /// pieces.
    RawLines,
}

/// What the first line of a file or connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstLine {
    /// A record like any other.
    Record,
    /// A header, for [`Decoder::header`]. A reader that begins in the middle of a file is given
    /// the header of its beginning.
    Header,
}

/// The reading half of a format. See the [module documentation](self) for the rules.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a format that can be read",
    note = "formats are `Text`, `RawLines`, `JsonLines<T>` and `Csv<T>`; for the latter two `T` derives serde's `Deserialize` and owns its data"
)]
pub trait ReadFormat: Clone + Send + Sync + 'static {
    /// What a line becomes.
    type Record: Send + 'static;
    /// What decodes the lines of one file or connection.
    type Decoder: Decoder<Self::Record>;

    /// A decoder for a file or connection that has not been read from.
    fn decoder(&self) -> Self::Decoder;

    /// What the decoder is given of a line; without the line's end by default.
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    /// What the first line is; a record by default.
    fn first_line(&self) -> FirstLine {
        FirstLine::Record
    }
}

/// Decodes the lines of one file or connection, in order.
pub trait Decoder<T>: 'static {
    /// Takes the header line; called once, before any other line, for formats that have one.
    ///
    /// # Errors
    /// Why the header is not understood; nothing of the file can be read then.
    fn header(&mut self, line: &[u8]) -> Result<(), String> {
        let _ = line;
        Ok(())
    }

    /// The record of a line; `None` for lines that hold none, like blank ones.
    ///
    /// # Errors
    /// Why the line is not understood, for the dead letter.
    fn decode(&mut self, line: &[u8]) -> Result<Option<T>, String>;
}

/// The writing half of a format. See the [module documentation](self) for the rules.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a format that can be written",
    note = "formats are `Text`, `RawLines`, `JsonLines<T>` and `Csv<T>`; for the latter two `T` derives serde's `Serialize`"
)]
pub trait WriteFormat: Clone + Send + Sync + 'static {
    /// What becomes a line.
    type Record: Send + 'static;
    /// What encodes the records of one file or connection.
    type Encoder: Encoder<Self::Record>;

    /// An encoder for a file or connection that has not been written to.
    fn encoder(&self) -> Self::Encoder;

    /// An encoder for what follows records that were written to the same file earlier: it writes no
    /// header. By default one that starts anew.
    fn continuing_encoder(&self) -> Self::Encoder {
        self.encoder()
    }

    /// The ending of the names of its files, without the dot.
    fn extension(&self) -> &'static str;
}

/// Encodes the records of one file or connection, in order.
pub trait Encoder<T>: 'static {
    /// Appends the lines of these records, after the header if nothing was encoded before.
    ///
    /// # Errors
    /// When a record cannot be expressed in this format; the job fails.
    fn encode(&mut self, records: &[T], into: &mut Vec<u8>) -> Result<(), Error>;
}
