//! What is remembered of a watched folder: which files were read, and which one is being read.
//!
//! The reader of a [`WatchedFolder`](super::WatchedFolder) keeps it as its position; what its
//! reading thread finds out comes to it as [`Part`]s.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rheos_engine::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::identity::{FileIdentity, Head, Known};
use super::open::failed;

/// What has been read of a share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WatchPosition {
    /// Files that were read to their end and are still there, as far as is known, and how to know
    /// them again; positions of earlier versions hold only names.
    #[serde(serialize_with = "write_done", deserialize_with = "read_done")]
    pub(super) done: BTreeMap<String, Option<Mark>>,
    /// The file that is being read.
    pub(super) current: Option<CurrentFile>,
}

/// A file that is being read, and up to where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CurrentFile {
    pub(super) name: String,
    pub(super) offset: u64,
    #[serde(flatten)]
    pub(super) mark: Mark,
}

/// By what a file is known again that has been read: a name alone may belong to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    file: FileIdentity,
    /// Its length when it was opened.
    bytes: u64,
    /// When it was changed last, in nanoseconds; positions of earlier versions do not say.
    #[serde(default)]
    changed: Option<i64>,
    head: Head,
}

impl Mark {
    /// Of the file at a path.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let (bytes, changed) = (metadata.len(), Some(changed(&metadata)));
        let head = Head::read(path, bytes)?;
        Ok(Self { file: FileIdentity::of(&metadata), bytes, changed, head })
    }

    /// Whether a file that looks like this is the same, and has not changed.
    pub(super) fn is_as(&self, now: Look) -> bool {
        let changed = self.changed.unwrap_or(now.changed);
        now == Look { inode: self.file.inode, bytes: self.bytes, changed }
    }

    /// Whether the file at a path, which looks like this, is the same and was added to.
    pub(super) fn has_grown(&self, path: &Path, now: Look) -> Result<bool, Error> {
        if now.inode != self.file.inode || now.bytes < self.bytes {
            return Ok(false);
        }
        match Head::read(path, self.head.bytes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            head => Ok(head.map_err(|error| failed("read", path, error))? == self.head),
        }
    }

    /// For continuing to read it.
    pub(super) fn known(&self) -> Known {
        Known { identity: Some(self.file), bytes: self.bytes, head: self.head }
    }
}

/// What tells at a look whether a file has changed. Devices are numbered anew when the system
/// starts, so they do not count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    inode: u64,
    bytes: u64,
    changed: i64,
}

impl Look {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { inode: metadata.ino(), bytes: metadata.len(), changed: changed(metadata) }
    }
}

fn changed(metadata: &Metadata) -> i64 {
    metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec())
}

/// What the reading thread tells the reader, as the part that it begins. An empty part says that
/// the file before it has ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Part {
    /// What follows are the lines of this file.
    File(CurrentFile),
    /// Files that were read: another mark, or none when the name belongs to no such file now.
    Learned(Vec<(String, Option<Mark>)>),
}

/// A file that was read, in a position.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum DoneFile<'a> {
    Marked(Cow<'a, str>, Mark),
    Named(Cow<'a, str>),
}

fn write_done<S: Serializer>(
    done: &BTreeMap<String, Option<Mark>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(done.iter().map(|(name, mark)| match mark {
        Some(mark) => DoneFile::Marked(name.into(), *mark),
        None => DoneFile::Named(name.into()),
    }))
}

fn read_done<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Option<Mark>>, D::Error> {
    let files = Vec::<DoneFile<'_>>::deserialize(deserializer)?.into_iter();
    Ok(files
        .map(|file| match file {
            DoneFile::Marked(name, mark) => (name.into_owned(), Some(mark)),
            DoneFile::Named(name) => (name.into_owned(), None),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_and_earlier_ones_are_understood() {
        let earlier = r#"{"done":["in/a.txt"],"current":{"name":"in/b.txt","offset":3,
            "file":{"device":1,"inode":2},"bytes":9,"head":{"bytes":9,"crc":7}}}"#;
        let mut position: WatchPosition = serde_json::from_str(earlier).unwrap();
        assert_eq!(position.done["in/a.txt"], None);
        let current = position.current.as_ref().unwrap();
        assert_eq!((current.offset, current.mark.file.inode, current.mark.changed), (3, 2, None));
        let mark = Mark { changed: Some(-1), ..current.mark };
        position.done.insert("in/c.txt".to_owned(), Some(mark));
        let bytes = serde_json::to_vec(&position).unwrap();
        assert_eq!(serde_json::from_slice::<WatchPosition>(&bytes).unwrap(), position);
    }
}
