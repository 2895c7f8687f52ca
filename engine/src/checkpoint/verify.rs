//! Reads everything that belongs to a checkpoint and compares the checksums.

use std::fmt;

use serde::Serialize;

use super::CheckpointId;
use super::disk::Disk;
use super::manifest::Manifest;
use super::state_file::{FileRef, StateFile};
use super::{damage::Damage, names};
use crate::Error;

/// What came of verifying a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verified {
    /// The checkpoint.
    pub id: CheckpointId,
    /// Files that were read, the manifest included.
    pub files: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// What is wrong, by the files' names; nothing if the checkpoint is whole.
    pub damage: Vec<String>,
}

impl Verified {
    /// Whether everything is as it was written.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damage.is_empty()
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, files, bytes, damage } = self;
        if damage.is_empty() {
            return write!(f, "checkpoint {id} is whole: {files} files, {bytes} bytes");
        }
        write!(f, "checkpoint {id} is damaged:")?;
        damage.iter().try_for_each(|damage| write!(f, "\n  {damage}"))
    }
}

/// Verifies a checkpoint of `job`.
///
/// # Errors
/// When there is no such checkpoint.
pub(crate) fn verify(disk: &dyn Disk, job: u64, id: CheckpointId) -> Result<Verified, Error> {
    let name = names::manifest(id);
    if disk.open(&name).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        let reason = format!("there is no {}", disk.path(&name));
        return Err(Error::usage(format!("verify checkpoint {id}"), reason));
    }
    let mut verified = Verified { id, files: 1, bytes: 0, damage: Vec::new() };
    let manifest = match Manifest::read(disk, id, job) {
        Ok(manifest) => manifest,
        Err(damage) => {
            verified.damage.push(damage.to_string());
            return Ok(verified);
        }
    };
    verified.bytes += disk.open(&name).and_then(|file| file.len()).unwrap_or_default();
    for file in manifest.files() {
        verified.files += 1;
        verified.bytes += file.bytes;
        if let Err(damage) = read_all(disk, job, file) {
            verified.damage.push(damage.to_string());
        }
    }
    Ok(verified)
}

fn read_all(disk: &dyn Disk, job: u64, file: &FileRef) -> Result<(), Damage> {
    let state = StateFile::open(disk, file, job)?;
    let mut bytes = Vec::new();
    state.all().iter().try_for_each(|entry| state.read_into(entry, &mut bytes))
}
