//! The files of a journal: segments, which hold entries one after the other.
//!
//! A segment begins with a magic word and a version. An entry is its length, the CRC-32 of its
//! bytes, and these bytes, by postcard; numbers are little-endian. A segment is written by one run
//! of a job and never appended to by another. Only the last one can have a torn tail: half an entry
//! or damage, and no whole entry behind it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::Crc;
use rheos_engine::{DeadLetter, Error, ErrorKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Bytes after which the next segment is begun; one may be longer by what is read at once.
pub(super) const SEGMENT_BYTES: u64 = 16 << 20;

/// Bytes of an entry at the most.
pub(super) const ENTRY_BYTES: usize = 64 << 20;

/// What each segment begins with; the last byte is the version.
pub(super) const HEADER: &[u8; 8] = b"RHEOSJ\0\x01";

/// Where the first entry of a segment lies.
pub(super) const FIRST: u64 = HEADER.len() as u64;

const PREFIX: &str = "segment-";

/// Bytes before an entry: its length and its checksum.
const FRAME_BYTES: usize = 8;

/// How many kinds of entries there are: the first byte of one is less than that.
const KINDS: u8 = 3;

/// Bytes that are summed up in search of an entry behind damage, at the most; that takes seconds.
const SEARCHED_BYTES: u64 = 4 << 30;

/// A place in a journal: behind an entry, or before the first of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// What a journal holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Entry<T> {
    Record(T),
    Dead(DeadLetter),
    /// The source has ended.
    End,
}

/// The path of a segment.
pub(super) fn path_of(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{PREFIX}{segment:08}"))
}

/// The numbers of the segments in a folder, in order; none if there is no folder.
pub(super) fn list(folder: &Path) -> Result<Vec<u64>, Error> {
    let failed = |error| failed("list", folder, error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut segments = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        let number: Option<u64> =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
        segments.extend(number);
    }
    segments.sort_unstable();
    Ok(segments)
}

/// Appends an entry.
pub(super) fn encode<T: Serialize>(entry: &Entry<T>, into: &mut Vec<u8>) -> Result<(), Error> {
    let bytes = postcard::to_allocvec(entry).map_err(|error| {
        Error::new(ErrorKind::UserCode, "write a record to the journal", error.to_string())
    })?;
    if bytes.len() > ENTRY_BYTES {
        let reason = format!("it has {} bytes, an entry at most {ENTRY_BYTES}", bytes.len());
        return Err(Error::new(ErrorKind::Data, "write a record to the journal", reason));
    }
    // It fits: the limit is far below.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    into.extend_from_slice(&length.to_le_bytes());
    into.extend_from_slice(&checksum(&bytes).to_le_bytes());
    into.extend_from_slice(&bytes);
    Ok(())
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Reads the entries of a segment.
pub(super) struct Entries {
    path: PathBuf,
    read: BufReader<File>,
    /// Behind the last whole entry.
    offset: u64,
    bytes: Vec<u8>,
}

impl Entries {
    /// Opens a segment; from an offset, where an entry begins.
    pub(super) fn open(path: &Path, offset: u64) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| failed("open", path, error))?;
        let mut entries =
            Self { path: path.to_owned(), read: BufReader::new(file), offset, bytes: Vec::new() };
        let mut header = [0; HEADER.len()];
        entries.read_up_to(&mut header)?;
        if header != *HEADER {
            return Err(entries.damaged("it does not begin as a segment of a journal does"));
        }
        let length = entries.read.get_ref().metadata().map(|metadata| metadata.len());
        let length = length.map_err(|error| failed("open", path, error))?;
        if length < offset {
            let reason = format!("it holds {length} bytes, and was read up to {offset} before");
            return Err(entries.damaged(&reason));
        }
        // From here on offsets count from the beginning of the file.
        let skip = i64::try_from(offset - FIRST).unwrap_or(i64::MAX);
        entries.read.seek_relative(skip).map_err(|error| failed("read", path, error))?;
        Ok(entries)
    }

    /// Behind the last whole entry.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes of the next entry: `None` at the end, an inner error for what is no whole entry.
    pub(super) fn next(&mut self) -> Result<Option<Result<&[u8], &'static str>>, Error> {
        let mut frame = [0; FRAME_BYTES];
        match self.read_up_to(&mut frame)? {
            0 => return Ok(None),
            FRAME_BYTES => {}
            _ => return Ok(Some(Err("it ends within an entry"))),
        }
        let [length, expected] = frame_of(&frame);
        let length = length as usize;
        if length == 0 {
            // A file system may leave zeros where it did not come to write.
            return Ok(Some(Err("an entry is empty")));
        }
        if length > ENTRY_BYTES {
            return Ok(Some(Err("an entry is longer than entries are")));
        }
        self.bytes.clear();
        let read = self.read.by_ref().take(length as u64).read_to_end(&mut self.bytes);
        if read.map_err(|error| failed("read", &self.path, error))? < length {
            return Ok(Some(Err("it ends within an entry")));
        }
        if checksum(&self.bytes) != expected {
            return Ok(Some(Err("an entry does not match its checksum")));
        }
        self.offset += (FRAME_BYTES + length) as u64;
        Ok(Some(Ok(&self.bytes)))
    }

    /// The error for something that this segment must not hold.
    pub(super) fn damaged(&self, reason: &str) -> Error {
        let attempted = format!("read the journal {}", self.path.display());
        Error::new(ErrorKind::External, attempted, reason)
            .advise("put the file back as it was, or begin with an empty folder")
    }

    fn read_up_to(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while filled < into.len() {
            let bytes = self.read.fill_buf().map_err(|error| failed("read", &self.path, error))?;
            if bytes.is_empty() {
                break;
            }
            let count = bytes.len().min(into.len() - filled);
            into[filled..filled + count].copy_from_slice(&bytes[..count]);
            self.read.consume(count);
            filled += count;
        }
        Ok(filled)
    }
}

