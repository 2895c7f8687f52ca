//! What is in a checkpoint folder, as far as decisions need it.

use std::collections::{BTreeMap, BTreeSet};

use super::CheckpointId;
use super::damage::Damage;
use super::disk::Disk;
use super::job_file::{JobFile, read_latest};
use super::manifest::Manifest;
use super::names::{self, LATEST, StateName};
use crate::Error;

/// What is in a checkpoint folder.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Whose folder it is.
    pub(crate) job: JobFile,
    /// What the file `latest` says; `None` when there is none.
    pub(crate) latest: Option<Result<CheckpointId, Damage>>,
    /// The manifests that are there: those that can be used, and what is wrong with the others.
    pub(crate) manifests: BTreeMap<CheckpointId, Result<Manifest, Damage>>,
    /// The state files that are there, with their lengths.
    pub(crate) state_files: BTreeMap<StateName, u64>,
    /// Files that somebody did not complete.
    pub(crate) unfinished: Vec<String>,
}

impl Facts {
    /// Looks at a folder. Of state files only the names and lengths are looked at.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn gather(disk: &dyn Disk, job: JobFile) -> Result<Self, Error> {
        let listed = list(disk)?;
        let mut state_files = BTreeMap::new();
        let mut unfinished = Vec::new();
        let mut manifests = BTreeMap::new();
        for (name, bytes) in &listed {
            if let Some(state) = StateName::parse(name) {
                state_files.insert(state, *bytes);
            } else if names::is_unfinished(name) {
                unfinished.push(name.clone());
            } else if let Some(id) = names::parse_manifest(name) {
                manifests.insert(id, Manifest::read(disk, id, job.id));
            }
        }
        for manifest in manifests.values_mut() {
            if let Ok(read) = manifest
                && let Err(damage) = check_files(disk, read, &state_files)
            {
                *manifest = Err(damage);
            }
        }
        let has_latest = listed.iter().any(|(name, _)| name == LATEST);
        let latest = has_latest.then(|| read_latest(disk, job.id));
        Ok(Self { job, latest, manifests, state_files, unfinished })
    }

    /// The highest number of a checkpoint of which there is a trace.
    pub(crate) fn highest(&self) -> CheckpointId {
        let manifests = self.manifests.keys().copied();
        let states = self.state_files.keys().map(|name| name.checkpoint);
        let latest = self.latest.iter().flatten().copied();
        let all = manifests.chain(states).chain(latest).chain([self.job.highest]);
        all.max().unwrap_or_default()
    }

    /// The highest run of the job of which there is a trace.
    pub(crate) fn highest_run(&self) -> u32 {
        let manifests = self.manifests.values().flatten().map(|manifest| manifest.run);
        let states = self.state_files.keys().map(|name| name.run);
        manifests.chain(states).chain([self.job.run]).max().unwrap_or_default()
    }

    /// Whether a checkpoint was left behind when the job went back to an older one.
    pub(crate) fn is_abandoned(&self, id: CheckpointId) -> bool {
        self.job.abandoned.is_some_and(|abandoned| abandoned.holds(id))
    }

    /// The manifests that were not left behind, from the oldest on.
    pub(crate) fn standing(
        &self,
    ) -> impl DoubleEndedIterator<Item = (CheckpointId, &Result<Manifest, Damage>)> {
        self.manifests
            .iter()
            .map(|(id, manifest)| (*id, manifest))
            .filter(|(id, _)| !self.is_abandoned(*id))
    }

    /// The names of the state files that readable manifests of these checkpoints refer to.
    pub(crate) fn files_of(&self, ids: &BTreeSet<CheckpointId>) -> BTreeSet<StateName> {
        let manifests = ids.iter().filter_map(|id| self.manifests.get(id)?.as_ref().ok());
        manifests
            .flat_map(Manifest::files)
            .filter_map(|file| StateName::parse(&file.name))
            .collect()
    }
}

/// The files of a folder.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn list(disk: &dyn Disk) -> Result<Vec<(String, u64)>, Error> {
    disk.list().map_err(|cause| {
        Error::io(format!("list the checkpoint folder {}", disk.path("")), cause)
            .advise("name a folder that exists and may be read")
    })
}

/// Checks that the state files of a manifest are there, by their lengths.
fn check_files(
    disk: &dyn Disk,
    manifest: &Manifest,
    there: &BTreeMap<StateName, u64>,
) -> Result<(), Damage> {
    for file in manifest.files() {
        let path = disk.path(&file.name);
        let length = StateName::parse(&file.name).and_then(|name| there.get(&name));
        match length {
            None => return Err(Damage::new(path, "the file is missing")),
            Some(length) if *length != file.bytes => {
                let reason = format!("it has {length} bytes, and {} were written", file.bytes);
                return Err(Damage::new(path, reason));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
