//! Crashes a job's checkpoint folder at every operation on its disk, and looks at what is left.
//!
//! After any crash the job must find the checkpoint that was the last one before, or the one that
//! it was making durable, whole in every byte; and once a checkpoint has become durable no older
//! one. The campaign proves itself by disks that skip a sync: each sync that is skipped must be
//! noticed.

#![cfg_attr(not(feature = "failpoints"), allow(unreachable_pub, reason = "public with it"))]

use std::collections::BTreeSet;
use std::sync::Arc;

use super::CheckpointId;
use super::choose::{Duplicates, Restore};
use super::forgetful::{ForgetfulDisk, Troubles};
use super::random::Random;
use super::scenario::{Run, check_whole};
use crate::Error;

/// What a campaign has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashReport {
    /// Crashes after which the job found what it should.
    pub crashes: u64,
    /// Syncs that a disk skipped, which was noticed each time.
    pub skipped_syncs: u64,
}

/// Crashes a small job at every operation on its disk, several times with what may be lost chosen
/// by `seed`; then once more with each of its syncs skipped.
///
/// # Errors
/// What was wrong after a crash, or which skipped sync nobody noticed.
pub fn crash_campaign(seed: u64) -> Result<CrashReport, String> {
    let mut report = CrashReport::default();
    for workers in [1, 2] {
        let operations = undisturbed(workers)?.done().operations;
        for dead_from in 0..=operations {
            let crash = Crash { workers, dead_from, deaf_sync: None };
            crash.check(seed, LOSSES)?;
            report.crashes += LOSSES;
        }
    }
    // With one worker, every single sync is needed; with more, the last one syncs for others.
    let disk = undisturbed(1)?;
    for (number, sync) in disk.syncs().into_iter().enumerate() {
        let mut crashes = (sync + 1..=disk.done().operations).map(|dead_from| {
            Crash { workers: 1, dead_from, deaf_sync: Some(number) }.check(seed, LOSSES_TO_FIND)
        });
        if crashes.all(|crash| crash.is_ok()) {
            return Err(format!("seed {seed}: nobody noticed that sync {number} was skipped"));
        }
        report.skipped_syncs += 1;
    }
    Ok(report)
}

/// Times that the same crash is tried, each with other losses.
const LOSSES: u64 = 6;

/// The same where a loss must be found: it may take a rare one.
const LOSSES_TO_FIND: u64 = 60;

/// The disk after a job that nothing happened to.
fn undisturbed(workers: u32) -> Result<ForgetfulDisk, String> {
    let disk = ForgetfulDisk::default();
    let mut life = Life::new(workers);
    life.live(&disk).map_err(|error| format!("an undisturbed job fails: {error}"))?;
    life.check(&disk.copied())?;
    Ok(disk)
}

/// A crash of the machine.
struct Crash {
    workers: u32,
    dead_from: usize,
    deaf_sync: Option<usize>,
}

impl Crash {
    /// Lets a job live up to the crash, and looks at what is left of its folder.
    fn check(&self, seed: u64, losses: u64) -> Result<(), String> {
        let Self { workers, dead_from, deaf_sync } = *self;
        let troubles = Troubles { dead_from: Some(dead_from), deaf_sync, ..Troubles::default() };
        let disk = ForgetfulDisk::with(troubles);
        let mut life = Life::new(workers);
        // It fails where the disk dies, and what counts is what is left.
        let _ = life.live(&disk);
        for loss in 0..losses {
            let mut random = Random::new(seed.wrapping_add(loss * 1_000_003 + dead_from as u64));
            life.check(&disk.crash(&mut random)).map_err(|reason| {
                format!("seed {seed}, {workers} workers, crash {dead_from}, loss {loss}: {reason}")
            })?;
        }
        Ok(())
    }
}

/// What a job has done so far, and what it may therefore find when it starts again.
struct Life {
    workers: u32,
    /// What the job may go on from.
    possible: BTreeSet<Option<CheckpointId>>,
    /// The last run that was begun.
    run: u32,
    /// The highest checkpoint that was durable.
    durable: Option<CheckpointId>,
}

