//! A job and its checkpoint folder: what it goes on from, and who writes the next ones.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use super::announce::{Beginning, say};
use super::assignment::Assignment;
use super::coordinate::{Coordinator, Rules};
use super::desk::{Desk, Said, SplitAt};
use super::ended::check_ended;
use super::manifest::JobFacts;
use super::outset::Outset;
use super::restored::Restored;
use super::scribe::{Files, Hub, Scribe};
use super::shared::Shared;
use super::start::prepare_targets;
use crate::checkpoint::compat::{self, Compatibility};
use crate::checkpoint::{
    Checkpoints, Decision, Disk, Duplicates, JobFile, LocalDisk, Manifest, Store, choose, chosen,
};
use crate::dataflow::panic_message;
use crate::failpoint;
use crate::plan::{Node, Plan};
use crate::supervisor::started_by;
use crate::{Epoch, Error, ErrorKind, Recovery, SplitContext};

/// The checkpoint folder of a job that runs, as one of its processes uses it.
pub(crate) struct Session {
    disk: Arc<dyn Disk>,
    /// The number of the job, which is in all its files.
    job: u64,
    /// In process 0, until the scribe has it.
    store: Mutex<Option<Store>>,
    options: Checkpoints,
    restored: Option<Restored>,
}

impl Session {
    /// In process 0: takes the folder, decides what the job goes on from, and brings the targets of
    /// its sinks there.
    ///
    /// # Errors
    /// When another job works in the folder, what it holds is damaged or does not fit the plan, or
    /// a target cannot be brought to where it was.
    pub(crate) fn begin(
        plan: &Plan,
        options: &Checkpoints,
        (workers, local): (usize, usize),
        announces: bool,
    ) -> Result<(Self, Outset), Error> {
        let mut store = Store::open(&options.folder, &plan.name)?;
        let facts = store.facts()?;
        let duplicates = match options.accept_duplicates {
            true => Duplicates::Accepted,
            false => Duplicates::Refused,
        };
        let started_by = started_by();
        let wish = store.wish(&facts, options.restore, started_by)?;
        let mut decision = choose(&facts, wish, duplicates)?;
        if failpoint::is_broken("restore-one-checkpoint-older")
            && let Decision::Restore { id, .. } = &mut decision
            && let Some((older, _)) = facts.manifests.range(..*id).next_back()
        {
            *id = *older;
        }
        let manifest = chosen(&facts, &decision).cloned();
        let fits = |manifest| fit(plan, manifest, options.allow_dropped_state);
        let found = manifest.as_ref().map(fits).transpose()?;
        if let Some((manifest, found)) = manifest.as_ref().zip(found.as_ref()) {
            tracing::info!(checkpoint = %manifest.id, "what becomes of the state:\n{found}");
        }
        if announces {
            let beginning = Beginning { folder: &options.folder, decision: &decision };
            say(&beginning.tell(&plan.name, manifest.as_ref(), found.as_ref()));
        }
        let allows = options.allow_dropped_state;
        let restored =
            manifest.map(|found| Restored::open(&store.disk(), store.job(), found, plan, allows));
        let restored = restored.transpose()?;
        let start = store.begin_run(&facts, &decision)?;
        started_by.map_or(Ok(()), |by| store.note_parent(by))?;
        let mut outset = Outset { run: start.run, next: start.first, ..Outset::default() };
        match restored.as_ref().map(Restored::manifest) {
            None => {
                outset.assignment = Assignment::of_plan(plan, workers, local)?;
                prepare_targets(plan)?;
            }
            Some(manifest) => {
                recover_targets(plan, manifest, start.run)?;
                outset.restored = Some(manifest.id);
                outset.start = Epoch(manifest.epoch);
                outset.is_finished = manifest.finished;
                let splits = splits_of(plan, manifest, workers)?;
                outset.assignment = Assignment::of_splits(splits, workers, local);
            }
        }
        let (disk, job) = (store.disk(), store.job());
        let store = Mutex::new(Some(store));
        Ok((Self { disk, job, store, options: options.clone(), restored }, outset))
    }

    /// In the other processes: looks at the same checkpoint.
    ///
    /// # Errors
    /// When the folder cannot be read here: it must be the same for all processes.
    pub(crate) fn join(plan: &Plan, options: &Checkpoints, outset: &Outset) -> Result<Self, Error> {
        let folder = &options.folder;
        let disk: Arc<dyn Disk> = Arc::new(LocalDisk::create(folder).map_err(|cause| {
            Error::io(format!("open the checkpoint folder {}", folder.display()), cause)
        })?);
        let job = JobFile::read(&*disk)?.id;
        let manifest = outset.restored.map(|id| Manifest::read(&*disk, id, job)).transpose()?;
        let allows = options.allow_dropped_state;
        let restored = manifest.map(|found| Restored::open(&disk, job, found, plan, allows));
        let restored = restored.transpose()?;
        Ok(Self { disk, job, store: Mutex::new(None), options: options.clone(), restored })
    }

    /// The checkpoint that the job goes on from.
    pub(crate) fn restored(&self) -> Option<&Restored> {
        self.restored.as_ref()
    }

