//! Follows one file as it grows, like `tail -F`, and never ends.
//!
//! It looks at the file every [`FOLLOW_POLL`], on its own thread. It never hands out half a line
//! of a file that may still grow, and never skips or repeats lines without saying so in the log or
//! as an error.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rheos_engine::{
    BadRecords, Error, ErrorKind, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Replay,
    Source, Split, SplitContext,
};
use serde::{Deserialize, Serialize};

use super::FileSource;
use super::cut::{decode, encode};
use super::identity::{FileIdentity, HEAD_BYTES, Head, Known};
use super::listing::Place;
use super::open::{LineRules, failed, header_before};
use crate::format::ReadFormat;
use crate::io::{
    Begin, Block, Blocks, Compression, LinePosition, LineReader, Produce, Produced, Stop,
};

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
///   old one lies under another name in the same folder; else that is an error, and so is a file
///   that was truncated or written anew meanwhile. Of files that came and went in between, it knows
///   nothing.
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
        let continue_at: Option<FollowPosition> = match position {
            Some(position) if !position.0.is_empty() => Some(decode(&position.0, &split.name)?),
            _ => None,
        };
        let begun = Begun::default();
        let producer = FollowProducer {
            path: path.clone(),
            continue_at,
            rules: self.files.rules(),
            open: None,
            begun: begun.clone(),
            parts: 0,
        };
        let blocks = Blocks::new(split.name.clone(), producer, context.waker);
        Ok(Box::new(FollowReader {
            lines: self.files.lines(blocks),
            begun,
            opened_at: continue_at,
        }))
    }

    fn replay(&self) -> Replay {
        Replay::FromPosition
    }

    fn bad_records(&self) -> BadRecords {
        self.files.bad_records
    }

    fn identity(&self) -> String {
        format!("{}, followed", self.files.place.describe())
    }
}

/// Where a followed file has been read to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FollowPosition {
    file: FileIdentity,
    offset: u64,
    /// The beginning of the file, up to there.
    head: Head,
}

/// What has been begun to be read: files, and files anew after they were truncated. The producer
/// adds, the reader forgets what it is behind.
#[derive(Clone, Default)]
struct Begun {
    parts: Arc<Mutex<VecDeque<BegunPart>>>,
}

struct BegunPart {
    /// The name of the part between producer and reader.
    part: String,
    file: FileIdentity,
    /// Up to [`HEAD_BYTES`] of its beginning.
    head: Vec<u8>,
}

impl Begun {
    fn lock(&self) -> MutexGuard<'_, VecDeque<BegunPart>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of bytes that were read at `offset` of the last part.
    fn read(&self, offset: u64, bytes: &[u8]) {
        if offset < HEAD_BYTES
            && let Some(part) = self.lock().back_mut()
            && part.head.len() as u64 == offset
        {
            let room = usize::try_from(HEAD_BYTES - offset).unwrap_or(0);
            part.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    fn position(&self, at: LinePosition<'_>) -> Option<FollowPosition> {
        let mut parts = self.lock();
        while parts.front().is_some_and(|part| part.part != at.part) {
            parts.pop_front();
        }
        let BegunPart { file, head, .. } = parts.front()?;
        let known = usize::try_from(at.offset).unwrap_or(usize::MAX).min(head.len());
        Some(FollowPosition { file: *file, offset: at.offset, head: Head::of(&head[..known]) })
    }
}

/// Adds to a position which file it is in.
struct FollowReader<F: ReadFormat> {
    lines: LineReader<F>,
    begun: Begun,
    /// Where it is until a file is open.
    opened_at: Option<FollowPosition>,
}

impl<F: ReadFormat> Reader<F::Record> for FollowReader<F> {
    fn read(&mut self, buffer: &mut ReadBuffer<F::Record>) -> Result<ReadStatus, Error> {
        self.lines.read(buffer)
    }

    fn position(&self) -> Position {
        let now = self.lines.line_position().and_then(|now| self.begun.position(now));
        // Before a file was found there is nothing to continue from.
        let now = now.or(self.opened_at);
        Position(now.and_then(|now| encode(&now, "").ok()).unwrap_or_default())
    }
}

struct FollowProducer {
    path: PathBuf,
    /// Until the first file is opened.
    continue_at: Option<FollowPosition>,
    rules: LineRules,
    open: Option<OpenFile>,
    begun: Begun,
    /// Parts begun so far.
    parts: u64,
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
        self.begun.read(open.offset, block.filled());
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
        let (path, offset, head) = match self.continue_at.take() {
            Some(FollowPosition { file, offset, head }) => {
                let known = Known { identity: Some(file), bytes: offset, head };
                (known.find(&self.path)?, offset, head)
            }
            None => (self.path.clone(), 0, Head::default()),
        };
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| failed("open", &path, error))?,
        };
        let metadata = file.metadata().map_err(|error| failed("open", &path, error))?;
        let identity = FileIdentity::of(&metadata);
        let mut begins = Vec::new();
        let read = file.by_ref().take(head.bytes).read_to_end(&mut begins);
        read.and_then(|_| file.seek(SeekFrom::Start(offset)))
            .map_err(|error| failed("read", &path, error))?;
        let header = header_before(&path, offset, self.rules)?;
        self.open = Some(OpenFile { file, identity, offset, is_replaced: false });
        let part = self.begin_part(identity, begins);
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
        let identity = open.identity;
        Ok(Begin { part: self.begin_part(identity, Vec::new()), ..Begin::default() })
    }

    /// Names a part that begins with these bytes, as far as they lie before where it is read.
    fn begin_part(&mut self, file: FileIdentity, head: Vec<u8>) -> String {
        self.parts += 1;
        let part = self.parts.to_string();
        self.begun.lock().push_back(BegunPart { part: part.clone(), file, head });
        part
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
