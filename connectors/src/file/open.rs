//! Opens files for reading: a whole one, from an offset, or a range; with the header of its
//! beginning where the format wants that.
//!
//! All of it may block and runs on reading threads.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rheos_engine::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use super::cut::FileSplit;
use super::identity::{Head, Known};
use super::range::{LineRange, seek_to_line};
use crate::format::FirstLine;
use crate::io::{Begin, Block, Compression, Produce, Produced, Stop};

/// What opening needs to know of the format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineRules {
    pub(crate) first_line: FirstLine,
    pub(crate) max_line_bytes: usize,
}

/// Where a split has been read to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FilePosition {
    /// Behind the last line that was handed out; `None` before a line range was looked for.
    pub(crate) offset: Option<u64>,
    /// The beginning of the file, to know it again.
    pub(crate) head: Head,
}

/// Reads one split.
pub(crate) struct FileProducer {
    split: FileSplit,
    /// Where reading continues.
    continue_at: Option<FilePosition>,
    rules: LineRules,
    opened: Option<OpenedFile>,
}

impl FileProducer {
    /// Opens nothing yet.
    pub(crate) fn new(
        split: FileSplit,
        continue_at: Option<FilePosition>,
        rules: LineRules,
    ) -> Self {
        Self { split, continue_at, rules, opened: None }
    }

    fn open(&self) -> Result<(OpenedFile, u64), Error> {
        let path = self.find()?;
        let continue_at = self.continue_at.and_then(|position| position.offset);
        let Some(end) = self.split.end else {
            let offset = continue_at.unwrap_or(0);
            return Ok((OpenedFile::open(&path, offset, self.split.listed_bytes)?, offset));
        };
        let mut file = open_listed(&path, self.split.listed_bytes)?;
        let at = match continue_at {
            Some(offset) => file.seek(SeekFrom::Start(offset)),
            None => seek_to_line(&mut file, self.split.start, end),
        };
        let at = at.map_err(|error| failed("read", &path, error))?;
        let read = Box::new(LineRange::new(file, at, end));
        Ok((OpenedFile { path, read, fill: Fill::AsItComes }, at))
    }

    /// What the file is called now. Splits may have waited for long, also over a restart, and
    /// others of the same file may have been read: all must be of the file that was listed.
    fn find(&self) -> Result<PathBuf, Error> {
        let path = self.split.path();
        let FileSplit { identity: Some(identity), listed_bytes, head: listed, .. } = self.split
        else {
            return Ok(path);
        };
        let begun = self.continue_at.map(|position| position.head).filter(|head| head.bytes > 0);
        let (bytes, head) = (listed_bytes.unwrap_or(0), begun.unwrap_or(listed));
        Known { identity: Some(identity), bytes, head }.find(&path)
    }

    /// The beginning of a regular file, as the part of its bytes.
    fn part(&self, path: &Path) -> Result<String, Error> {
        let head = match self.split.listed_bytes {
            Some(bytes) => Head::read(path, bytes).map_err(|error| failed("read", path, error))?,
            None => Head::default(),
        };
        Ok(format!("{}:{}", head.bytes, head.crc))
    }
}

/// The position that lies at `offset` of the part that a [`FileProducer`] named.
pub(crate) fn position_in(part: &str, offset: u64) -> FilePosition {
    let head = part
        .split_once(':')
        .and_then(|(bytes, crc)| Some(Head { bytes: bytes.parse().ok()?, crc: crc.parse().ok()? }));
    FilePosition { offset: Some(offset), head: head.unwrap_or_default() }
}

impl Produce for FileProducer {
    fn produce(&mut self, block: &mut Block, _stop: &Stop) -> Result<Produced, Error> {
        if let Some(opened) = &mut self.opened {
            return opened.read_block(block).map(|bytes| match bytes {
                0 => Produced::End,
                _ => Produced::Bytes,
            });
        }
        let (opened, offset) = self.open()?;
        let header = header_before(&opened.path, offset, self.rules)?;
        let part = self.part(&opened.path)?;
        self.opened = Some(opened);
        Ok(Produced::Begin(Begin { offset, part, header, ..Begin::default() }))
    }
}

/// A file that is being read.
pub(crate) struct OpenedFile {
    path: PathBuf,
    read: Box<dyn Read + Send>,
    fill: Fill,
}