/// The entry in these bytes.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<Entry<T>, String> {
    postcard::from_bytes(bytes).map_err(|error| format!("an entry is not understood: {error}"))
}

/// Cuts a torn tail off the last segment, as a run that was killed leaves it; a segment of which
/// not even the header is whole is removed. What lies before `from` is neither looked at nor cut.
/// Damage with a whole entry behind it is no torn tail: then it is an error, and nothing is changed.
pub(super) fn mend(folder: &Path, segment: u64, from: Place) -> Result<(), Error> {
    if segment < from.segment {
        return Ok(());
    }
    let path = path_of(folder, segment);
    let length = fs::metadata(&path).map_err(|error| failed("open", &path, error))?.len();
    let offset = if segment == from.segment { from.offset } else { FIRST };
    if length < FIRST && offset == FIRST {
        tracing::warn!(file = %path.display(), "the journal ends in a segment that was just begun");
        return fs::remove_file(&path).map_err(|error| failed("remove", &path, error));
    }
    let mut entries = Entries::open(&path, offset)?;
    let reason = loop {
        match entries.next()? {
            None => return Ok(()),
            Some(Ok(_)) => {}
            Some(Err(reason)) => break reason,
        }
    };
    let whole = entries.offset();
    let mut tail = Vec::new();
    File::open(&path)
        .and_then(|mut file| {
            file.seek(SeekFrom::Start(whole))?;
            file.read_to_end(&mut tail)
        })
        .map_err(|error| failed("read", &path, error))?;
    match holds_an_entry(&tail[1..]) {
        Some(false) => {}
        Some(true) => {
            let reason = format!("{reason} at byte {whole}, and whole entries follow");
            return Err(entries.damaged(&reason));
        }
        None => {
            let reason = format!("{reason} at byte {whole}, and whole entries may follow");
            return Err(entries.damaged(&reason));
        }
    }
    tracing::warn!(
        file = %path.display(),
        cut_bytes = length - whole,
        reason,
        "the journal was cut off where it is not whole"
    );
    let cut = File::options().write(true).open(&path).and_then(|file| {
        file.set_len(whole)?;
        file.sync_all()
    });
    cut.map_err(|error| failed("shorten", &path, error))
}

/// Whether a whole entry begins anywhere in these bytes; `None` when it would take too long to
/// tell.
fn holds_an_entry(bytes: &[u8]) -> Option<bool> {
    let mut left = SEARCHED_BYTES;
    for frame in bytes.windows(FRAME_BYTES + 1).zip(0..) {
        let (frame, at): (&[u8], usize) = frame;
        let [length, expected] = frame_of(frame);
        let length = length as usize;
        // What the ninth byte says: the kind of entry.
        if length == 0 || length > ENTRY_BYTES || frame[FRAME_BYTES] >= KINDS {
            continue;
        }
        let Some(entry) = bytes[at + FRAME_BYTES..].get(..length) else { continue };
        left = left.checked_sub(length as u64)?;
        if checksum(entry) == expected {
            return Some(true);
        }
    }
    Some(false)
}

/// Length and checksum, of the bytes before an entry.
fn frame_of(bytes: &[u8]) -> [u32; 2] {
    [&bytes[..4], &bytes[4..FRAME_BYTES]]
        .map(|bytes| bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

/// Behind the last end of the source that a journal holds: what lies before belongs to a job that
/// has ended. A run writes an end as its last entry.
pub(super) fn behind_the_end(folder: &Path, there: &[u64]) -> Result<Option<Place>, Error> {
    let mut end = Vec::new();
    encode(&Entry::<()>::End, &mut end)?;
    for &segment in there.iter().rev() {
        let path = path_of(folder, segment);
        if !ends_with(&path, &end).map_err(|error| failed("read", &path, error))? {
            continue;
        }
        // A record can end with these bytes, too.
        let mut entries = Entries::open(&path, FIRST)?;
        let mut is_end = false;
        while let Some(entry) = entries.next()? {
            match entry {
                Ok(entry) => is_end = *entry == end[FRAME_BYTES..],
                Err(reason) => return Err(entries.damaged(reason)),
            }
        }
        if is_end {
            return Ok(Some(Place { segment: segment + 1, offset: FIRST }));
        }
    }
    Ok(None)
}

fn ends_with(path: &Path, end: &[u8]) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let Some(at) = file.metadata()?.len().checked_sub(end.len() as u64) else { return Ok(false) };
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes == end)
}

/// An error of the operating system about a file of the journal.
pub(super) fn failed(verb: &str, path: &Path, error: io::Error) -> Error {
    Error::io(format!("{verb} {}", path.display()), error)
}
