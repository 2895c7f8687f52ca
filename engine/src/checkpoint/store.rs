//! The checkpoint folder of a job that runs: whose it is, what is in it, what becomes durable.
//!
//! Process 0 of a job opens it and keeps it while the job runs. Other processes only write state
//! files, on the same [`Disk`].

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::CheckpointId;
use super::choose::{Decision, Restore};
use super::disk::{Disk, LocalDisk, LockGuard};
use super::facts::{Facts, list};
use super::job_file::{Abandoned, JobFile, holds_checkpoints, write_latest};
use super::manifest::{MANIFEST, Manifest};
use super::names::{self, JOB, LATEST, LOCK};
use super::obsolete::{Obsolete, obsolete, orphaned};
use super::parent_file::ParentFile;
use super::replace::replace;
use crate::supervisor::StartedBy;
use crate::{Error, ErrorKind, failpoint};

/// A checkpoint folder, locked.
pub(crate) struct Store {
    disk: Arc<dyn Disk>,
    job: JobFile,
    /// The last checkpoint that is known to be durable, with the file `latest`.
    confirmed: Option<CheckpointId>,
    _lock: Box<dyn LockGuard>,
}

/// How a run of a job begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunStart {
    /// The number of the run, from 1.
    pub(crate) run: u32,
    /// The number of its first checkpoint.
    pub(crate) first: CheckpointId,
}

impl Store {
    /// Opens the folder of the job that is called `name`, or makes it. Nothing is written before
    /// [`begin_run`](Self::begin_run).
    ///
    /// # Errors
    /// When it cannot be made or read, another job is running in it, it belongs to another job, or
    /// the description of its job is damaged.
    pub(crate) fn open(folder: &Path, name: &str) -> Result<Self, Error> {
        let disk = LocalDisk::create(folder).map_err(|cause| {
            Error::io(format!("make the checkpoint folder {}", folder.display()), cause)
                .advise("name a folder that can be written")
        })?;
        Self::over(Arc::new(disk), name)
    }

    /// Opens the folder of whichever job it is, to change what is in it while the job rests.
    ///
    /// # Errors
    /// When it is not the folder of a job, its job is running, or it cannot be read.
    pub(crate) fn open_any(folder: &Path) -> Result<Self, Error> {
        let disk = LocalDisk::new(folder);
        // Looked at first, or a folder of something else would get a lock.
        let name = JobFile::read(&disk)?.name;
        Self::over(Arc::new(disk), &name)
    }

    /// Opens a folder that exists, on any disk; see [`open`](Self::open).
    pub(crate) fn over(disk: Arc<dyn Disk>, name: &str) -> Result<Self, Error> {
        let lock = lock(&*disk)?;
        let files = list(&*disk)?;
        let job = if files.iter().any(|(file, _)| file == JOB) || holds_checkpoints(&files) {
            JobFile::read(&*disk).map_err(|damage| damage.or("begin anew with another folder"))?
        } else {
            // It is written when a run begins.
            JobFile::new(name)
        };
        if job.name != name {
            let attempt = format!("keep checkpoints in {}", disk.path(""));
            let reason = format!("the folder belongs to the job `{}`, not to `{name}`", job.name);
            return Err(Error::usage(attempt, reason).advise("name a folder of its own"));
        }
        Ok(Self { disk, job, confirmed: None, _lock: lock })
    }

    /// The disk, to write state files.
    pub(crate) fn disk(&self) -> Arc<dyn Disk> {
        self.disk.clone()
    }

    /// The number of the job, which is in all its files.
    pub(crate) fn job(&self) -> u64 {
        self.job.id
    }

