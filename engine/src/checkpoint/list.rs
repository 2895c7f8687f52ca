//! Looks at the checkpoint folder of a job from outside: what is there, is it whole, away with it.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::choose::{Decision, Duplicates, Restore, choose};
use super::damage::Damage;
use super::disk::LocalDisk;
use super::facts::Facts;
use super::job_file::JobFile;
use super::manifest::Manifest;
use super::store::Store;
use super::verify::{self, Verified};
use super::{CheckpointId, names};
use crate::{Error, EventTime, ProcessingTime};

/// The checkpoints of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Listing {
    /// What the job is called.
    pub job: String,
    /// How often it was started with this folder.
    pub runs: u32,
    /// What it goes on from when it is started again; none when it begins anew, or when it would
    /// refuse to start.
    pub latest: Option<CheckpointId>,
    /// Why it would refuse to start.
    pub trouble: Option<String>,
    /// The checkpoints, oldest first.
    pub checkpoints: Vec<Listed>,
    /// Files that belong to none of them: of one that is being taken, or left by a crash, and
    /// removed by the job in time.
    pub leftovers: Vec<String>,
}

/// A checkpoint in a [`Listing`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Listed {
    /// Its number.
    pub id: CheckpointId,
    /// When it was taken, as RFC 3339.
    pub taken: Option<String>,
    /// The run of the job that took it.
    pub run: u32,
    /// The epoch that the job goes on with.
    pub epoch: u64,
    /// The workers of the job when it was taken.
    pub workers: u32,
    /// Whether the input had ended.
    pub finished: bool,
    /// Files of state that belong to it; some may belong to others, too.
    pub files: usize,
    /// The bytes of these files.
    pub bytes: u64,
    /// Whether the job went back to an older one, or began anew, after it.
    pub left_behind: bool,
    /// What is wrong with it, as far as can be seen without reading all of it.
    pub damage: Option<String>,
}

/// Lists the checkpoints of a folder, also while its job runs.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// let error = rheos_engine::checkpoint::list(folder.path()).unwrap_err();
/// assert!(error.to_string().contains("the file is missing"), "not a checkpoint folder");
/// ```
///
/// # Errors
/// When it is not the folder of a job, or cannot be read.
pub fn list(folder: &Path) -> Result<Listing, Error> {
    let disk = LocalDisk::new(folder);
    let facts = Facts::gather(&disk, job_of(&disk)?)?;
    let (latest, trouble) = match choose(&facts, Restore::Latest, Duplicates::Refused) {
        Ok(Decision::Restore { id, .. }) => (Some(id), None),
        Ok(Decision::Begin { .. }) => (None, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let referred = facts.files_of(&facts.manifests.keys().copied().collect());
    let state_files = facts.state_files.keys().filter(|name| !referred.contains(name));
    let leftovers = state_files.map(ToString::to_string).chain(facts.unfinished.iter().cloned());
    Ok(Listing {
        job: facts.job.name.clone(),
        runs: facts.job.run,
        latest,
        trouble,
        checkpoints: facts
            .manifests
            .iter()
            .map(|(id, manifest)| listed(&facts, *id, manifest))
            .collect(),
        leftovers: leftovers.collect(),
    })
}

fn listed(facts: &Facts, id: CheckpointId, manifest: &Result<Manifest, Damage>) -> Listed {
    let left_behind = facts.is_abandoned(id);
    match manifest {
        Ok(manifest) => Listed {
            id,
            taken: Some(when(manifest.at)),
            run: manifest.run,
            epoch: manifest.epoch,
            workers: manifest.workers,
            finished: manifest.finished,
            files: manifest.files().count(),
            bytes: manifest.files().map(|file| file.bytes).sum(),
            left_behind,
            damage: None,
        },
        Err(damage) => Listed {
            id,
            taken: None,
            run: 0,
            epoch: 0,
            workers: 0,
            finished: false,
            files: 0,
            bytes: 0,
            left_behind,
            damage: Some(damage.to_string()),
        },
    }
}

/// A moment as people read it.
pub(super) fn when(time: ProcessingTime) -> String {
    EventTime::from_millis(i64::try_from(time.0).unwrap_or(i64::MAX)).to_string()
}

/// Whose folder it is.
pub(super) fn job_of(disk: &LocalDisk) -> Result<JobFile, Error> {
    JobFile::read(disk).map_err(|damage| {
        Error::new(damage.kind(), "look at a checkpoint folder", damage.to_string())
            .advise("name the folder that the job has as its `--checkpoint-dir`")
    })
}

/// Reads everything that belongs to a checkpoint and compares the checksums, also while its job
/// runs.
///
/// # Errors
/// When it is not the folder of a job, or has no such checkpoint. Damage is not an error: it is in
/// the [`Verified`].
pub fn verify(folder: &Path, id: CheckpointId) -> Result<Verified, Error> {
    let disk = LocalDisk::new(folder);
    verify::verify(&disk, job_of(&disk)?.id, id)
}

/// What [`delete`] removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Deleted {
    /// The names of the files.
    pub files: Vec<String>,
}

/// Removes a checkpoint, and the files that belong to no other. The one that the job goes on from
/// cannot be removed.
///
/// # Errors
/// When the job runs, it is not the folder of a job, or there is no such checkpoint.
pub fn delete(folder: &Path, id: CheckpointId) -> Result<Deleted, Error> {
    job_of(&LocalDisk::new(folder))?;
    let gone = Store::open_any(folder)?.delete(id)?;
    let manifests = gone.manifests.iter().map(|id| names::manifest(*id));
    let files = manifests.chain(gone.state_files.iter().map(ToString::to_string)).collect();
    Ok(Deleted { files })
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, runs, latest, trouble, checkpoints, leftovers } = self;
        writeln!(f, "job `{job}`, started {runs} times")?;
        if !checkpoints.is_empty() {
            let head = ["ID", "RUN", "EPOCH", "WORKERS", "FILES", "BYTES"];
            let [id, run, epoch, workers, files, bytes] = head;
            writeln!(f, "{id:>8} {run:>5} {epoch:>10} {workers:>7} {files:>6} {bytes:>14}  TAKEN")?;
        }
        for checkpoint in checkpoints {
            write!(f, "{checkpoint}")?;
            let is_latest = *latest == Some(checkpoint.id);
            writeln!(f, "{}", if is_latest { ", the latest" } else { "" })?;
        }
        for name in leftovers {
            writeln!(f, "{name} belongs to no checkpoint")?;
        }
        match (trouble, latest) {
            (Some(trouble), _) => write!(f, "the job would not start: {trouble}"),
            (None, Some(id)) => write!(f, "the job goes on from checkpoint {id}"),
            (None, None) => f.write_str("the job begins anew"),
        }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, run, epoch, workers, files, bytes, .. } = self;
        if let Some(damage) = &self.damage {
            return write!(f, "{id:>8} is damaged: {damage}");
        }
        let taken = self.taken.as_deref().unwrap_or("?");
        write!(f, "{id:>8} {run:>5} {epoch:>10} {workers:>7} {files:>6} {bytes:>14}  {taken}")?;
        f.write_str(if self.finished { ", at the end of the input" } else { "" })?;
        f.write_str(if self.left_behind { ", left behind" } else { "" })
    }
}

impl fmt::Display for Deleted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "removed {}", self.files.join(", "))
    }
}