    /// Starts the scribe of this process, number `process` of `processes`, with these workers.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn take_down(
        &self,
        plan: &Plan,
        outset: &Outset,
        shared: &Arc<Shared>,
        (process, processes, local): (usize, usize, Range<usize>),
    ) -> Result<ScribeGuard, Error> {
        let (desk, hear) = Desk::new((outset.run, self.options.keep), local.start, local.len());
        let desk = Arc::new(desk);
        shared.set_desk(Arc::clone(&desk));
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner).take();
        let hub = store.map(|store| -> Result<Hub, Error> {
            let rules = Rules {
                every: self.options.every,
                timeout: self.options.timeout,
                failures_in_a_row: self.options.failures_in_a_row,
                processes,
            };
            Ok(Hub {
                store,
                coordinator: Coordinator::new(rules, outset.next, Instant::now()),
                job: JobFacts::of(self.job, plan, processes * local.len())?,
                keep: self.options.keep,
            })
        });
        let hub = hub.transpose()?;
        let steps = plan.steps.iter().map(|step| step.name.clone()).collect();
        let files = Files { disk: Arc::clone(&self.disk), job: self.job, run: outset.run };
        let seat = (process, local);
        let scribe = Scribe::new(Arc::clone(shared), Arc::clone(&desk), files, steps, seat, hub);
        let shared = Arc::clone(shared);
        let thread = std::thread::Builder::new()
            .name("rheos scribe".into())
            .spawn(move || {
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| scribe.run(&hear))) {
                    let reason = panic_message(&*panic);
                    shared.fail(Error::new(ErrorKind::Internal, "write checkpoints", reason));
                }
            })
            .map_err(|cause| Error::io("start the thread that writes checkpoints", cause))?;
        Ok(ScribeGuard { desk, thread: Some(thread) })
    }
}

/// Lets the scribe finish what it was told, and waits for that, when it is dropped.
pub(crate) struct ScribeGuard {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for ScribeGuard {
    fn drop(&mut self) {
        self.desk.say(Said::Close);
        if let Some(thread) = self.thread.take() {
            // A panic has failed the job already.
            let _ = thread.join();
        }
    }
}

/// Whether the plan fits the checkpoint: what becomes of the state.
fn fit(
    plan: &Plan,
    manifest: &Manifest,
    allow_dropped_state: bool,
) -> Result<Compatibility, Error> {
    let stored = manifest.plan.iter().map(|step| compat::StoredStep {
        name: step.name.clone(),
        kind: step.kind.clone(),
        is_named: step.is_named,
        parts: step.parts.clone(),
    });
    let mut planned = Vec::new();
    let (mut planned_sources, mut planned_sinks) = (Vec::new(), Vec::new());
    for (number, step) in plan.steps.iter().enumerate() {
        let stored = manifest.plan.iter().find(|stored| stored.name == step.name);
        let parts = plan.parts(number, stored.map_or(&[], |stored| &stored.parts))?;
        planned.push(compat::PlannedStep {
            name: step.name.clone(),
            kind: step.kind.to_owned(),
            is_named: step.is_named,
            parts: Some(parts),
        });
        match &step.node {
            Node::Source(source) => {
                let (step, identity) = (step.name.clone(), source.identity());
                planned_sources.push(compat::SourceIdentity { step, identity });
            }
            Node::Sink(_) => planned_sinks.push(step.name.clone()),
            Node::Stage(_) | Node::Operator(_) => {}
        }
    }
    let stored_sources = manifest.sources.iter().map(|source| compat::SourceIdentity {
        step: source.step.clone(),
        identity: source.identity.clone(),
    });
    check_ended(plan, manifest)?;
    let stored_sinks = manifest.sinks.iter().map(|sink| compat::StoredSink {
        step: sink.step.clone(),
        has_prepared: sink.prepared.iter().any(|prepared| !prepared.is_empty()),
    });
    compat::check(&compat::Facts {
        stored: stored.collect(),
        stored_sources: stored_sources.collect(),
        planned,
        planned_sources,
        stored_sinks: stored_sinks.collect(),
        planned_sinks,
        allow_dropped_state,
    })
}

/// Commits what the sinks had prepared, and takes back what they had begun.
fn recover_targets(plan: &Plan, manifest: &Manifest, run: u32) -> Result<(), Error> {
    failpoint::hit("recover-before")?;
    for step in &plan.steps {
        if let Node::Sink(sink) = &step.node {
            let stored = manifest.sinks.iter().find(|stored| stored.step == step.name);
            let recovered = match stored {
                Some(_) if failpoint::is_broken("skip-prepared-on-recover") => {
                    sink.recover(&Recovery { prepared: &[], run })
                }
                Some(stored) => sink.recover(&Recovery { prepared: &stored.prepared, run }),
                // It is new in this plan.
                None => sink.prepare_target(),
            };
            recovered.map_err(|error| error.in_step(&step.name))?;
        }
    }
    failpoint::hit("recover-after")
}

/// The splits of every source that have not ended, and where reading goes on; all those of a source
/// that is new in this plan.
fn splits_of(
    plan: &Plan,
    manifest: &Manifest,
    workers: usize,
) -> Result<BTreeMap<usize, Vec<SplitAt>>, Error> {
    let mut splits = BTreeMap::new();
    for (number, step) in plan.steps.iter().enumerate() {
        let Node::Source(source) = &step.node else { continue };
        // One that reads something else now has been given up with consent.
        let stored = manifest
            .sources
            .iter()
            .find(|stored| stored.step == step.name && stored.identity == source.identity());
        let left = match stored {
            Some(stored) => stored.splits.clone(),
            None => {
                let listed = source.splits(&SplitContext { workers });
                let listed = listed.map_err(|error| error.in_step(&step.name))?;
                (0..).zip(listed).map(|(number, split)| (number, split, None)).collect()
            }
        };
        splits.insert(number, left);
    }
    Ok(splits)
}
