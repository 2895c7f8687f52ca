//! Follows one file as it grows, like `tail -F`, and never ends.
//!
//! It looks at the file every [`FOLLOW_POLL`], on its own thread. It never hands out half a line
//! of a file that may still grow, and never skips or repeats lines without saying so in the log or
//! as an error.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rheos_engine::{
    BadRecords, Error, ErrorKind, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Replay,
    Source, Split, SplitContext,
};
use serde::{Deserialize, Serialize};

use super::FileSource;
use super::cut::{decode, encode};
use super::listing::Place;
use super::open::{LineRules, failed, header_before};
use crate::format::ReadFormat;
use crate::io::{Begin, Block, Blocks, Compression, LineReader, Produce, Produced, Stop};

/// How often a followed file is looked at; 100 ms.
pub const FOLLOW_POLL: Duration = Duration::from_millis(100);

/// Reads a file from its beginning and then what is appended to it; made by
/// [`FileSource::follow`].
///
/// * A file that does not exist yet is waited for.
/// * The last line is held back until its end is written.
/// * When the file is renamed away and another takes its name (log rotation), the old one is read
///   to its end, then the new one from its beginning. A half line at the end of the old one counts
///   as a line.
/// * When the file becomes shorter than what was read of it, it was truncated: it is read from
///   its beginning, and the log says so. A file that is truncated and grows past where it was
///   between two looks cannot be told from one that only grew.
/// * Reading continues from a position also when the file was rotated meanwhile, as long as the
///   old one lies under another name in the same folder; else that is an error. Of files that came
///   and went in between, it knows nothing.
///
/// ```
/// use rheos_connectors::TextFiles;
/// let log = TextFiles::path("/var/log/service.log").follow();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct FollowedFile<F> {
    files: FileSource<F>,
}

impl<F: ReadFormat> FollowedFile<F> {
    pub(crate) fn new(files: FileSource<F>) -> Self {
        Self { files }
    }
}

impl<F: ReadFormat> Source for FollowedFile<F> {
    type Record = F::Record;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        let Place::Path(path) = &self.files.place else {
            let attempted = format!("follow {}", self.files.place.describe());
            return Err(Error::usage(attempted, "only a single file can be followed")
                .advise("name one file, or watch a folder"));
        };
        if Compression::of(path) != Compression::None {
            let attempted = format!("follow {}", path.display());
            return Err(Error::usage(attempted, "a compressed file cannot be followed"));
        }
        Ok(vec![Split::named(path.display().to_string())])
    }

    fn open(
        &self,
        split: &Split,
        position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<F::Record>>, Error> {
        let Place::Path(path) = &self.files.place else {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("follow {}", split.name),
                "it is no file",
            ));
        };
        let continue_at = match position {
            Some(position) if !position.0.is_empty() => Some(decode(&position.0, &split.name)?),
            _ => None,
        };
        let producer = FollowProducer {
            path: path.clone(),
            continue_at,
            rules: self.files.rules(),
            open: None,
        };
        let blocks = Blocks::new(split.name.clone(), producer, context.waker);
        Ok(Box::new(FollowReader { lines: self.files.lines(blocks) }))
    }

    fn replay(&self) -> Replay {
        Replay::FromPosition
    }

    fn bad_records(&self) -> BadRecords {
        self.files.bad_records
    }
}

/// Which file it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
}

impl fmt::Display for FileIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.device, self.inode)
    }
}

impl FileIdentity {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// Where a followed file has been read to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FollowPosition {
    /// The [`FileIdentity`] as text, which is how a [`LineReader`] knows its part.
    file: String,
    offset: u64,
}

/// Adds to a position which file it is in.
struct FollowReader<F: ReadFormat> {
    lines: LineReader<F>,
}

impl<F: ReadFormat> Reader<F::Record> for FollowReader<F> {
    fn read(&mut self, buffer: &mut ReadBuffer<F::Record>) -> Result<ReadStatus, Error> {
        self.lines.read(buffer)
    }

    fn position(&self) -> Position {
        let position = self.lines.line_position().map(|position| FollowPosition {
            file: position.part.to_owned(),
            offset: position.offset,
        });
        // Before a file was found there is nothing to continue from.
        Position(position.and_then(|position| encode(&position, "").ok()).unwrap_or_default())
    }
}