    /// What is in the folder.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn facts(&self) -> Result<Facts, Error> {
        Facts::gather(&*self.disk, self.job.clone())
    }

    /// What the job goes on from that was told `told`, and by whom it was started.
    ///
    /// # Errors
    /// When the note of the parent cannot be read.
    pub(crate) fn wish(
        &self,
        facts: &Facts,
        told: Restore,
        by: Option<StartedBy>,
    ) -> Result<Restore, Error> {
        let Some(by) = by.filter(|by| by.is_restart) else { return Ok(told) };
        let parent = ParentFile::read(&*self.disk, self.job.id, by)?;
        Ok(parent.map_or(told, |parent| parent.wish(facts, told)))
    }

    /// Notes by whom the run was started that has just begun, and that all checkpoints from its
    /// first one on are of that parent's children.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn note_parent(&self, by: StartedBy) -> Result<(), Error> {
        match ParentFile::read(&*self.disk, self.job.id, by) {
            Ok(Some(_)) => Ok(()),
            // One that is damaged is of no use to anybody.
            Ok(None) | Err(_) => ParentFile::write(&*self.disk, self.job.id, by, self.job.highest),
        }
    }

    /// Begins a run that goes on from what was decided, durably: from now on nothing that an
    /// earlier run leaves is taken for this one's, and the job goes on from nothing else by itself.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn begin_run(
        &mut self,
        facts: &Facts,
        decision: &Decision,
    ) -> Result<RunStart, Error> {
        let from = match decision {
            Decision::Begin { .. } => CheckpointId(0),
            Decision::Restore { id, .. } => *id,
        };
        let highest = facts.highest();
        let leaves_any = facts.manifests.keys().any(|id| *id > from);
        let job = JobFile {
            run: facts.highest_run() + 1,
            highest,
            abandoned: match leaves_any || facts.is_abandoned(from) {
                true => Some(Abandoned { after: from, until: highest }),
                false => facts.job.abandoned,
            },
            ..facts.job.clone()
        };
        job.write(&*self.disk)?;
        self.job = job;
        self.note_latest(facts, from)?;
        // All that is there is of earlier runs.
        if let Err(error) = self.remove_files(&orphaned(facts, highest)) {
            tracing::warn!(%error, "what earlier runs have left stays");
        }
        Ok(RunStart { run: self.job.run, first: highest.next() })
    }

    /// Lets the file `latest` name what the run goes on from.
    fn note_latest(&mut self, facts: &Facts, from: CheckpointId) -> Result<(), Error> {
        if from == CheckpointId(0) {
            self.confirmed = None;
            return match facts.latest {
                Some(_) => self.remove(LATEST).and_then(|()| self.sync_folder()),
                None => Ok(()),
            };
        }
        if facts.latest != Some(Ok(from)) {
            write_latest(&*self.disk, self.job.id, from)?;
        }
        self.confirmed = Some(from);
        Ok(())
    }

    /// Makes a checkpoint durable, whose state files are. Afterwards its sinks may commit.
    ///
    /// When this fails the checkpoint may be durable or not: nothing of it may be committed, its
    /// number must not be used again, and what its sinks have prepared must stay.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn publish(&mut self, mut manifest: Manifest) -> Result<(), Error> {
        assert_eq!(manifest.job, self.job.id, "a manifest of this job");
        assert!(Some(manifest.id) > self.confirmed, "checkpoints are numbered on");
        manifest.previous = self.confirmed;
        let (id, bytes) = (manifest.id, MANIFEST.seal(&manifest)?);
        let write = || replace(&*self.disk, &names::manifest(id), "manifest", &bytes);
        if failpoint::is_broken("latest-before-manifest") {
            write_latest(&*self.disk, self.job.id, id)?;
            write()?;
        } else {
            write()?;
            write_latest(&*self.disk, self.job.id, id)?;
        }
        self.confirmed = Some(id);
        Ok(())
    }

    /// Removes what nobody needs any more, when the newest `keep` checkpoints stay.
    ///
    /// # Errors
    /// When the disk refuses; what is left is removed the next time.
    pub(crate) fn remove_old(&mut self, keep: usize) -> Result<Obsolete, Error> {
        let obsolete = obsolete(&self.facts()?, keep);
        self.remove_all(&obsolete)?;
        Ok(obsolete)
    }

    /// Removes what a checkpoint of this run has left that came to nothing, and what those before it
    /// have: a disk that was full because of them has room again.
    ///
    /// Its manifest may be there all the same, because something failed later: then all stays.
    ///
    /// # Errors
    /// When the disk refuses; what is left is removed the next time.
    pub(crate) fn remove_failed(&self, id: CheckpointId) -> Result<(), Error> {
        self.remove_files(&orphaned(&self.facts()?, id))
    }

    /// Removes a checkpoint and the files that only it needs.
    ///
    /// # Errors
    /// When there is none, the job would go on from it, or the disk refuses.
    pub(crate) fn delete(&mut self, id: CheckpointId) -> Result<Obsolete, Error> {
        let mut facts = self.facts()?;
        let attempt = || format!("delete checkpoint {id}");
        if !facts.manifests.contains_key(&id) {
            let reason = format!("there is no such checkpoint in {}", self.disk.path(""));
            return Err(Error::usage(attempt(), reason));
        }
        if facts.standing().next_back().is_some_and(|(newest, _)| newest == id) {
            return Err(Error::usage(attempt(), "the job goes on from it").advise(
                "remove the whole folder to have the job begin anew, or start it with `--restore \
                 none`",
            ));
        }
        let needed_before = facts.files_of(&BTreeSet::from([id]));
        facts.manifests.remove(&id);
        let needed = facts.files_of(&facts.manifests.keys().copied().collect());
        let state_files = needed_before.difference(&needed).copied().collect();
        let obsolete = Obsolete { manifests: vec![id], state_files, unfinished: Vec::new() };
        self.remove_all(&obsolete)?;
        Ok(obsolete)
    }

    /// Removes files so that a crash in between leaves no manifest without its state files.
    fn remove_all(&self, obsolete: &Obsolete) -> Result<(), Error> {
        failpoint::hit("remove-before")?;
        for id in &obsolete.manifests {
            self.remove(&names::manifest(*id))?;
        }
        if !obsolete.state_files.is_empty() {
            self.sync_folder()?;
        }
        failpoint::hit("remove-between")?;
        self.remove_files(obsolete)?;
        failpoint::hit("remove-after")
    }

    /// Removes files that no manifest refers to.
    fn remove_files(&self, obsolete: &Obsolete) -> Result<(), Error> {
        let state_files = obsolete.state_files.iter().map(ToString::to_string);
        for name in state_files.chain(obsolete.unfinished.iter().cloned()) {
            self.remove(&name)?;
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        match self.disk.remove(name) {
            // Somebody has tidied up by hand.
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|cause| {
                Error::io(format!("remove {}", self.disk.path(name)), cause)
                    .advise("see that the folder can be written")
            }),
        }
    }

    fn sync_folder(&self) -> Result<(), Error> {
        self.disk
            .sync_folder()
            .map_err(|cause| Error::io(format!("sync {}", self.disk.path("")), cause))
    }
}

/// Takes the lock of a folder.
///
/// # Errors
/// When a job is running in it, or the disk refuses.
fn lock(disk: &dyn Disk) -> Result<Box<dyn LockGuard>, Error> {
    let attempt = || format!("use the checkpoint folder {}", disk.path(""));
    let locked = disk.lock(LOCK).map_err(|cause| {
        Error::io(format!("lock {}", disk.path(LOCK)), cause)
            .advise("name a folder that can be written")
    })?;
    locked.ok_or_else(|| {
        Error::new(ErrorKind::External, attempt(), "another job is running with it")
            .advise("wait until that job has ended, or name a folder of its own for each job")
    })
}
