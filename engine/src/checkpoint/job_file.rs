//! The file `job` of a checkpoint folder: whose folder it is, and how often the job was started.

use std::hash::{BuildHasher, Hasher, RandomState};

use serde::{Deserialize, Serialize};

use super::CheckpointId;
use super::damage::Damage;
use super::disk::Disk;
use super::envelope::Format;
use super::names::{self, JOB, LATEST};
use super::replace::replace;
use crate::Error;

const FORMAT: Format = Format {
    magic: *b"RHEOJOB\0",
    version: 1,
    what: "the description of a checkpoint folder's job",
    most_bytes: 1 << 20,
};

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobFile {
    /// Chosen at random when the folder was first used; in every file of the job.
    pub(crate) id: u64,
    /// What the job is called.
    pub(crate) name: String,
    /// How often it was started with this folder.
    pub(crate) run: u32,
    /// The highest number of a checkpoint that was known when this run began: later ones are
    /// numbered on from it, even if files have been removed.
    pub(crate) highest: CheckpointId,
    /// Which checkpoints the job does not go on from by itself.
    pub(crate) abandoned: Option<Abandoned>,
}

/// Checkpoints that were left behind when the job went back to an older one, or began anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Abandoned {
    /// The one that the job went back to; 0 when it began anew.
    pub(crate) after: CheckpointId,
    /// The last one that was left behind.
    pub(crate) until: CheckpointId,
}

impl Abandoned {
    /// Whether a checkpoint was left behind.
    pub(crate) fn holds(self, id: CheckpointId) -> bool {
        self.after < id && id <= self.until
    }
}

impl JobFile {
    /// A job that has never been started.
    pub(crate) fn new(name: &str) -> Self {
        // The hasher's own keys are the standard library's only source of randomness.
        let id = RandomState::new().build_hasher().finish();
        let highest = CheckpointId(0);
        Self { id, name: name.to_owned(), run: 0, highest, abandoned: None }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub(crate) fn read(disk: &dyn Disk) -> Result<Self, Damage> {
        FORMAT.read(disk, JOB)
    }

    /// Writes the file, durably.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write(&self, disk: &dyn Disk) -> Result<(), Error> {
        replace(disk, JOB, "job", &FORMAT.seal(self)?)
    }
}

const LATEST_FORMAT: Format = Format {
    magic: *b"RHEOLAST",
    version: 1,
    what: "the note of the latest checkpoint",
    most_bytes: 4096,
};

/// What the file `latest` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LatestFile {
    job: u64,
    id: CheckpointId,
}

/// Reads the file `latest`: the last checkpoint that is known to have become durable.
///
/// # Errors
/// When it is missing, damaged, or of another job.
pub(crate) fn read_latest(disk: &dyn Disk, job: u64) -> Result<CheckpointId, Damage> {
    let latest: LatestFile = LATEST_FORMAT.read(disk, LATEST)?;
    match latest.job == job {
        true => Ok(latest.id),
        false => Err(Damage::foreign(disk.path(LATEST), "it belongs to another job")),
    }
}

/// Writes the file `latest`, durably.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn write_latest(disk: &dyn Disk, job: u64, id: CheckpointId) -> Result<(), Error> {
    replace(disk, LATEST, "latest", &LATEST_FORMAT.seal(&LatestFile { job, id })?)
}

/// Whether a folder holds anything that a job left behind, by the names of its files.
pub(crate) fn holds_checkpoints(files: &[(String, u64)]) -> bool {
    files.iter().any(|(name, _)| name == LATEST || names::parse_manifest(name).is_some())
}
