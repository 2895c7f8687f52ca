//! Reads the files of a folder, then those that appear in it, and never ends.
//!
//! It looks every [`WATCH_POLL`], on its own threads. It never reads a file whose size or time
//! still changes between two looks, and no file twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rheos_engine::{
    BadRecords, Error, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Replay, Source,
    Split, SplitContext, hash_key,
};
use serde::{Deserialize, Serialize};

use super::FileSource;
use super::cut::{decode, encode};
use super::identity::{FileIdentity, Head, Known};
use super::listing::{ListedFile, Place};
use super::open::{LineRules, OpenedFile, failed, header_before};
use crate::format::ReadFormat;
use crate::io::{Begin, Block, Blocks, LineReader, Produce, Produced, Stop};

/// How often a watched folder is looked at; 100 ms.
pub const WATCH_POLL: Duration = Duration::from_millis(100);

/// Endings of names that programs give to files they have not finished.
const UNFINISHED: [&str; 6] = [".tmp", ".temp", ".part", ".partial", ".swp", "~"];

/// Reads files as they appear; made by [`FileSource::watch`].
///
/// * Files that are there come first, by name; then those that appear. Each file is read once.
/// * A file counts as complete when its size and its time of change are the same at two looks, at
///   least [`WATCH_POLL`] apart. A writer that pauses for longer is read half: so write under a
///   name that is left out (beginning with a dot or an underscore, or ending in `.tmp`, `.temp`,
///   `.part`, `.partial`, `.swp` or `~`) and rename the file when it is complete. What is added to
///   a file after it was read is not read; the log names the file.
/// * The files are dealt over as many splits as there are workers, by a hash of the name.
/// * Positions hold the names of the files that were read, so they grow with these. A file that
///   was removed is forgotten when reading continues from a position; move what was read away now
///   and then.
/// * A file that is gone before its turn comes is left out. One that was begun before a checkpoint
///   must be there, under its name and unchanged, when reading continues from it.
///
/// Only folders and patterns can be watched; names are paths in UTF-8.
///
/// ```
/// use rheos_connectors::TextFiles;
/// let orders = TextFiles::folder("incoming").watch();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct WatchedFolder<F> {
    files: FileSource<F>,
}

impl<F: ReadFormat> WatchedFolder<F> {
    pub(crate) fn new(files: FileSource<F>) -> Self {
        Self { files }
    }
}

impl<F: ReadFormat> Source for WatchedFolder<F> {
    type Record = F::Record;

    fn splits(&self, context: &SplitContext) -> Result<Vec<Split>, Error> {
        let described = self.files.place.describe();
        if let Place::Path(_) = &self.files.place {
            return Err(Error::usage(format!("watch {described}"), "it is a single file")
                .advise("name a folder or a pattern, or follow the file"));
        }
        self.files.place.list()?;
        let of = context.workers.max(1) as u64;
        let shares = (0..of).map(|index| Share { index, of });
        shares
            .map(|share| {
                let name = format!("{described}, share {} of {of}", share.index + 1);
                Ok(Split { payload: encode(&share, &name)?, ..Split::named(name) })
            })
            .collect()
    }

    fn open(
        &self,
        split: &Split,
        position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<F::Record>>, Error> {
        let position: WatchPosition = match position {
            Some(position) if !position.0.is_empty() => decode(&position.0, &split.name)?,
            _ => WatchPosition::default(),
        };
        let producer = WatchProducer {
            place: self.files.place.clone(),
            share: decode(&split.payload, &split.name)?,
            rules: self.files.rules(),
            done: position.done.iter().map(|path| (PathBuf::from(path), None)).collect(),
            continue_at: position.current.clone(),
            seen: BTreeMap::new(),
            due: VecDeque::new(),
            open: None,
        };
        let blocks = Blocks::new(split.name.clone(), producer, context.waker);
        let lines = self.files.lines(blocks);
        Ok(Box::new(WatchReader { lines, part: String::new(), at: position }))
    }

    fn replay(&self) -> Replay {
        Replay::FromPosition
    }

    fn bad_records(&self) -> BadRecords {
        self.files.bad_records
    }

    fn identity(&self) -> String {
        format!("{}, watched", self.files.place.describe())
    }
}

/// The files of one split: those whose name's hash leaves this rest.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Share {
    index: u64,
    of: u64,
}

