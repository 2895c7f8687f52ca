//! A reader of lines: joins a reading thread, the cutting of lines and a decoder.
//!
//! Every line-framed source uses [`LineReader`]. It never blocks, and gives up nothing silently:
//! what it cannot understand goes to the program's policy for bad records.

use rheos_engine::{DeadLetter, Error, ErrorKind, Position, ReadBuffer, ReadStatus, Reader};

use super::framer::{Line, LineFramer};
use super::reader::Next;
use super::{Begin, Blocks};
use crate::format::{Decoder, FirstLine, Framing, ReadFormat};

/// What some programs write before the text of a file; it is no part of it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a [`LineReader`] is told about its input.
pub(crate) struct LineSetup {
    /// The split, as dead letters name it.
    pub(crate) origin: String,
    /// Bytes of a line at the most, without its end.
    pub(crate) max_line_bytes: usize,
}

/// Reads the records of one split.
pub(crate) struct LineReader<F: ReadFormat> {
    format: F,
    decoder: F::Decoder,
    blocks: Blocks,
    framer: LineFramer,
    setup: LineSetup,
    /// The part that is being read, in its producer's words.
    part: String,
    /// Whether the next line is the first of its file.
    at_first_line: bool,
    /// Whether the producer said where its bytes begin.
    has_begun: bool,
    /// Up to which offset bytes have been counted.
    counted: u64,
}

/// Where a [`LineReader`] is: behind the last line it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinePosition<'a> {
    /// The part, in the producer's words.
    pub(crate) part: &'a str,
    /// The byte offset in it.
    pub(crate) offset: u64,
}

impl<F: ReadFormat> LineReader<F> {
    /// Reads from `blocks`, which start at offset zero unless they say otherwise.
    pub(crate) fn new(format: &F, blocks: Blocks, setup: LineSetup) -> Self {
        Self {
            decoder: format.decoder(),
            framer: LineFramer::new(format.framing(), setup.max_line_bytes),
            format: format.clone(),
            blocks,
            setup,
            part: String::new(),
            at_first_line: true,
            has_begun: false,
            counted: 0,
        }
    }

    /// Where it is; `None` before anything is known.
    pub(crate) fn line_position(&self) -> Option<LinePosition<'_>> {
        let position = LinePosition { part: &self.part, offset: self.framer.offset() };
        (self.has_begun || position.offset > 0).then_some(position)
    }

    fn read_lines(&mut self, buffer: &mut ReadBuffer<F::Record>) -> Result<ReadStatus, Error> {
        let mut has_taken_block = false;
        loop {
            if self.take_lines(buffer)? == Taken::BufferFull {
                return Ok(ReadStatus::More);
            }
            if has_taken_block {
                // However few records a block gives, the worker has other things to do too.
                return Ok(ReadStatus::More);
            }
            match self.blocks.next()? {
                Next::Block(block) => {
                    has_taken_block = true;
                    if let Some(emptied) = self.framer.feed(block) {
                        self.blocks.recycle(emptied);
                    }
                }
                Next::Begin(begin) => {
                    // No two parts in one call: who tracks positions sees each of them.
                    self.begin(begin, buffer)?;
                    return Ok(ReadStatus::More);
                }
                Next::Pending => return Ok(ReadStatus::Pending),
                Next::End => {
                    self.take_last_line(buffer)?;
                    return Ok(ReadStatus::End);
                }
            }
        }
    }

    /// The loop over all lines of all inputs.
    #[inline]
    fn take_lines(&mut self, buffer: &mut ReadBuffer<F::Record>) -> Result<Taken, Error> {
        while !buffer.is_full() {
            let Some(line) = self.framer.next_line() else {
                return Ok(Taken::BlockEmpty);
            };
            let outcome = if std::mem::take(&mut self.at_first_line) {
                take_first_line(&self.format, &mut self.decoder, line, &self.setup.origin)?
            } else {
                understand(&mut self.decoder, line)
            };
            match outcome {
                Ok(Some(record)) => buffer.push(record),
                Ok(None) => {}
                Err(rejected) => buffer.bad(self.dead_letter(rejected))?,
            }
        }
        Ok(Taken::BufferFull)
    }

    /// Takes the line that the input ended in the middle of.
    fn take_last_line(&mut self, buffer: &mut ReadBuffer<F::Record>) -> Result<(), Error> {
        let Some(line) = self.framer.finish() else {
            return Ok(());
        };
        let outcome = if std::mem::take(&mut self.at_first_line) {
            take_first_line(&self.format, &mut self.decoder, line, &self.setup.origin)?
        } else {
            understand(&mut self.decoder, line)
        };
        match outcome {
            Ok(Some(record)) => buffer.push(record),
            Ok(None) => {}
            Err(rejected) => buffer.bad(self.dead_letter(rejected))?,
        }
        Ok(())
    }

    fn begin(&mut self, begin: Begin, buffer: &mut ReadBuffer<F::Record>) -> Result<(), Error> {
        self.take_last_line(buffer)?;
        self.count_bytes(buffer);
        self.framer.begin(begin.offset);
        self.counted = begin.offset;
        self.part = begin.part;
        self.has_begun = true;
        self.at_first_line = begin.offset == 0;
        self.decoder = self.format.decoder();
        if let Some(origin) = begin.origin {
            self.setup.origin = origin;
        }
        match begin.header {
            Some(header) => take_header(&mut self.decoder, &header, &self.setup.origin),
            None => {
                assert!(
                    self.at_first_line || self.format.first_line() == FirstLine::Record,
                    "a producer that begins behind a header hands it over"
                );
                Ok(())
            }
        }
    }

    #[cold]
    fn dead_letter(&self, Rejected { raw, reason }: Rejected) -> DeadLetter {
        let reason = match reason {
            Some(reason) => reason,
            None => format!("the line is longer than {} bytes", self.setup.max_line_bytes),
        };
        DeadLetter { raw, reason, origin: self.setup.origin.clone(), place: self.framer.place() }
    }

    fn count_bytes(&mut self, buffer: &mut ReadBuffer<F::Record>) {
        buffer.count_bytes(self.framer.offset() - self.counted);
        self.counted = self.framer.offset();
    }
}

