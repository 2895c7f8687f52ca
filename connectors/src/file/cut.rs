//! What a split of files is, and how large files are cut into several.
//!
//! Used when the splits are listed and when they are opened. Of each file it reads the first
//! kilobyte, by which it is known again.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rheos_engine::{Error, ErrorKind, Split};
use serde::{Deserialize, Serialize};

use super::identity::{FileIdentity, Head};
use super::listing::ListedFile;
use super::open::failed;
use crate::io::Compression;

/// A file is cut into ranges of at least this many bytes.
pub(crate) const RANGE_BYTES: u64 = 8 << 20;

/// A file is cut into at most this many ranges a worker, so that workers that are done early find
/// more to do.
pub(crate) const RANGES_PER_WORKER: u64 = 4;

/// A file or a range of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileSplit {
    /// The bytes of the path, which need not be UTF-8.
    path: Vec<u8>,
    /// The lines that start here or later, and
    pub(crate) start: u64,
    /// before here; without it, up to the end of the file.
    pub(crate) end: Option<u64>,
    /// The size of the file when it was listed, where it has one.
    pub(crate) listed_bytes: Option<u64>,
    /// Which file it was when it was listed, where it is a regular one.
    pub(crate) identity: Option<FileIdentity>,
    /// How it began when it was listed; splits of earlier versions do not say.
    #[serde(default)]
    pub(crate) head: Head,
}

impl FileSplit {
    /// The splits of one file: at most `max_ranges`.
    pub(crate) fn of(file: &ListedFile, max_ranges: u64) -> Result<Vec<Self>, Error> {
        let listed_bytes = Some(file.metadata.len()).filter(|_| file.metadata.is_file());
        // A pipe is not opened before it is read.
        let head = match listed_bytes {
            Some(bytes) if bytes > 0 => {
                Head::read(&file.path, bytes).map_err(|error| failed("read", &file.path, error))?
            }
            _ => Head::default(),
        };
        let whole = Self {
            path: file.path.as_os_str().as_bytes().to_vec(),
            start: 0,
            end: None,
            // Pipes have no size: they may never end.
            listed_bytes,
            identity: listed_bytes.map(|_| FileIdentity::of(&file.metadata)),
            head,
        };
        Ok(match whole.listed_bytes {
            // Some files of the operating system claim to be empty and are not.
            Some(bytes) if bytes > 0 && Compression::of(&file.path) == Compression::None => {
                let range = RANGE_BYTES.max(bytes.div_ceil(max_ranges));
                (0..bytes.div_ceil(range))
                    .map(|index| Self {
                        start: index * range,
                        end: Some(((index + 1) * range).min(bytes)),
                        ..whole.clone()
                    })
                    .collect()
            }
            _ => vec![whole],
        })
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> PathBuf {
        OsString::from_vec(self.path.clone()).into()
    }

    /// For the engine.
    pub(crate) fn to_split(&self) -> Result<Split, Error> {
        let path = self.path();
        let name = match self.end {
            Some(end) if self.start > 0 || Some(end) < self.listed_bytes => {
                format!("{} [{}..{end}]", path.display(), self.start)
            }
            _ => path.display().to_string(),
        };
        Ok(Split {
            payload: encode(self, &name)?,
            name,
            // Of a compressed file, its own size: what it holds is not known.
            bytes: self.end.map(|end| end - self.start).or(self.listed_bytes),
            at_origin: false,
        })
    }

    /// From the engine.
    pub(crate) fn from_split(split: &Split) -> Result<Self, Error> {
        decode(&split.payload, &split.name)
    }
}

/// The form of what is written into splits and positions.
pub(crate) fn encode(value: &impl Serialize, object: &str) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| not_coded("describe", object, &error))
}

/// The opposite of [`encode`].
pub(crate) fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8], object: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| not_coded("find", object, &error))
}

fn not_coded(verb: &str, object: &str, error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("{verb} {object}"), error.to_string())
}
