//! Which file it is: whether a file that is found is the one that was read before.
//!
//! Names are given to other files (log rotation), and files are emptied and filled again under the
//! same name. So a position holds which file it is in and a checksum of the file's beginning. What
//! follows that beginning is not compared.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flate2::Crc;
use rheos_engine::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use super::open::failed;
use super::staged::folder_of;

/// Bytes at the beginning of a file by which it is known again.
pub(crate) const HEAD_BYTES: u64 = 1 << 10;

/// Which file it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileIdentity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl FileIdentity {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

impl fmt::Display for FileIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.device, self.inode)
    }
}

/// The beginning of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// How much of it: at most [`HEAD_BYTES`].
    pub(crate) bytes: u64,
    /// The CRC-32 of that.
    pub(crate) crc: u32,
}

impl Head {
    /// Of the first bytes of a file.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut crc = Crc::new();
        crc.update(bytes);
        Self { bytes: bytes.len() as u64, crc: crc.sum() }
    }

    /// Of the file at a path: of `bytes`, or fewer if it has not as many.
    pub(crate) fn read(path: &Path, bytes: u64) -> io::Result<Self> {
        let mut head = Vec::new();
        File::open(path)?.take(bytes.min(HEAD_BYTES)).read_to_end(&mut head)?;
        Ok(Self::of(&head))
    }
}

/// What a position says about the file it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) identity: Option<FileIdentity>,
    /// How long it was at the least.
    pub(crate) bytes: u64,
    pub(crate) head: Head,
}

impl Known {
    /// What the file is called now that was read as `path`: the same, or, when that name belongs to
    /// another file, a name in the same folder.
    pub(crate) fn find(&self, path: &Path) -> Result<PathBuf, Error> {
        if self.has_name(path)? {
            return self.check(path).map(|()| path.to_owned());
        }
        let folder = folder_of(path);
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(gone(path)),
            entries => entries.map_err(|error| failed("list", folder, error))?,
        };
        for entry in entries {
            let named = entry.map_err(|error| failed("list", folder, error))?.path();
            if self.has_name(&named)? {
                tracing::info!(file = %path.display(), now = %named.display(), "the file was renamed");
                return self.check(&named).map(|()| named);
            }
        }
        Err(gone(path))
    }

    /// Whether the file still has its name and is as it was.
    pub(crate) fn check_name(&self, path: &Path) -> Result<(), Error> {
        if self.has_name(path)? { self.check(path) } else { Err(gone(path)) }
    }

    /// Whether a name belongs to the file. Devices are numbered anew when the system starts, so
    /// only the inode counts, and the beginning of the file is compared afterwards.
    fn has_name(&self, path: &Path) -> Result<bool, Error> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("open", path, error)),
            Ok(now) => {
                Ok(self.identity.is_none_or(|known| known.inode == FileIdentity::of(&now).inode))
            }
        }
    }

    /// Whether the file still begins as it did and is as long.
    fn check(&self, path: &Path) -> Result<(), Error> {
        let now = fs::metadata(path).map_err(|error| failed("open", path, error))?;
        if now.is_file() && now.len() < self.bytes {
            let reason = format!("it was truncated from {} to {} bytes", self.bytes, now.len());
            return Err(refused(path, reason));
        }
        if self.head.bytes > 0 {
            let head = Head::read(path, self.head.bytes);
            if head.map_err(|error| failed("read", path, error))? != self.head {
                return Err(refused(path, "it was written anew: its beginning has changed"));
            }
        }
        Ok(())
    }
}

fn gone(path: &Path) -> Error {
    refused(
        path,
        "the file that was listed or read before is gone, with what was not yet read of it",
    )
}

fn refused(path: &Path, reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::External, format!("continue reading {}", path.display()), reason)
        .advise("put the file back as it was, in the same folder, or begin without a checkpoint")
}
