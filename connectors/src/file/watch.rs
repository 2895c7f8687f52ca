//! Reads the files of a folder, then those that appear in it, and never ends.
//!
//! It looks every [`WATCH_POLL`], on its own threads. It never reads a file whose size or time
//! still changes between two looks, and no file twice.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rheos_engine::{
    BadRecords, Error, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Replay, Source,
    Split, SplitContext, hash_key,
};
use serde::{Deserialize, Serialize};

use super::FileSource;
use super::cut::{decode, encode};
use super::listing::{ListedFile, Place};
use super::open::{LineRules, OpenedFile, failed, header_before};
use super::watched::{CurrentFile, Look, Mark, Part, WatchPosition};
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
/// * A file is known again by its name, its inode, its length, its time of change and its first
///   kilobyte. Another file under a name that was read before is read, also when it came while the
///   job was down; one that was only added to or touched is not read again.
/// * Positions hold the files that were read and are still there, so they grow with these; move
///   what was read away now and then.
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
            done: position.done.iter().map(|(name, mark)| (name.into(), *mark)).collect(),
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
        let offset = now.offset;
        // Another part begins, so all lines of the one before it have been handed out.
        let ended = self.at.current.take();
        let mut learned = Vec::new();
        match self.part.as_str() {
            "" => {}
            part => match decode(part.as_bytes(), "")? {
                Part::File(file) => self.at.current = Some(CurrentFile { offset, ..file }),
                Part::Learned(files) => learned = files,
            },
        }
        // Where reading continues, it is the same file that begins again.
        let is_same = |ended: &CurrentFile| {
            self.at.current.as_ref().is_some_and(|begun| begun.name == ended.name)
        };
        let ended = ended.filter(|ended| !is_same(ended));
        self.at.done.extend(ended.map(|ended| (ended.name, Some(ended.mark))));
        for (name, mark) in learned {
            match mark {
                Some(mark) => drop(self.at.done.insert(name, Some(mark))),
                None => drop(self.at.done.remove(&name)),
            }
        }
        Ok(status)
    }

    fn position(&self) -> Position {
        // Names and numbers always have a form as JSON.
        Position(encode(&self.at, "").unwrap_or_default())
    }
}

struct WatchProducer {
    place: Place,
    share: Share,
    rules: LineRules,
    /// Files that were read or are due, and by what they are known again, where that is known.
    done: BTreeMap<PathBuf, Option<Mark>>,
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
            let path = PathBuf::from(current.name);
            current.mark.known().check_name(&path)?;
            return self.open_file(path, current.offset);
        }
        if let Some(path) = self.due.pop_front() {
            return self.open_file(path, 0);
        }
        let learned = self.look()?;
        if self.due.is_empty() {
            // Also before the reader is told: two looks must not follow one another at once.
            stop.wait(WATCH_POLL);
        }
        if learned.is_empty() {
            return Ok(Produced::Bytes);
        }
        let part = describe(&Part::Learned(learned))?;
        Ok(Produced::Begin(Begin { part, ..Begin::default() }))
    }
}

impl WatchProducer {
    fn open_file(&mut self, path: PathBuf, offset: u64) -> Result<Produced, Error> {
        let name = path.to_str().map(str::to_owned).ok_or_else(|| {
            Error::usage(format!("read {}", path.display()), "its name is not UTF-8")
        })?;
        let mark = match Mark::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && offset == 0 => {
                tracing::warn!(file = %name, "the file is gone before it was read");
                self.done.remove(&path);
                return Ok(Produced::Bytes);
            }
            mark => mark.map_err(|error| failed("open", &path, error))?,
        };
        let opened = OpenedFile::open(&path, offset, None)?;
        match mark.known().check_name(&path) {
            // Another file took the name meanwhile: it is looked at first.
            Err(_) if offset == 0 => {
                self.done.remove(&path);
                return Ok(Produced::Bytes);
            }
            known => known?,
        }
        let header = header_before(&path, offset, self.rules)?;
        let part = describe(&Part::File(CurrentFile { name: name.clone(), offset, mark }))?;
        self.open = Some(opened);
        self.done.insert(path, Some(mark));
        Ok(Produced::Begin(Begin { offset, part, origin: Some(name), header }))
    }

    /// Looks at all files: those that look as before are due. Says what is new about those that
    /// were read.
    fn look(&mut self) -> Result<Vec<(String, Option<Mark>)>, Error> {
        let mut files = self.place.list()?;
        files.retain(|file| self.share.holds(&file.path) && !is_unfinished(&file.path));
        let mut seen = BTreeMap::new();
        let mut done = BTreeMap::new();
        let mut learned = Vec::new();
        for ListedFile { path, metadata } in files {
            let look = Look::of(&metadata);
            if let Some(before) = self.done.remove(&path) {
                let now = look_again(&path, before, look)?;
                if now != before {
                    learned.push((path.to_string_lossy().into_owned(), now));
                }
                if now.is_some() {
                    done.insert(path, now);
                    continue;
                }
            }
            if self.seen.get(&path) == Some(&look) {
                self.due.push_back(path.clone());
                done.insert(path, None);
            } else {
                seen.insert(path, look);
            }
        }
        // Files that are gone are forgotten; one that comes later under the same name is new.
        let gone = std::mem::replace(&mut self.done, done).into_keys();
        learned.extend(gone.map(|path| (path.to_string_lossy().into_owned(), None)));
        self.seen = seen;
        Ok(learned)
    }
}

/// By what a file that was read is known from now on; `None` when its name belongs to another.
fn look_again(path: &Path, before: Option<Mark>, now: Look) -> Result<Option<Mark>, Error> {
    let Some(mark) = before else {
        // Of a position that held only names.
        return read_mark(path);
    };
    if mark.is_as(now) {
        return Ok(before);
    }
    if !mark.has_grown(path, now)? {
        tracing::info!(file = %path.display(), "another file has the name of one that was read");
        return Ok(None);
    }
    tracing::warn!(file = %path.display(), "the file has changed after it was read");
    read_mark(path)
}

/// The mark of a file, if it is still there.
fn read_mark(path: &Path) -> Result<Option<Mark>, Error> {
    match Mark::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        mark => mark.map(Some).map_err(|error| failed("open", path, error)),
    }
}

fn describe(part: &Part) -> Result<String, Error> {
    encode(part, "").map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
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