/// How a block is filled.
enum Fill {
    /// By one call, so that what a pipe gives is not held back.
    AsItComes,
    /// Completely: decompressors give small pieces.
    Completely,
}

impl OpenedFile {
    /// Opens a file at an offset of its (decompressed) content; it must not be smaller than it
    /// was when it was listed.
    pub(crate) fn open(path: &Path, offset: u64, listed_bytes: Option<u64>) -> Result<Self, Error> {
        let mut file = open_listed(path, listed_bytes)?;
        let compression = Compression::of(path);
        if compression == Compression::None {
            if offset > 0 {
                skip_plain(&mut file, path, offset)?;
            }
            return Ok(Self { path: path.to_owned(), read: Box::new(file), fill: Fill::AsItComes });
        }
        let mut read = decompress(file, path, compression)?;
        let skipped = io::copy(&mut read.by_ref().take(offset), &mut io::sink())
            .map_err(|error| failed("read", path, error))?;
        if skipped < offset {
            return Err(too_short(path, skipped, offset));
        }
        Ok(Self { path: path.to_owned(), read, fill: Fill::Completely })
    }

    /// Fills the block; zero at the end of the file.
    pub(crate) fn read_block(&mut self, block: &mut Block) -> Result<usize, Error> {
        match self.fill {
            Fill::AsItComes => block.read_once(&mut self.read),
            Fill::Completely => block.read_full(&mut self.read),
        }
        .map_err(|error| failed("read", &self.path, error))
    }
}

/// The header line of a file, for reading from this offset on; `None` where the reading begins
/// with the header itself or the format has none.
pub(crate) fn header_before(
    path: &Path,
    offset: u64,
    rules: LineRules,
) -> Result<Option<Vec<u8>>, Error> {
    if offset == 0 || rules.first_line == FirstLine::Record {
        return Ok(None);
    }
    let file = File::open(path).map_err(|error| failed("open", path, error))?;
    let read = decompress(file, path, Compression::of(path))?;
    let mut header = Vec::new();
    BufReader::new(read)
        .take(rules.max_line_bytes as u64 + 2)
        .read_until(b'\n', &mut header)
        .map_err(|error| failed("read", path, error))?;
    let line = header.strip_suffix(b"\n").unwrap_or(&header);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > rules.max_line_bytes {
        let attempted = format!("read the header of {}", path.display());
        return Err(Error::new(
            ErrorKind::Data,
            attempted,
            "it is longer than the limit for a line",
        ));
    }
    Ok(Some(line.to_vec()))
}

/// An error of the operating system about a file.
pub(crate) fn failed(verb: &str, path: &Path, error: io::Error) -> Error {
    Error::io(format!("{verb} {}", path.display()), error)
}

fn open_listed(path: &Path, listed_bytes: Option<u64>) -> Result<File, Error> {
    let file = File::open(path).map_err(|error| failed("open", path, error))?;
    if let Some(listed) = listed_bytes {
        let now = file.metadata().map_err(|error| failed("open", path, error))?.len();
        if now < listed {
            let reason = format!("it has shrunk from {listed} to {now} bytes since it was listed");
            return Err(Error::new(
                ErrorKind::External,
                format!("read {}", path.display()),
                reason,
            ));
        }
    }
    Ok(file)
}

fn skip_plain(file: &mut File, path: &Path, offset: u64) -> Result<(), Error> {
    let bytes = file.metadata().map_err(|error| failed("open", path, error))?.len();
    if bytes < offset {
        return Err(too_short(path, bytes, offset));
    }
    file.seek(SeekFrom::Start(offset)).map(drop).map_err(|error| failed("read", path, error))
}

fn too_short(path: &Path, bytes: u64, offset: u64) -> Error {
    Error::new(
        ErrorKind::External,
        format!("continue reading {} at byte {offset}", path.display()),
        format!("it holds only {bytes} bytes now"),
    )
}

/// An empty file is an empty stream in every compression.
fn decompress(
    file: File,
    path: &Path,
    compression: Compression,
) -> Result<Box<dyn Read + Send>, Error> {
    let metadata = file.metadata().map_err(|error| failed("open", path, error))?;
    if compression == Compression::None || (metadata.is_file() && metadata.len() == 0) {
        return Ok(Box::new(file));
    }
    compression.decompress(file).map_err(|error| failed("decompress", path, error))
}