impl Share {
    fn holds(self, path: &Path) -> bool {
        hash_key(path.as_os_str().as_bytes()) % self.of == self.index
    }
}

/// What has been read of a share.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct WatchPosition {
    /// Files that were read to their end, as far as is known.
    done: BTreeSet<String>,
    /// The file that is being read.
    current: Option<CurrentFile>,
}

/// A file that is being read, and up to where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CurrentFile {
    name: String,
    offset: u64,
    file: FileIdentity,
    /// Its length when it was opened, which is all that it holds.
    bytes: u64,
    head: Head,
}

/// Remembers which files a reader has handed out.
struct WatchReader<F: ReadFormat> {
    lines: LineReader<F>,
    /// The part that was begun last, in the producer's words: the [`CurrentFile`].
    part: String,
    at: WatchPosition,
}

impl<F: ReadFormat> Reader<F::Record> for WatchReader<F> {
    fn read(&mut self, buffer: &mut ReadBuffer<F::Record>) -> Result<ReadStatus, Error> {
        let status = self.lines.read(buffer)?;
        let Some(now) = self.lines.line_position() else {
            return Ok(status);
        };
        if self.part == now.part {
            if let Some(current) = &mut self.at.current {
                current.offset = now.offset;
            }
            return Ok(status);
        }
        now.part.clone_into(&mut self.part);
        // Another part begins, so all lines of the one before it have been handed out.
        let begun = match now.part {
            "" => None,
            part => Some(CurrentFile { offset: now.offset, ..decode(part.as_bytes(), "")? }),
        };
        let ended = std::mem::replace(&mut self.at.current, begun);
        // Where reading continues, it is the same file that begins again.
        let is_same = |ended: &CurrentFile| {
            self.at.current.as_ref().is_some_and(|begun| begun.name == ended.name)
        };
        self.at.done.extend(ended.filter(|ended| !is_same(ended)).map(|ended| ended.name));
        Ok(status)
    }

    fn position(&self) -> Position {
        // Names and numbers always have a form as JSON.
        Position(encode(&self.at, "").unwrap_or_default())
    }
}

/// What tells whether a file has changed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    bytes: u64,
    changed: Option<SystemTime>,
}

struct WatchProducer {
    place: Place,
    share: Share,
    rules: LineRules,
    /// Files that were read, and what they looked like when that began, where that is known.
    done: BTreeMap<PathBuf, Option<Look>>,
    continue_at: Option<CurrentFile>,
    /// Files that may not be complete: what they looked like last.
    seen: BTreeMap<PathBuf, Look>,
    /// Complete files that wait for their turn.
    due: VecDeque<PathBuf>,
    open: Option<OpenedFile>,
}

impl Produce for WatchProducer {
    fn produce(&mut self, block: &mut Block, stop: &Stop) -> Result<Produced, Error> {
        if let Some(open) = &mut self.open {
            if open.read_block(block)? > 0 {
                return Ok(Produced::Bytes);
            }
            // Says that the file has ended: from here on it may be moved away.
            self.open = None;
            return Ok(Produced::Begin(Begin::default()));
        }
        if let Some(current) = self.continue_at.take() {
            let CurrentFile { name, offset, file, bytes, head } = current;
            let path = PathBuf::from(name);
            Known { identity: Some(file), bytes, head }.check_name(&path)?;
            return self.open_file(path, offset);
        }
        if let Some(path) = self.due.pop_front() {
            return self.open_file(path, 0);
        }
        self.look()?;
        if self.due.is_empty() {
            stop.wait(WATCH_POLL);
        }
        Ok(Produced::Bytes)
    }
}

