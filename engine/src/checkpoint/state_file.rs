//! What one worker captured for one checkpoint: a file of sections with an index at its end.
//!
//! | bytes | what |
//! |---|---|
//! | 12 | magic and version |
//! | 24 | job, checkpoint, run, worker: u64, u64, u32, u32 |
//! | 4 | CRC-32 of the 36 bytes before |
//! | ... | the sections, one behind the other, each with its CRC-32 in the index |
//! | ... | the index, in postcard |
//! | 8 | the length of the index |
//! | 4 | CRC-32 of the index and its length |
//!
//! So a file is written in one go, and whoever restores reads the index and then only the sections
//! that it needs. Every byte is under a checksum. The manifest keeps the length and the last
//! checksum, which depends on all others.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::damage::Damage;
use super::disk::{Disk, ReadFile, WriteFile};
use super::envelope::{Format, PREFIX, read_u32, read_u64};
use super::names::StateName;
use super::section_index::{IndexBody, IndexWriter, SectionEntry};
use crate::{Error, ErrorKind, Section, failpoint};

/// The form of state files.
const STATE: Format = Format {
    magic: *b"RHEOSTAT",
    version: 1,
    what: "a file of captured state",
    most_bytes: u64::MAX,
};

const IDENTITY_END: usize = PREFIX + 24;
/// Bytes before the first section.
pub(super) const HEADER: usize = IDENTITY_END + 4;
const TRAILER: usize = 12;

/// Bytes that are collected before they are written.
pub(super) const BUFFER_BYTES: usize = 1 << 20;

/// A state file as the manifest knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRef {
    /// Its name in the checkpoint folder.
    pub(crate) name: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its last checksum, which depends on all its bytes.
    pub(crate) checksum: u32,
}

/// The beginning of the file of `name`, of this job.
fn header(job: u64, name: StateName) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..PREFIX].copy_from_slice(&STATE.prefix());
    header[12..20].copy_from_slice(&job.to_le_bytes());
    header[20..28].copy_from_slice(&name.checkpoint.0.to_le_bytes());
    header[28..32].copy_from_slice(&name.run.to_le_bytes());
    header[32..36].copy_from_slice(&name.worker.to_le_bytes());
    let checksum = crc32fast::hash(&header[..IDENTITY_END]);
    header[IDENTITY_END..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// Writes a state file. One that is dropped before it is finished removes the file.
pub(crate) struct StateFileWriter {
    disk: Arc<dyn Disk>,
    name: String,
    file: Option<Box<dyn WriteFile>>,
    buffer: Vec<u8>,
    index: IndexWriter,
    bytes: u64,
}

impl StateFileWriter {
    /// Begins the file of a worker.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn create(disk: Arc<dyn Disk>, job: u64, name: StateName) -> Result<Self, Error> {
        let text = name.to_string();
        let file = disk.create(&text).map_err(|cause| failed("create", &*disk, &text, cause))?;
        let mut writer = Self {
            disk,
            name: text,
            file: Some(file),
            buffer: Vec::new(),
            index: IndexWriter::default(),
            bytes: 0,
        };
        writer.add(&header(job, name))?;
        Ok(writer)
    }

    /// Adds a section of a step.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write(&mut self, step: &str, section: &Section) -> Result<(), Error> {
        self.index.add(step, section);
        self.add(&section.bytes)
    }

    /// Makes the file complete and durable, with its name.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn finish(mut self) -> Result<FileRef, Error> {
        let mut tail = postcard::to_extend(self.index.body(), Vec::new()).map_err(|cause| {
            let attempt = format!("write {}", self.disk.path(&self.name));
            Error::new(ErrorKind::Internal, attempt, cause.to_string())
        })?;
        tail.extend((tail.len() as u64).to_le_bytes());
        let checksum = crc32fast::hash(&tail);
        tail.extend(checksum.to_le_bytes());
        self.add(&tail)?;
        self.flush()?;
        failpoint::hit("state-before-sync")?;
        if let Some(file) = &mut self.file
            && !failpoint::is_broken("skip-sync-state")
        {
            file.sync().map_err(|cause| failed("sync", &*self.disk, &self.name, cause))?;
        }
        failpoint::hit("state-before-folder-sync")?;
        if !failpoint::is_broken("skip-folder-sync-state") {
            let synced = self.disk.sync_folder();
            synced.map_err(|cause| failed("sync the name of", &*self.disk, &self.name, cause))?;
        }
        failpoint::hit("state-after")?;
        self.file = None;
        Ok(FileRef { name: self.name.clone(), bytes: self.bytes, checksum })
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes += bytes.len() as u64;
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        if bytes.len() > BUFFER_BYTES {
            return self.put(bytes);
        }
        self.buffer.extend(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let put = if buffer.is_empty() { Ok(()) } else { self.put(&buffer) };
        buffer.clear();
        self.buffer = buffer;
        put
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        failpoint::hit("state-before-write")?;
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write(bytes).map_err(|cause| failed("write", &*self.disk, &self.name, cause))
    }
}

impl Drop for StateFileWriter {
    fn drop(&mut self) {
        // The room is given back at once: a full disk is a likely reason to be here.
        if self.file.take().is_some()
            && let Err(error) = self.disk.remove(&self.name)
            // Process 0 removes what is left of a checkpoint that came to nothing.
            && error.kind() != std::io::ErrorKind::NotFound
        {
            let file = self.disk.path(&self.name);
            tracing::warn!(%file, %error, "cannot remove a state file that was not completed");
        }
    }
}

