//! The file `parent` of a checkpoint folder: which parent process starts the job again after
//! failures, and what it found. What a job is told to restore holds for the first start.

use serde::{Deserialize, Serialize};

use super::CheckpointId;
use super::choose::Restore;
use super::disk::Disk;
use super::envelope::Format;
use super::facts::{Facts, list};
use super::names::PARENT;
use super::replace::replace;
use crate::Error;
use crate::supervisor::StartedBy;

const FORMAT: Format = Format {
    magic: *b"RHEOPRNT",
    version: 1,
    what: "the note of the parent that starts a job again",
    most_bytes: 4096,
};

/// What the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ParentFile {
    job: u64,
    /// The number of the parent.
    parent: u64,
    /// The highest number of a checkpoint before it first started the job: those behind it are of
    /// its children.
    found: CheckpointId,
}

impl ParentFile {
    /// Reads the file, if there is one of this job and this parent.
    ///
    /// # Errors
    /// When the folder cannot be read or the file is damaged.
    pub(crate) fn read(disk: &dyn Disk, job: u64, by: StartedBy) -> Result<Option<Self>, Error> {
        if !list(disk)?.iter().any(|(name, _)| name == PARENT) {
            return Ok(None);
        }
        let read: Self = FORMAT.read(disk, PARENT).map_err(|damage| damage.or("remove it"))?;
        Ok((read.job == job && read.parent == by.parent).then_some(read))
    }

    /// Notes what a parent has found, when it starts the job for the first time.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write(
        disk: &dyn Disk,
        job: u64,
        by: StartedBy,
        found: CheckpointId,
    ) -> Result<(), Error> {
        let file = Self { job, parent: by.parent, found };
        // To tests it is one place with the file `job`, which is written just before.
        replace(disk, PARENT, "job", &FORMAT.seal(&file)?)
    }

    /// What the job goes on from when its parent starts it again: from the latest checkpoint once
    /// there is one that an earlier start has taken, else as it was told.
    pub(crate) fn wish(self, facts: &Facts, told: Restore) -> Restore {
        let standing = facts.standing().map(|(id, _)| id);
        // A checkpoint that was durable and is gone is for `latest` to complain about.
        let noted = facts.latest.iter().flatten().copied().filter(|id| !facts.is_abandoned(*id));
        match standing.chain(noted).any(|id| id > self.found) {
            true => Restore::Latest,
            false => told,
        }
    }
}