impl WatchProducer {
    fn open_file(&mut self, path: PathBuf, offset: u64) -> Result<Produced, Error> {
        let name = path.to_str().map(str::to_owned).ok_or_else(|| {
            Error::usage(format!("read {}", path.display()), "its name is not UTF-8")
        })?;
        let is_gone =
            std::fs::metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if is_gone && offset == 0 {
            tracing::warn!(file = %name, "the file is gone before it was read");
            self.done.remove(&path);
            return Ok(Produced::Bytes);
        }
        let opened = OpenedFile::open(&path, offset, None)?;
        let header = header_before(&path, offset, self.rules)?;
        let part = describe(&name, &path)?;
        self.open = Some(opened);
        self.done.entry(path).or_insert(None);
        Ok(Produced::Begin(Begin { offset, part, origin: Some(name), header }))
    }

    /// Looks at all files: those that look as before are due.
    fn look(&mut self) -> Result<(), Error> {
        let mut files = self.place.list()?;
        files.retain(|file| self.share.holds(&file.path) && !is_unfinished(&file.path));
        let mut seen = BTreeMap::new();
        let mut done = BTreeMap::new();
        for ListedFile { path, metadata } in files {
            let look = Look { bytes: metadata.len(), changed: metadata.modified().ok() };
            if let Some(before) = self.done.remove(&path) {
                if before.is_some_and(|before| before != look) {
                    tracing::warn!(file = %path.display(), "the file has changed after it was read");
                }
                done.insert(path, Some(look));
            } else if self.seen.get(&path) == Some(&look) {
                self.due.push_back(path.clone());
                done.insert(path, Some(look));
            } else {
                seen.insert(path, look);
            }
        }
        // Files that are gone are forgotten; one that comes later under the same name is new.
        (self.done, self.seen) = (done, seen);
        Ok(())
    }
}

/// Which file is being read, for positions; its reader knows the offset.
fn describe(name: &str, path: &Path) -> Result<String, Error> {
    let could_not_look = |error| failed("open", path, error);
    let metadata = std::fs::metadata(path).map_err(could_not_look)?;
    let (file, bytes) = (FileIdentity::of(&metadata), metadata.len());
    let head = Head::read(path, bytes).map_err(could_not_look)?;
    let current = CurrentFile { name: name.to_owned(), offset: 0, file, bytes, head };
    encode(&current, name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.as_bytes()).unwrap_or_default();
    name.starts_with(b"_") || UNFINISHED.iter().any(|ending| name.ends_with(ending.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::FirstLine;

    #[test]
    fn each_file_belongs_to_one_share_and_all_shares_have_some() {
        let mut dealt = [0; 3];
        for number in 0..100 {
            let path = PathBuf::from(format!("incoming/{number}.txt"));
            let holders: Vec<_> =
                (0..3).filter(|index| Share { index: *index as u64, of: 3 }.holds(&path)).collect();
            assert_eq!(holders.len(), 1, "{path:?}");
            dealt[holders[0]] += 1;
        }
        assert!(dealt.iter().all(|count| *count > 10), "{dealt:?}");
    }

    #[test]
    fn a_file_is_due_when_two_looks_agree() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let mut producer = WatchProducer {
            place: Place::Folder(folder.path().to_owned()),
            share: Share { index: 0, of: 1 },
            rules: LineRules { first_line: FirstLine::Record, max_line_bytes: 100 },
            done: BTreeMap::new(),
            continue_at: None,
            seen: BTreeMap::new(),
            due: VecDeque::new(),
            open: None,
        };
        for (bytes, due) in [("a", 0), ("ab", 0), ("abc", 0), ("abc", 1), ("abc", 1), ("abcd", 1)] {
            if std::fs::read(&path).unwrap_or_default() != bytes.as_bytes() {
                std::fs::write(&path, bytes).unwrap();
            }
            producer.look().unwrap();
            assert_eq!(producer.due.len(), due, "{bytes}");
        }
    }

    #[test]
    fn unfinished_files_are_known_by_their_names() {
        for name in ["a.tmp", "a.csv.part", "a~", "_a", ".a.swp"] {
            assert!(is_unfinished(Path::new(name)), "{name}");
        }
        for name in ["a", "part-0", "tmp", "a.tmp.csv", "a_b"] {
            assert!(!is_unfinished(Path::new(name)), "{name}");
        }
    }
}
