//! Comma-separated values through serde, one record a line.
//!
//! Used for tables from and for other programs. It never reads a quoted field that holds a line
//! break: such a line is a bad record, because lines frame all formats.

use std::fmt;
use std::marker::PhantomData;

use ::csv::{ByteRecord, WriterBuilder};
use csv_core::ReadRecordResult;
use rheos_engine::{Error, ErrorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Decoder, Encoder, FirstLine, ReadFormat, WriteFormat};

/// Lines of fields, separated by a comma unless told otherwise, quoted by `"`.
///
/// By default the first line of each file names the fields: columns are matched to the fields of
/// `T` by name, in any order, and a line with another number of fields is a bad record. Blank
/// lines are skipped.
///
/// ```
/// use rheos_connectors::format::{Csv, Decoder, ReadFormat};
///
/// #[derive(serde::Deserialize, Debug, PartialEq)]
/// struct Order { id: u64, name: String }
///
/// let mut decoder = Csv::<Order>::new().decoder();
/// decoder.header(b"name,id").unwrap();
/// let order = Order { id: 7, name: "a, b".to_owned() };
/// assert_eq!(decoder.decode(b"\"a, b\",7"), Ok(Some(order)));
/// ```
pub struct Csv<T> {
    first_line: FirstLine,
    delimiter: u8,
    record: PhantomData<fn() -> T>,
}

impl<T> Csv<T> {
    /// Comma-separated, with a header.
    #[must_use]
    pub fn new() -> Self {
        Self { first_line: FirstLine::Header, delimiter: b',', record: PhantomData }
    }

    /// The first line of each file names the fields; this is the default.
    #[must_use]
    pub fn with_header(mut self) -> Self {
        self.first_line = FirstLine::Header;
        self
    }

    /// There is no header: fields are matched to those of `T` by their position.
    #[must_use]
    pub fn by_position(mut self) -> Self {
        self.first_line = FirstLine::Record;
        self
    }

    /// The byte between two fields; a comma by default.
    ///
    /// # Panics
    /// When it is a quote or a line end.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        assert!(!b"\"\r\n".contains(&delimiter), "a quote or line end cannot separate CSV fields");
        self.delimiter = delimiter;
        self
    }
}

impl<T> Default for Csv<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Csv<T> {
    fn clone(&self) -> Self {
        Self { record: PhantomData, ..*self }
    }
}

impl<T> fmt::Debug for Csv<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Csv")
            .field("first_line", &self.first_line)
            .field("delimiter", &char::from(self.delimiter))
            .finish_non_exhaustive()
    }
}

impl<T: DeserializeOwned + Send + 'static> ReadFormat for Csv<T> {
    type Record = T;
    type Decoder = CsvDecoder<T>;

    fn decoder(&self) -> CsvDecoder<T> {
        CsvDecoder {
            parser: csv_core::ReaderBuilder::new().delimiter(self.delimiter).build(),
            header: None,
            fields: ByteRecord::new(),
            unquoted: Vec::new(),
            ends: Vec::new(),
            record: PhantomData,
        }
    }

    fn first_line(&self) -> FirstLine {
        self.first_line
    }
}

/// Decodes the lines of one CSV file.
pub struct CsvDecoder<T> {
    parser: csv_core::Reader,
    header: Option<ByteRecord>,
    /// The fields of the current line.
    fields: ByteRecord,
    /// The bytes of all fields of the current line, without quotes.
    unquoted: Vec<u8>,
    /// Where each field ends in `unquoted`.
    ends: Vec<usize>,
    record: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + 'static> Decoder<T> for CsvDecoder<T> {
    fn header(&mut self, line: &[u8]) -> Result<(), String> {
        if std::str::from_utf8(line).is_err() {
            return Err("the header is not UTF-8".to_owned());
        }
        self.parse(line)?;
        self.header = Some(std::mem::take(&mut self.fields));
        Ok(())
    }

    fn decode(&mut self, line: &[u8]) -> Result<Option<T>, String> {
        if line.is_empty() {
            return Ok(None);
        }
        self.parse(line)?;
        if let Some(header) = &self.header
            && header.len() != self.fields.len()
        {
            let (found, named) = (self.fields.len(), header.len());
            return Err(format!("it has {found} fields, the header names {named}"));
        }
        match self.fields.deserialize(self.header.as_ref()) {
            Ok(record) => Ok(Some(record)),
            Err(error) => Err(self.not_understood(&error)),
        }
    }
}

impl<T> CsvDecoder<T> {
    /// Cuts a line into `fields`.
    fn parse(&mut self, line: &[u8]) -> Result<(), String> {
        self.parser.reset();
        // Unquoting never lengthens a line, and a field needs at least its delimiter.
        self.unquoted.resize(self.unquoted.len().max(line.len() + 1), 0);
        self.ends.resize(self.ends.len().max(line.len() + 2), 0);
        let (_, _, mut bytes, mut fields) =
            self.parser.read_record(line, &mut self.unquoted, &mut self.ends);
        let (result, _, more_bytes, more_fields) =
            self.parser.read_record(b"\n", &mut self.unquoted[bytes..], &mut self.ends[fields..]);
        bytes += more_bytes;
        fields += more_fields;
        if !matches!(result, ReadRecordResult::Record) {
            return Err("a quoted field does not end on its line".to_owned());
        }
        debug_assert!(bytes <= line.len() + 1 && fields <= line.len() + 2);
        self.fields.clear();
        let mut start = 0;
        for &end in &self.ends[..fields] {
            self.fields.push_field(&self.unquoted[start..end]);
            start = end;
        }
        Ok(())
    }

    #[cold]
    fn not_understood(&self, error: &::csv::Error) -> String {
        let ::csv::ErrorKind::Deserialize { err, .. } = error.kind() else {
            return error.to_string();
        };
        let field = err.field().and_then(|field| usize::try_from(field).ok());
        let name = field.and_then(|field| self.header.as_ref()?.get(field));
        match (field, name) {
            (_, Some(name)) => {
                format!("field `{}`: {}", String::from_utf8_lossy(name), err.kind())
            }
            (Some(field), None) => format!("field {}: {}", field + 1, err.kind()),
            (None, None) => err.kind().to_string(),
        }
    }
}

impl<T: Serialize + Send + 'static> WriteFormat for Csv<T> {
    type Record = T;
    type Encoder = CsvEncoder<T>;

    fn encoder(&self) -> CsvEncoder<T> {
        CsvEncoder {
            header_due: self.first_line == FirstLine::Header,
            delimiter: self.delimiter,
            record: PhantomData,
        }
    }

    fn continuing_encoder(&self) -> CsvEncoder<T> {
        CsvEncoder { header_due: false, ..self.encoder() }
    }

    fn extension(&self) -> &'static str {
        "csv"
    }
}

/// Encodes the records of one CSV file; the header comes with the first of them.
#[derive(Debug)]
pub struct CsvEncoder<T> {
    header_due: bool,
    delimiter: u8,
    record: PhantomData<fn() -> T>,
}

impl<T: Serialize + 'static> Encoder<T> for CsvEncoder<T> {
    fn encode(&mut self, records: &[T], into: &mut Vec<u8>) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let header = std::mem::take(&mut self.header_due);
        let mut writer =
            WriterBuilder::new().has_headers(header).delimiter(self.delimiter).from_writer(into);
        for record in records {
            writer.serialize(record).map_err(|error| {
                Error::new(ErrorKind::UserCode, "write a record as CSV", error.to_string())
            })?;
        }
        writer.flush().map_err(|error| Error::io("write records as CSV", error))
    }
}