struct FollowProducer {
    path: PathBuf,
    /// Until the first file is opened.
    continue_at: Option<FollowPosition>,
    rules: LineRules,
    open: Option<OpenFile>,
}

struct OpenFile {
    file: File,
    identity: FileIdentity,
    offset: u64,
    /// Another file has taken the name; this one ends with its next end.
    is_replaced: bool,
}

impl Produce for FollowProducer {
    fn produce(&mut self, block: &mut Block, stop: &Stop) -> Result<Produced, Error> {
        let Some(open) = &mut self.open else {
            if let Some(begin) = self.open()? {
                return Ok(Produced::Begin(begin));
            }
            stop.wait(FOLLOW_POLL);
            return Ok(Produced::Bytes);
        };
        let count = block.read_once(&mut open.file);
        let count = count.map_err(|error| failed("read", &self.path, error))?;
        open.offset += count as u64;
        if count > 0 {
            return Ok(Produced::Bytes);
        }
        match look(&self.path, open)? {
            Look::Unchanged => {
                stop.wait(FOLLOW_POLL);
            }
            Look::Truncated => return self.start_over().map(Produced::Begin),
            Look::Replaced if open.is_replaced => self.open = None,
            Look::Replaced => {
                // Who writes may not have noticed yet and still write to the old file.
                open.is_replaced = true;
                stop.wait(FOLLOW_POLL);
            }
        }
        Ok(Produced::Bytes)
    }
}

impl FollowProducer {
    /// Opens the file, if there is one: the first time where reading continues.
    fn open(&mut self) -> Result<Option<Begin>, Error> {
        let (path, offset) = match self.continue_at.take() {
            Some(position) => (self.find(&position)?, position.offset),
            None => (self.path.clone(), 0),
        };
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| failed("open", &path, error))?,
        };
        let metadata = file.metadata().map_err(|error| failed("open", &path, error))?;
        let identity = FileIdentity::of(&metadata);
        if metadata.len() < offset {
            self.open = Some(OpenFile { file, identity, offset, is_replaced: false });
            return self.start_over().map(Some);
        }
        file.seek(SeekFrom::Start(offset)).map_err(|error| failed("read", &path, error))?;
        let header = header_before(&path, offset, self.rules)?;
        self.open = Some(OpenFile { file, identity, offset, is_replaced: false });
        let part = identity.to_string();
        Ok(Some(Begin { offset, part, header, ..Begin::default() }))
    }

    /// Reads the open file again from its beginning.
    fn start_over(&mut self) -> Result<Begin, Error> {
        let Some(open) = &mut self.open else {
            return Ok(Begin::default());
        };
        tracing::warn!(
            file = %self.path.display(),
            read_before = open.offset,
            "the followed file was truncated: reading it from its beginning"
        );
        open.file.rewind().map_err(|error| failed("read", &self.path, error))?;
        open.offset = 0;
        Ok(Begin { part: open.identity.to_string(), ..Begin::default() })
    }

    /// What the file of a position is called now.
    fn find(&self, position: &FollowPosition) -> Result<PathBuf, Error> {
        let is_it = |path: &Path| {
            let metadata = fs::metadata(path).ok();
            metadata.is_some_and(|now| FileIdentity::of(&now).to_string() == position.file)
        };
        if is_it(&self.path) {
            return Ok(self.path.clone());
        }
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let entries = fs::read_dir(folder).map_err(|error| failed("list", folder, error))?;
        let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.find(|path| is_it(path)).ok_or_else(|| {
            let attempted = format!("continue reading {}", self.path.display());
            let reason = "the file that was read before is gone, with what was not yet read of it";
            Error::new(ErrorKind::External, attempted, reason)
        })
    }
}

/// What has become of a file that was read to its end.
enum Look {
    Unchanged,
    Truncated,
    /// Its name belongs to another file.
    Replaced,
}

fn look(path: &Path, open: &OpenFile) -> Result<Look, Error> {
    let now = open.file.metadata().map_err(|error| failed("read", path, error))?;
    if now.len() < open.offset {
        return Ok(Look::Truncated);
    }
    match fs::metadata(path) {
        Ok(named) if FileIdentity::of(&named) != open.identity => Ok(Look::Replaced),
        // A name that is gone may be given to the next file soon.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("open", path, error)),
        _ => Ok(Look::Unchanged),
    }
}
