//! The manifest of a checkpoint: what belongs to it. A checkpoint is durable when its manifest is.

use serde::{Deserialize, Serialize};

use super::CheckpointId;
use super::damage::Damage;
use super::disk::Disk;
use super::envelope::Format;
use super::names;
use super::parts::PartShape;
use super::state_file::FileRef;
use crate::{EventTime, Position, ProcessingTime, Split, StageState, hash_key, key_group};

/// The form of manifests.
pub(crate) const MANIFEST: Format = Format {
    magic: *b"RHEOMANI",
    version: 1,
    what: "the manifest of a checkpoint",
    most_bytes: 256 << 20,
};

/// Everything that a job needs to go on from a checkpoint, apart from the state in its files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The job that it belongs to: the number in the file `job`.
    pub(crate) job: u64,
    /// What the job is called.
    pub(crate) name: String,
    /// The number of the checkpoint.
    pub(crate) id: CheckpointId,
    /// The last checkpoint before it that was known to be durable; the store fills it in.
    pub(crate) previous: Option<CheckpointId>,
    /// The run of the job that took it.
    pub(crate) run: u32,
    /// The epoch that the job goes on with: the checkpoint holds everything before it.
    pub(crate) epoch: u64,
    /// When it was taken.
    pub(crate) at: ProcessingTime,
    /// Whether the input had ended: nothing is left to do but to commit.
    pub(crate) finished: bool,
    /// The workers of the job over all its processes.
    pub(crate) workers: u32,
    /// The steps of the job.
    pub(crate) plan: Vec<StepFacts>,
    /// What [`hash_probe`] gave in the build that took it.
    pub(crate) hash_probe: Vec<u16>,
    /// How far the sources had come.
    pub(crate) sources: Vec<SourceFacts>,
    /// How far the steps had come in event time.
    pub(crate) hosts: Vec<HostFacts>,
    /// The files of each worker.
    pub(crate) chains: Vec<Chain>,
    /// What the sinks had prepared.
    pub(crate) sinks: Vec<SinkFacts>,
}

/// A step of the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepFacts {
    /// Its name, which is unique in the plan.
    pub(crate) name: String,
    /// What it is: "count", "window".
    pub(crate) kind: String,
    /// Whether the program chose the name.
    pub(crate) is_named: bool,
    /// The parts of its state.
    pub(crate) parts: Vec<PartShape>,
}

/// How far a source had come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceFacts {
    /// The name of its step.
    pub(crate) step: String,
    /// What it reads, to notice when a program reads something else.
    pub(crate) identity: String,
    /// The splits that had not ended, with their numbers and where reading goes on; without a
    /// position nothing of the split had been read.
    pub(crate) splits: Vec<(u32, Split, Option<Position>)>,
    /// The state of the steps that are fused to it.
    pub(crate) stages: StageState,
}

/// How far a step had come in event time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostFacts {
    /// Its name.
    pub(crate) step: String,
    /// Whether all its inputs had ended.
    pub(crate) over: bool,
    /// Its watermark, where it has one.
    pub(crate) watermark: Option<EventTime>,
    /// The state of the steps that are fused behind it.
    pub(crate) stages: StageState,
}

/// The files of a worker: the first holds its whole state, each later one what changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chain {
    /// The worker, counted over all processes.
    pub(crate) worker: u32,
    /// The files, in the order in which they are applied.
    pub(crate) files: Vec<FileRef>,
}

/// What the writers of a sink had prepared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SinkFacts {
    /// The name of its step.
    pub(crate) step: String,
    /// What each writer needs to commit, in the sink's own encoding.
    pub(crate) prepared: Vec<Vec<u8>>,
}

impl Manifest {
    /// Reads the manifest of a checkpoint of `job`.
    ///
    /// # Errors
    /// When it is missing, damaged, or of something else.
    pub(crate) fn read(disk: &dyn Disk, id: CheckpointId, job: u64) -> Result<Self, Damage> {
        let name = names::manifest(id);
        let manifest: Self = MANIFEST.read(disk, &name)?;
        let foreign = |reason: String| Err(Damage::foreign(disk.path(&name), reason));
        if manifest.job != job {
            return foreign(format!("it belongs to another job, `{}`", manifest.name));
        }
        if manifest.id != id {
            return foreign(format!("it is the manifest of checkpoint {}", manifest.id));
        }
        Ok(manifest)
    }

    /// The files of all its workers.
    pub(crate) fn files(&self) -> impl Iterator<Item = &FileRef> {
        self.chains.iter().flat_map(|chain| &chain.files)
    }
}

/// The groups of a few known keys in this build. A build that gives others than a checkpoint has
/// hashes differently, and cannot trust the groups of the keys in it.
pub(crate) fn hash_probe() -> Vec<u16> {
    let numbers = (0..8u64).map(|key| hash_key(&key));
    let signed = (-2..2i32).map(|key| hash_key(&key));
    let words = ["", "a", "rheos", "a longer key, of more than thirty-two bytes"];
    let words = words.into_iter().map(hash_key);
    let others = [
        hash_key(&()),
        hash_key(&true),
        hash_key(&'x'),
        hash_key(&(1u8, "pair".to_owned())),
        hash_key(&Some(7u16)),
        hash_key(&[1u8, 2, 3]),
        hash_key(&vec!["in", "a", "vector"]),
        hash_key(&u128::MAX),
    ];
    numbers.chain(signed).chain(words).chain(others).map(|hash| key_group(hash) as u16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::forgetful::ForgetfulDisk;

    #[test]
    fn a_manifest_comes_back_and_must_be_the_right_one() {
        let disk = ForgetfulDisk::default();
        let manifest = crate::checkpoint::scenario::example();
        disk.put("manifest-00000007", MANIFEST.seal(&manifest).unwrap());
        assert_eq!(Manifest::read(&disk, CheckpointId(7), 17), Ok(manifest.clone()));
        let read = |id, job| Manifest::read(&disk, id, job).unwrap_err().to_string();
        assert!(read(CheckpointId(7), 18).contains("another job"));
        disk.put("manifest-00000008", MANIFEST.seal(&manifest).unwrap());
        assert!(read(CheckpointId(8), 17).contains("is the manifest of checkpoint 7"));
        assert!(read(CheckpointId(9), 17).contains("manifest-00000009: the file is missing"));
    }

    #[test]
    fn the_probe_tells_hashes_apart_and_stays_the_same() {
        let probe = hash_probe();
        assert_eq!(probe, hash_probe());
        assert!(probe.len() >= 20 && probe.iter().any(|group| *group != probe[0]));
    }
}
