//! A small life of a job with checkpoints, for tests and campaigns.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::CheckpointId;
use super::choose::{Decision, Duplicates, Restore, choose};
use super::disk::Disk;
use super::manifest::{Chain, HostFacts, Manifest, SinkFacts, SourceFacts, StepFacts, hash_probe};
use super::names::StateName;
use super::parts::PartShape;
use super::state_file::{FileRef, StateFile, StateFileWriter};
use super::store::Store;
use super::verify::verify;
use crate::state_parts::Spread;
use crate::{
    Error, EventTime, Position, ProcessingTime, Schema, Section, SectionKind, Split, StageState,
};

/// What the job is called.
pub(crate) const NAME: &str = "scenario";

/// The workers of the job, unless a test wants others.
pub(crate) const WORKERS: u32 = 2;

/// The manifest of checkpoint 7 of job 17, without files.
pub(crate) fn example() -> Manifest {
    let part = |name: &str, spread| PartShape {
        name: name.to_owned(),
        spread,
        schema: Schema::of::<u64>(),
    };
    Manifest {
        job: 17,
        name: NAME.to_owned(),
        id: CheckpointId(7),
        previous: Some(CheckpointId(6)),
        run: 3,
        epoch: 420,
        at: ProcessingTime(1_436_961_600_000),
        finished: false,
        workers: WORKERS,
        plan: vec![
            StepFacts { name: "read".into(), kind: "source".into(), ..StepFacts::default() },
            StepFacts {
                name: "count".into(),
                kind: "count".into(),
                is_named: true,
                parts: vec![part("keys", Spread::Keyed), part("total", Spread::Singleton)],
            },
        ],
        hash_probe: hash_probe(),
        sources: vec![SourceFacts {
            step: "read".into(),
            identity: "in.jsonl".into(),
            splits: vec![
                (0, Split::named("in.jsonl"), Some(Position(b"4096".to_vec()))),
                (3, Split::named("later.jsonl"), None),
            ],
            stages: StageState::default(),
        }],
        hosts: vec![HostFacts {
            step: "count".into(),
            over: false,
            watermark: Some(EventTime::from_secs(9)),
            stages: StageState::default(),
        }],
        chains: Vec::new(),
        sinks: vec![SinkFacts { step: "write".into(), prepared: vec![vec![1, 2], vec![]] }],
    }
}

/// What a worker captures for a checkpoint: it depends on both.
fn sections(id: CheckpointId, worker: u32) -> Vec<(&'static str, Section)> {
    let keyed = |group: u16| Section {
        part: "keys".to_owned(),
        kind: SectionKind::Keyed { group },
        entries: 3,
        bytes: (0..100).map(|byte| (u64::from(group) + id.0 * 7 + byte) as u8).collect(),
    };
    let total = Section {
        part: "total".to_owned(),
        kind: SectionKind::Singleton,
        entries: 1,
        bytes: id.0.to_le_bytes().to_vec(),
    };
    let mut sections: Vec<_> =
        (0..3).map(|i| ("count", keyed((worker * 128 + i) as u16))).collect();
    sections.extend((worker == 0).then_some(("count", total)));
    sections
}

/// A run of the job.
pub(crate) struct Run {
    pub(crate) store: Store,
    pub(crate) from: Option<CheckpointId>,
    pub(crate) run: u32,
    pub(crate) workers: u32,
    next: CheckpointId,
    chains: BTreeMap<u32, Vec<FileRef>>,
}

impl Run {
    /// Starts the job as it would be started without any consent.
    pub(crate) fn start(disk: Arc<dyn Disk>) -> Result<Self, Error> {
        Self::start_from(disk, Restore::Latest, Duplicates::Refused)
    }

    /// Starts the job.
    pub(crate) fn start_from(
        disk: Arc<dyn Disk>,
        wish: Restore,
        duplicates: Duplicates,
    ) -> Result<Self, Error> {
        let mut store = Store::over(disk, NAME)?;
        let facts = store.facts()?;
        let decision = choose(&facts, wish, duplicates)?;
        let start = store.begin_run(&facts, &decision)?;
        let from = match decision {
            Decision::Begin { .. } => None,
            Decision::Restore { id, .. } => Some(id),
        };
        let (run, next, workers, chains) = (start.run, start.first, WORKERS, BTreeMap::new());
        Ok(Self { store, from, run, workers, next, chains })
    }

    /// Takes a checkpoint and makes it durable.
    pub(crate) fn checkpoint(&mut self) -> Result<CheckpointId, Error> {
        let manifest = self.capture()?;
        let id = manifest.id;
        self.store.publish(manifest).map(|()| id)
    }

    /// Takes the next checkpoint as far as the votes.
    pub(crate) fn capture(&mut self) -> Result<Manifest, Error> {
        let id = self.next;
        self.next = id.next();
        for worker in 0..self.workers {
            let name = StateName { checkpoint: id, run: self.run, worker };
            let mut file = StateFileWriter::create(self.store.disk(), self.store.job(), name)?;
            for (step, section) in sections(id, worker) {
                file.write(step, &section)?;
            }
            let file = file.finish()?;
            let chain = self.chains.entry(worker).or_default();
            // A chain of three, then everything is written anew.
            if chain.len() == 3 {
                chain.clear();
            }
            chain.push(file);
        }
        let chain = |(worker, files): (&u32, &Vec<FileRef>)| Chain {
            worker: *worker,
            files: files.clone(),
        };
        Ok(Manifest {
            job: self.store.job(),
            id,
            run: self.run,
            workers: self.workers,
            chains: self.chains.iter().map(chain).collect(),
            ..example()
        })
    }
}

/// Checks that a checkpoint is there as [`Run::capture`] has written it, every byte of it.
pub(crate) fn check_whole(store: &Store, id: CheckpointId) -> Result<(), String> {
    let disk = store.disk();
    let verified = verify(&*disk, store.job(), id).map_err(|error| error.to_string())?;
    if !verified.is_whole() {
        return Err(verified.to_string());
    }
    let manifest = Manifest::read(&*disk, id, store.job()).map_err(|damage| damage.to_string())?;
    if manifest.chains.len() != manifest.workers as usize {
        return Err(format!("checkpoint {id} has {} chains", manifest.chains.len()));
    }
    for file in manifest.files() {
        let read = || -> Result<bool, super::damage::Damage> {
            let state = StateFile::open(&*disk, file, store.job())?;
            let Some(name) = StateName::parse(&file.name) else { return Ok(false) };
            for (step, section) in sections(name.checkpoint, name.worker) {
                let mut entries = state.sections_of(step, &section.part).iter();
                let Some(entry) = entries.find(|entry| entry.kind == section.kind) else {
                    return Ok(false);
                };
                if state.read(entry)? != section.bytes {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        match read() {
            Ok(true) => {}
            // No name: a file that is wrong must have been noticed and named before.
            Ok(false) => return Err(format!("checkpoint {id} holds something else")),
            Err(damage) => return Err(damage.to_string()),
        }
    }
    Ok(())
}
