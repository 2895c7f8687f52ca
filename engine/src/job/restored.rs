//! What a job goes on from: a checkpoint as the workers of a process see it.

use std::sync::Arc;

use super::desk::HostFacts;
use crate::capture::SectionKind;
use crate::checkpoint::{Disk, Manifest, SectionEntry, StateFile, hash_probe};
use crate::context::WorkerContext;
use crate::dataflow::Standing;
use crate::failpoint;
use crate::key::owner;
use crate::logic::Logic;
use crate::plan::Plan;
use crate::restore::{StoredStep, restore};
use crate::state_parts::{Part, Spread};
use crate::{Error, Migrations, Rewrite, Schema, SplitId, StageState};

/// The checkpoint that a job goes on from.
pub(crate) struct Restored {
    manifest: Manifest,
    /// The files of all workers that took part; those of one worker in the order in which they are
    /// applied.
    files: Vec<StateFile>,
    /// Whether this build puts keys into the groups in which they are stored.
    is_grouped_alike: bool,
    migrations: Migrations,
    allow_dropped_state: bool,
}

impl Restored {
    /// Opens the files of a checkpoint and checks that they are whole.
    ///
    /// # Errors
    /// When one is missing, damaged or not what the manifest says.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        job: u64,
        manifest: Manifest,
        plan: &Plan,
        allow_dropped_state: bool,
    ) -> Result<Self, Error> {
        let files = manifest.chains.iter().flat_map(|chain| &chain.files);
        let files = files.map(|file| StateFile::open(&**disk, file, job));
        let files = files.collect::<Result<_, _>>()?;
        let is_grouped_alike = manifest.hash_probe == hash_probe();
        let migrations = plan.migrations.clone();
        Ok(Self { manifest, files, is_grouped_alike, migrations, allow_dropped_state })
    }

    /// What belongs to the checkpoint.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What a step was doing, if the checkpoint knows it.
    pub(crate) fn host(&self, step: &str) -> Option<HostFacts> {
        let host = self.manifest.hosts.iter().find(|host| host.step == step)?;
        Some(HostFacts {
            is_over: host.over,
            watermark: host.watermark,
            stages: host.stages.of_splits(|_| true),
        })
    }

    /// What the steps that are fused to a source kept of the splits that a worker reads.
    pub(crate) fn stages(&self, source: &str, splits: &[Standing]) -> StageState {
        let stored = self.manifest.sources.iter().find(|stored| stored.step == source);
        let is_read_here = |split: SplitId| splits.iter().any(|(number, ..)| *number == split.0);
        stored.map(|stored| stored.stages.of_splits(is_read_here)).unwrap_or_default()
    }

    /// Restores what a worker owns of the state of a step.
    ///
    /// # Errors
    /// When the state is damaged or does not fit.
    pub(crate) fn restore(
        &self,
        (step, kind): (&str, &str),
        context: &WorkerContext,
        logic: &mut dyn Logic,
    ) -> Result<(), Error> {
        let (worker, workers) = (context.worker, context.workers);
        let stored = self.manifest.plan.iter().find(|stored| stored.name == step);
        if stored.is_none_or(|stored| stored.kind != kind) {
            // New, or another kind of step: what was stored has been given up with consent.
            return Ok(());
        }
        let stored = Stored { from: self, step, worker, workers };
        failpoint::hit("restore-before")?;
        restore(&stored, worker, workers, &mut |parts| logic.state(parts))?;
        if !failpoint::is_broken("forget-timers") {
            logic.restored();
        }
        failpoint::hit("restore-after")
    }
}

/// The stored state of a step, for one worker.
struct Stored<'a> {
    from: &'a Restored,
    step: &'a str,
    worker: usize,
    workers: usize,
}

impl Stored<'_> {
    /// Whether a section may hold what the worker owns.
    fn concerns(&self, entry: &SectionEntry) -> bool {
        match entry.kind {
            SectionKind::Keyed { group } => {
                let group = group ^ u16::from(failpoint::is_broken("restore-wrong-group")) << 7;
                let is_owner = owner(u64::from(group) << 48, self.workers) == self.worker;
                is_owner || !self.from.is_grouped_alike
            }
            SectionKind::Singleton => {
                self.worker == 0 && !failpoint::is_broken("forget-singletons")
            }
            SectionKind::Broadcast => !failpoint::is_broken("forget-broadcast"),
        }
    }
}

impl StoredStep for Stored<'_> {
    fn entries(&self, part: &str) -> u64 {
        let files = self.from.files.iter();
        let entries = files.flat_map(|file| file.sections_of(self.step, part));
        entries.filter(|entry| self.concerns(entry)).map(|entry| entry.entries).sum()
    }

    fn keyed(
        &self,
        part: &str,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut bytes = Vec::new();
        for file in &self.from.files {
            for entry in file.sections_of(self.step, part) {
                if matches!(entry.kind, SectionKind::Keyed { .. }) && self.concerns(entry) {
                    file.read_into(entry, &mut bytes)?;
                    each(&bytes)?;
                }
            }
        }
        Ok(())
    }

    fn value(&self, part: &str) -> Result<Option<Vec<u8>>, Error> {
        // The copies of a broadcast state are the same; of one chain the last counts.
        let mut found = None;
        for file in &self.from.files {
            for entry in file.sections_of(self.step, part) {
                if !matches!(entry.kind, SectionKind::Keyed { .. }) && self.concerns(entry) {
                    found = Some(file.read(entry)?);
                }
            }
        }
        Ok(found)
    }

    fn rewrite(
        &self,
        part: &str,
        schema_before: &dyn Fn(&Rewrite) -> Schema,
    ) -> Result<Option<Rewrite>, Error> {
        let step = self.from.manifest.plan.iter().find(|step| step.name == self.step);
        let Some(stored) = step.and_then(|step| step.parts.iter().find(|p| p.name == part)) else {
            return Ok(Some(Rewrite::none()));
        };
        let found = self.from.migrations.find(self.step, &stored.schema, schema_before);
        if found.is_none() && !self.from.allow_dropped_state {
            let attempted = format!("restore the part `{part}` of the state");
            let now = schema_before(&Rewrite::none());
            let reason = format!("it was stored as {} and is {now} now", stored.schema);
            return Err(Error::usage(attempted, reason)
                .advise("say how it is converted, or pass --allow-dropped-state"));
        }
        Ok(found)
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::<Part>::new();
        for entry in self.from.files.iter().flat_map(|file| file.sections(self.step)) {
            if parts.iter().all(|part| part.name != *entry.part) {
                let spread = match entry.kind {
                    SectionKind::Keyed { .. } => Spread::Keyed,
                    SectionKind::Singleton => Spread::Singleton,
                    SectionKind::Broadcast => Spread::Broadcast,
                };
                parts.push(Part { name: entry.part.to_string(), spread });
            }
        }
        parts
    }
}