impl<F: ReadFormat> Reader<F::Record> for LineReader<F> {
    fn read(&mut self, buffer: &mut ReadBuffer<F::Record>) -> Result<ReadStatus, Error> {
        let status = self.read_lines(buffer);
        self.count_bytes(buffer);
        status
    }

    /// The byte offset as a decimal number; empty while that is not known.
    fn position(&self) -> Position {
        let offset = self.line_position().map(|position| position.offset.to_string());
        Position(offset.unwrap_or_default().into_bytes())
    }
}

/// Why [`LineReader::take_lines`] stopped.
#[derive(PartialEq, Eq)]
enum Taken {
    BufferFull,
    BlockEmpty,
}

/// A line that was not understood; without a reason it was too long.
struct Rejected {
    raw: Vec<u8>,
    reason: Option<String>,
}

#[inline]
fn understand<T>(decoder: &mut impl Decoder<T>, line: Line<'_>) -> Result<Option<T>, Rejected> {
    match line {
        Line::Whole(bytes) => decoder
            .decode(bytes)
            .map_err(|reason| Rejected { raw: bytes.to_vec(), reason: Some(reason) }),
        Line::TooLong(bytes) => Err(Rejected { raw: bytes.to_vec(), reason: None }),
    }
}

#[cold]
fn take_first_line<F: ReadFormat>(
    format: &F,
    decoder: &mut F::Decoder,
    line: Line<'_>,
    origin: &str,
) -> Result<Result<Option<F::Record>, Rejected>, Error> {
    let line = match (line, format.framing()) {
        (Line::Whole(bytes), Framing::Lines) => Line::Whole(strip_mark(bytes)),
        (line, _) => line,
    };
    match (format.first_line(), line) {
        (FirstLine::Record, line) => Ok(understand(decoder, line)),
        (FirstLine::Header, Line::Whole(header)) => {
            take_header(decoder, header, origin).map(|()| Ok(None))
        }
        (FirstLine::Header, Line::TooLong(_)) => {
            Err(bad_header(origin, "it is longer than the limit for a line"))
        }
    }
}

fn take_header<T>(decoder: &mut impl Decoder<T>, line: &[u8], origin: &str) -> Result<(), Error> {
    decoder.header(strip_mark(line)).map_err(|reason| bad_header(origin, reason))
}

fn bad_header(origin: &str, reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Data, format!("read the header of {origin}"), reason)
}

fn strip_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line)
}
