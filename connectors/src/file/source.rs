//! Reads files that are there: one, many, or ranges of large ones.
//!
//! The user's [`FileSource`] and its options. It never reads a file that appears after the splits
//! were listed, nor lines that were appended after that.

use std::path::PathBuf;

use rheos_engine::{
    BadRecords, Error, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Replay, Source,
    Split, SplitContext,
};

use super::cut::{FileSplit, RANGES_PER_WORKER, decode, encode};
use super::follow::FollowedFile;
use super::listing::Place;
use super::open::{FilePosition, FileProducer, LineRules, position_in};
use super::watch::WatchedFolder;
use crate::format::{DEFAULT_LINE_BYTES, ReadFormat};
use crate::io::{Blocks, LineReader, LineSetup};

/// Reads the lines of files, in any format.
///
/// Large uncompressed files are cut into ranges that several workers read at the same time, unless
/// they are wanted [`in_order`](Self::in_order). Files named `.gz` and `.zst` are decompressed.
/// Reading continues from any position; in a compressed file the content before it is
/// decompressed again. A file that was appended to or renamed in its folder since it was listed is
/// read; one that was truncated, written anew or replaced is refused, also before its turn.
///
/// ```
/// use rheos_connectors::format::JsonLines;
/// use rheos_connectors::FileSource;
/// use rheos_engine::{BadRecords, Source, SplitContext};
///
/// #[derive(serde::Deserialize)]
/// struct Order { id: u64 }
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("orders.jsonl"), "{\"id\": 1}\n{\"id\": 2}\n")?;
/// let orders = FileSource::folder(folder.path(), JsonLines::<Order>::new())
///     .on_bad_record(BadRecords::DeadLetter)
///     .max_line_bytes(64 << 10);
/// assert_eq!(orders.splits(&SplitContext { workers: 4 })?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct FileSource<F> {
    pub(crate) format: F,
    pub(crate) place: Place,
    pub(crate) bad_records: BadRecords,
    pub(crate) max_line_bytes: usize,
    order: Order,
    when_empty: WhenEmpty,
}

/// Whether the lines of a file must stay in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Only within ranges of it.
    InRanges,
    /// Throughout.
    InFiles,
}

/// What it means that there are no files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhenEmpty {
    Fail,
    Allow,
}

impl<F: ReadFormat> FileSource<F> {
    /// Reads one file.
    pub fn path(path: impl Into<PathBuf>, format: F) -> Self {
        Self::new(Place::Path(path.into()), format)
    }

    /// Reads all files that match a pattern of `?`, `*`, `**` and `[...]`, sorted by name. Names
    /// that begin with a dot match only where the pattern says the dot.
    pub fn glob(pattern: impl Into<String>, format: F) -> Self {
        Self::new(Place::Glob(pattern.into()), format)
    }

    /// Reads all files in a folder and the folders below it, sorted by name, except those whose
    /// names begin with a dot or an underscore.
    pub fn folder(path: impl Into<PathBuf>, format: F) -> Self {
        Self::new(Place::Folder(path.into()), format)
    }

    fn new(place: Place, format: F) -> Self {
        Self {
            format,
            place,
            bad_records: BadRecords::default(),
            max_line_bytes: DEFAULT_LINE_BYTES,
            order: Order::InRanges,
            when_empty: WhenEmpty::Fail,
        }
    }

    /// What becomes of lines that cannot be understood; by default the job fails.
    pub fn on_bad_record(mut self, policy: BadRecords) -> Self {
        self.bad_records = policy;
        self
    }

    /// Bytes of a line at the most, without its end; by default
    /// [`DEFAULT_LINE_BYTES`], 1 MiB. A longer line is a bad record, of which so much is kept.
    ///
    /// # Panics
    /// When it is zero.
    pub fn max_line_bytes(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "a line may hold at least one byte");
        self.max_line_bytes = bytes;
        self
    }

    /// Reads each file from its beginning to its end in one worker, so that its lines stay in
    /// order; by default large files are cut into ranges, of which several are read at a time.
    pub fn in_order(mut self) -> Self {
        self.order = Order::InFiles;
        self
    }

    /// Accepts that there are no files; by default that is an error, since it is mostly a
    /// misspelt name.
    pub fn allow_empty(mut self) -> Self {
        self.when_empty = WhenEmpty::Allow;
        self
    }

    /// Follows one file as it grows, is truncated or is replaced, and never ends.
    pub fn follow(self) -> FollowedFile<F> {
        FollowedFile::new(self)
    }

    /// Reads the files that are there, then those that appear, and never ends.
    pub fn watch(self) -> WatchedFolder<F> {
        WatchedFolder::new(self)
    }

    pub(crate) fn rules(&self) -> LineRules {
        LineRules { first_line: self.format.first_line(), max_line_bytes: self.max_line_bytes }
    }

    /// Decodes the lines of `blocks`.
    pub(crate) fn lines(&self, blocks: Blocks) -> LineReader<F> {
        let origin = blocks.object().to_owned();
        let setup = LineSetup { origin, max_line_bytes: self.max_line_bytes };
        LineReader::new(&self.format, blocks, setup)
    }
}

impl<F: ReadFormat> Source for FileSource<F> {
    type Record = F::Record;

    fn splits(&self, context: &SplitContext) -> Result<Vec<Split>, Error> {
        let files = self.place.list()?;
        if files.is_empty() && self.when_empty == WhenEmpty::Fail {
            let attempted = format!("read {}", self.place.describe());
            return Err(Error::usage(attempted, "there are none")
                .advise("check the name, or allow the source to be empty"));
        }
        let max_ranges = match self.order {
            Order::InRanges => RANGES_PER_WORKER * context.workers.max(1) as u64,
            Order::InFiles => 1,
        };
        let mut splits = Vec::new();
        for file in &files {
            for split in FileSplit::of(file, max_ranges)? {
                splits.push(split.to_split()?);
            }
        }
        Ok(splits)
    }

    fn open(
        &self,
        split: &Split,
        position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<F::Record>>, Error> {
        let file = FileSplit::from_split(split)?;
        let continue_at = match position {
            Some(position) => Some(decode(&position.0, &split.name)?),
            None => None,
        };
        let object = file.path().display().to_string();
        let producer = FileProducer::new(file, continue_at, self.rules());
        let lines = self.lines(Blocks::new(object, producer, context.waker));
        Ok(Box::new(FileReader { lines, opened_at: continue_at.unwrap_or_default() }))
    }

    fn replay(&self) -> Replay {
        Replay::FromPosition
    }

    fn bad_records(&self) -> BadRecords {
        self.bad_records
    }

    fn identity(&self) -> String {
        self.place.describe()
    }
}

/// Adds to positions how the file begins.
struct FileReader<F: ReadFormat> {
    lines: LineReader<F>,
    /// Where it is until the file is open.
    opened_at: FilePosition,
}

impl<F: ReadFormat> Reader<F::Record> for FileReader<F> {
    fn read(&mut self, buffer: &mut ReadBuffer<F::Record>) -> Result<ReadStatus, Error> {
        self.lines.read(buffer)
    }

    fn position(&self) -> Position {
        let now = self.lines.line_position();
        let now = now.map_or(self.opened_at, |now| position_in(now.part, now.offset));
        // Numbers always have a form as JSON.
        Position(encode(&now, "").unwrap_or_default())
    }
}
