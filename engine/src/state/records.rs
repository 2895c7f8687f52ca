//! The encoding of captured keyed state.
//!
//! The entries of one key group are a version, then records without a count: a byte that says
//! whether an entry was put or a key removed, the key in postcard form and, of an entry, the
//! state. Later records of a key replace earlier ones. A part that is made of several tables says
//! of which one a record is before the key.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, KEY_GROUPS, Rewrite};

/// The version of the encoding.
const VERSION: u8 = 1;
const PUT: u8 = 1;
const REMOVE: u8 = 2;

/// What happened to the key of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// It has this state now; key and state follow.
    Put,
    /// It was forgotten; the key follows.
    Remove,
}

/// Lets postcard append to a buffer.
struct Append<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Append<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[inline]
fn append<T: Serialize>(value: &T, into: &mut Vec<u8>) -> postcard::Result<()> {
    postcard::serialize_with_flavor(value, Append(into))
}

/// How records say that they are of a table among several.
pub(super) fn table(number: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(&number, &mut bytes).expect("a number can be written to memory");
    bytes
}

/// Appends the record of an entry; `table` says which table of its part it is in.
#[inline]
pub(super) fn put<K: Serialize, S: Serialize>(
    table: &[u8],
    key: &K,
    state: &S,
    into: &mut Vec<u8>,
) -> postcard::Result<()> {
    into.push(PUT);
    into.extend_from_slice(table);
    append(key, into)?;
    append(state, into)
}

/// Appends the record of a key that was removed.
pub(super) fn remove<K: Serialize>(
    table: &[u8],
    key: &K,
    into: &mut Vec<u8>,
) -> postcard::Result<()> {
    into.push(REMOVE);
    into.extend_from_slice(table);
    append(key, into)
}

/// Lets `write` append a record; nothing is appended if it fails.
#[inline]
fn write_whole(
    into: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> postcard::Result<()>,
) -> Result<(), Error> {
    let before = into.len();
    write(into).map_err(|cause| {
        into.truncate(before);
        Error::new(ErrorKind::UserCode, "write an entry of keyed state", cause.to_string())
            .advise("keys and states must be serializable without borrowed data")
    })
}

/// Records of one key group.
#[derive(Debug, Default)]
struct GroupBuffer {
    bytes: Vec<u8>,
    entries: u64,
}

/// Captured entries by key group, on their way to a file.
#[derive(Debug)]
pub struct GroupBuffers {
    groups: Vec<GroupBuffer>,
    bytes: usize,
}

impl Default for GroupBuffers {
    fn default() -> Self {
        let groups = (0..KEY_GROUPS).map(|_| GroupBuffer::default()).collect();
        Self { groups, bytes: 0 }
    }
}

impl GroupBuffers {
    /// Bytes in all groups together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a record that `write` appends.
    #[inline]
    pub(super) fn write(
        &mut self,
        group: usize,
        write: impl FnOnce(&mut Vec<u8>) -> postcard::Result<()>,
    ) -> Result<(), Error> {
        let buffer = &mut self.groups[group];
        let before = buffer.bytes.len();
        if before == 0 {
            buffer.bytes.push(VERSION);
        }
        let written = write_whole(&mut buffer.bytes, write);
        buffer.entries += u64::from(written.is_ok());
        self.bytes += buffer.bytes.len() - before;
        written
    }

    /// Adds a record that was written before.
    fn append(&mut self, group: usize, record: &[u8]) {
        let buffer = &mut self.groups[group];
        let before = buffer.bytes.len();
        if before == 0 {
            buffer.bytes.push(VERSION);
        }
        buffer.bytes.extend_from_slice(record);
        buffer.entries += u64::from(record.first() == Some(&PUT));
        self.bytes += buffer.bytes.len() - before;
    }

    /// Takes out the groups that have records: their numbers, how many entries were put, and the
    /// bytes.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = (u16, u64, Vec<u8>)> {
        self.bytes = 0;
        let groups = self.groups.iter_mut().map(std::mem::take).zip(0..);
        let filled = groups.filter(|(buffer, _)| !buffer.bytes.is_empty());
        filled.map(|(buffer, number)| (number, buffer.entries, buffer.bytes))
    }
}

/// Records of all groups in the order in which they were written, each with its group and where
/// it ends.
#[derive(Debug, Default)]
pub(super) struct RecordLog {
    bytes: Vec<u8>,
    records: Vec<(usize, usize)>,
}

impl RecordLog {
    /// Adds a record that `write` appends.
    pub(super) fn write(
        &mut self,
        group: usize,
        write: impl FnOnce(&mut Vec<u8>) -> postcard::Result<()>,
    ) -> Result<(), Error> {
        write_whole(&mut self.bytes, write)?;
        self.records.push((group, self.bytes.len()));
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Moves all records to their groups.
    pub(super) fn move_to(&mut self, groups: &mut GroupBuffers) {
        let mut begin = 0;
        for (group, end) in self.records.drain(..) {
            groups.append(group, &self.bytes[begin..end]);
            begin = end;
        }
        self.bytes.clear();
    }
}

/// Reads the captured entries of a key group.
///
/// What it reads may be damaged: everything that does not add up is an error.
#[derive(Debug)]
pub struct StateRecords<'a> {
    rest: &'a [u8],
}

impl<'a> StateRecords<'a> {
    /// Begins to read.
    ///
    /// # Errors
    /// When the bytes are none, or of a version that is not known here.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => Ok(Self { rest }),
            Some((version, _)) => {
                let reason = format!("its encoding has version {version}, this build knows 1");
                Err(refused(reason).advise("restore it with the version of Rheos that wrote it"))
            }
            None => Err(refused("it is empty")),
        }
    }

    /// Reads a value as it was stored before `rewrite`.
    ///
    /// # Errors
    /// When the bytes are damaged, or a conversion failed.
    #[inline]
    pub fn read_rewritten<T: DeserializeOwned>(&mut self, rewrite: &Rewrite) -> Result<T, Error> {
        if rewrite.is_none() {
            return self.read();
        }
        let (value, rest) = rewrite.take(self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    /// What the next record says; nothing behind the last one.
    ///
    /// # Errors
    /// When the bytes are damaged.
    #[inline]
    pub fn next_change(&mut self) -> Result<Option<StateChange>, Error> {
        let Some((tag, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        match *tag {
            PUT => Ok(Some(StateChange::Put)),
            REMOVE => Ok(Some(StateChange::Remove)),
            tag => Err(refused(format!("it holds a record of the unknown kind {tag}"))),
        }
    }

    /// Reads a piece of the current record: its table if the part has several, its key, its state.
    ///
    /// # Errors
    /// When the bytes are damaged or of another type.
    #[inline]
    pub fn read<T: Deserialize<'a>>(&mut self) -> Result<T, Error> {
        let (value, rest) =
            postcard::take_from_bytes(self.rest).map_err(|cause| refused(cause.to_string()))?;
        self.rest = rest;
        Ok(value)
    }
}

fn refused(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Data, "restore a group of keyed state", reason)
}