fn failed(verb: &str, disk: &dyn Disk, name: &str, cause: std::io::Error) -> Error {
    Error::io(format!("{verb} {}", disk.path(name)), cause)
        .advise("see that the disk has room and the folder can be written")
}

/// A state file that is read.
pub(crate) struct StateFile {
    path: String,
    file: Box<dyn ReadFile>,
    entries: Vec<SectionEntry>,
}

impl StateFile {
    /// Opens a file that the manifest of a checkpoint of `job` names.
    ///
    /// # Errors
    /// When it is not the file that was written: missing, damaged, or of somebody else.
    pub(crate) fn open(disk: &dyn Disk, file: &FileRef, job: u64) -> Result<Self, Damage> {
        let path = disk.path(&file.name);
        let damaged = |reason: &str| Damage::new(&path, reason);
        let unreadable = |cause| Damage::unreadable(&path, &cause);
        let name = StateName::parse(&file.name)
            .ok_or_else(|| damaged("its name is not that of a state file"))?;
        let opened = disk.open(&file.name).map_err(unreadable)?;
        let length = opened.len().map_err(unreadable)?;
        if length != file.bytes || length < (HEADER + TRAILER) as u64 {
            let reason = format!("it has {length} bytes, and {} were written", file.bytes);
            return Err(Damage::new(path, reason));
        }
        let mut begin = [0; HEADER];
        opened.read_at(0, &mut begin).map_err(unreadable)?;
        check_header(&path, &begin, job, name)?;
        let mut trailer = [0; TRAILER];
        opened.read_at(length - TRAILER as u64, &mut trailer).map_err(unreadable)?;
        let end = (length - TRAILER as u64)
            .checked_sub(read_u64(&trailer, 0).unwrap_or(u64::MAX))
            .filter(|end| *end >= HEADER as u64)
            .ok_or_else(|| damaged("its index is longer than the file"))?;
        let mut index = vec![0; (length - end) as usize];
        opened.read_at(end, &mut index).map_err(unreadable)?;
        let (summed, checksum) = index.split_at(index.len() - 4);
        if read_u32(checksum, 0) != Some(crc32fast::hash(summed)) {
            return Err(damaged("the checksum of its index does not fit"));
        }
        if read_u32(checksum, 0) != Some(file.checksum) {
            return Err(damaged("it is whole, and not the file that the manifest names"));
        }
        let body: IndexBody = postcard::from_bytes(&summed[..summed.len() - 8])
            .map_err(|cause| Damage::new(&path, format!("its index is not understood: {cause}")))?;
        let entries = body
            .entries(HEADER as u64, end)
            .ok_or_else(|| damaged("its index does not fit the file"))?;
        Ok(Self { path, file: opened, entries })
    }

    /// All sections, by step and part.
    pub(crate) fn all(&self) -> &[SectionEntry] {
        &self.entries
    }

    /// The sections of a step, by part; those of one part in the order in which they were written.
    pub(crate) fn sections(&self, step: &str) -> &[SectionEntry] {
        range(&self.entries, |entry| entry.step.as_ref().cmp(step))
    }

    /// The sections of a part of a step, in the order in which they were written.
    pub(crate) fn sections_of(&self, step: &str, part: &str) -> &[SectionEntry] {
        range(self.sections(step), |entry| entry.part.as_ref().cmp(part))
    }

    /// Reads a section.
    ///
    /// # Errors
    /// When it cannot be read or does not hold what was written.
    pub(crate) fn read(&self, entry: &SectionEntry) -> Result<Vec<u8>, Damage> {
        let mut bytes = Vec::new();
        self.read_into(entry, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a section into a vector, whose memory is used again.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub(crate) fn read_into(
        &self,
        entry: &SectionEntry,
        bytes: &mut Vec<u8>,
    ) -> Result<(), Damage> {
        // The length is below that of the file: the index was checked against it.
        bytes.resize(entry.bytes as usize, 0);
        self.file
            .read_at(entry.offset, bytes)
            .map_err(|cause| Damage::unreadable(&self.path, &cause))?;
        if crc32fast::hash(bytes) == entry.checksum {
            return Ok(());
        }
        let SectionEntry { step, part, offset, .. } = entry;
        let reason = format!(
            "the checksum of `{part}` of step `{step}` does not fit the {} bytes at {offset}",
            entry.bytes
        );
        Err(Damage::new(&self.path, reason))
    }
}

/// The entries for which `order` says that they are equal, in a slice that is sorted by it.
fn range(
    entries: &[SectionEntry],
    order: impl Fn(&SectionEntry) -> std::cmp::Ordering,
) -> &[SectionEntry] {
    let from = entries.partition_point(|entry| order(entry).is_lt());
    let until = entries.partition_point(|entry| order(entry).is_le());
    &entries[from..until]
}

/// Checks that a file is what its name says, and of this job.
fn check_header(path: &str, begin: &[u8], job: u64, name: StateName) -> Result<(), Damage> {
    STATE.check_prefix(path, begin)?;
    if read_u32(begin, IDENTITY_END) != Some(crc32fast::hash(&begin[..IDENTITY_END])) {
        return Err(Damage::new(path, "the checksum of its beginning does not fit"));
    }
    if begin == header(job, name) {
        return Ok(());
    }
    let of_job = read_u64(begin, 12) == Some(job);
    Err(Damage::foreign(
        path,
        match of_job {
            true => "it was written by another worker or for another checkpoint",
            false => "it belongs to another job",
        },
    ))
}