impl Life {
    fn new(workers: u32) -> Self {
        Self { workers, possible: BTreeSet::from([None]), run: 0, durable: None }
    }

    /// Runs the job several times: from nothing, on from its last checkpoint, back to an older one,
    /// on without taking any, and from nothing again.
    fn live(&mut self, disk: &ForgetfulDisk) -> Result<(), Error> {
        let start = (Restore::Latest, Duplicates::Refused);
        self.run(disk, start, 5)?;
        self.run(disk, start, 1)?;
        self.run(disk, (Restore::Id(CheckpointId(4)), Duplicates::Accepted), 2)?;
        self.run(disk, start, 0)?;
        self.run(disk, (Restore::None, Duplicates::Refused), 1)
    }

    fn run(
        &mut self,
        disk: &ForgetfulDisk,
        (wish, duplicates): (Restore, Duplicates),
        checkpoints: usize,
    ) -> Result<(), Error> {
        match wish {
            Restore::Latest => {}
            Restore::Id(id) => drop(self.possible.insert(Some(id))),
            Restore::None => drop(self.possible.insert(None)),
        }
        let mut run = Run::start_from(Arc::new(disk.clone()), wish, duplicates)?;
        run.workers = self.workers;
        self.run = run.run;
        self.possible = BTreeSet::from([run.from]);
        for _ in 0..checkpoints {
            let manifest = run.capture()?;
            let id = manifest.id;
            self.possible.insert(Some(id));
            run.store.publish(manifest)?;
            self.possible = BTreeSet::from([Some(id)]);
            self.durable = Some(id);
            run.store.remove_old(3)?;
        }
        Ok(())
    }

    /// Starts the job again on what a crash has left.
    fn check(&self, disk: &ForgetfulDisk) -> Result<(), String> {
        self.check_files(disk)?;
        let disk = Arc::new(disk.clone());
        let mut run = Run::start(disk.clone()).map_err(|error| error.to_string())?;
        if !self.possible.contains(&run.from) {
            return Err(format!("{:?} was restored, not one of {:?}", run.from, self.possible));
        }
        if let Some(id) = run.from {
            check_whole(&run.store, id)?;
        }
        if run.run <= self.run {
            return Err(format!("run {} begins after run {}", run.run, self.run));
        }
        let next = run.checkpoint().map_err(|error| error.to_string())?;
        if Some(next) <= self.durable {
            return Err(format!("checkpoint {next} comes after {:?}", self.durable));
        }
        drop(run);
        let run = Run::start(disk).map_err(|error| error.to_string())?;
        match run.from == Some(next) {
            true => check_whole(&run.store, next),
            false => Err(format!("{:?} was restored, not {next}", run.from)),
        }
    }

    /// Looks at the files themselves: every manifest that is there is whole, and once nothing is in
    /// doubt the note is up to date, so that a manifest that is lost later will be missed.
    fn check_files(&self, disk: &ForgetfulDisk) -> Result<(), String> {
        if self.run == 0 {
            return Ok(());
        }
        let store = super::store::Store::over(Arc::new(disk.clone()), super::scenario::NAME)
            .map_err(|error| error.to_string())?;
        let facts = store.facts().map_err(|error| error.to_string())?;
        if let Some(Err(damage)) = facts.manifests.values().find(|manifest| manifest.is_err()) {
            return Err(damage.to_string());
        }
        let certain = match self.possible.len() {
            1 => self.possible.first().copied().flatten(),
            _ => return Ok(()),
        };
        match facts.latest {
            Some(Ok(id)) if certain == Some(id) => Ok(()),
            None if certain.is_none() => Ok(()),
            latest => Err(format!("the note says {latest:?}, not {certain:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_at_any_operation_leaves_the_last_checkpoint_or_the_next() {
        let report = crash_campaign(4).unwrap();
        assert!(report.crashes > 1_000, "{report:?}");
        assert!(report.skipped_syncs > 60, "{report:?}");
    }
}
