//! What a workload is: a job, and the naive answer that its output is held against.

use std::sync::atomic::AtomicBool;

use anyhow::Context;
use rheos::prelude::*;

use super::super::finding::Findings;
use super::super::judge::Judge;
use super::super::rows::Published;
use super::super::task::Task;

/// Lets input arrive, until all is there or the flag says that nobody waits for more.
pub(in super::super) type Feed = fn(&Task, &AtomicBool) -> anyhow::Result<()>;

/// A job with an oracle.
#[derive(Clone, Copy)]
pub(crate) struct Workload {
    pub(in super::super) name: &'static str,
    /// The sinks that it writes to.
    #[allow(dead_code, reason = "tests plant errors in what each of them has written")]
    pub(in super::super) sinks: &'static [&'static str],
    /// Writes the files that the job reads.
    pub(in super::super) write_input: fn(&Task) -> anyhow::Result<()>,
    /// Lets input arrive while the job runs; such a job has no end of its own, and is drained.
    pub(in super::super) feed: Option<Feed>,
    /// Adds the steps to a job.
    pub(in super::super) build: fn(&Task, &Job),
    /// Looks for what is wrong in the output.
    pub(in super::super) judge: fn(&Task, &mut Judge<'_>),
    /// Whether user code fails until the program has been repaired.
    pub(in super::super) is_poisoned: bool,
}

impl Workload {
    /// A workload without input files, whose code works.
    pub(super) const fn new(
        name: &'static str,
        sinks: &'static [&'static str],
        build: fn(&Task, &Job),
        judge: fn(&Task, &mut Judge<'_>),
    ) -> Self {
        Self { name, sinks, write_input: |_| Ok(()), feed: None, build, judge, is_poisoned: false }
    }

    /// All workloads.
    pub(in super::super) const ALL: [Self; 11] = [
        super::ledger::WORKLOAD,
        super::counters::WORKLOAD,
        super::windows::WORKLOAD,
        super::joins::WORKLOAD,
        super::tables::WORKLOAD,
        super::timers::WORKLOAD,
        super::repetitions::WORKLOAD,
        super::whole::WORKLOAD,
        super::poison::WORKLOAD,
        super::words::WORKLOAD,
        super::arrivals::WORKLOAD,
    ];

    /// The workload with this name.
    pub(in super::super) fn named(name: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|workload| workload.name == name);
        let names = || Self::ALL.map(|workload| workload.name).join(", ");
        found.with_context(|| format!("there is no workload `{name}`; there are {}", names()))
    }

    /// The job over a task.
    pub(in super::super) fn job(&self, task: &Task) -> Job {
        let job = Job::new(self.name);
        (self.build)(task, &job);
        job
    }

    /// What is wrong with what was published.
    pub(in super::super) fn judge(&self, task: &Task, published: &Published) -> Findings {
        let mut judge = Judge::new(published);
        (self.judge)(task, &mut judge);
        judge.findings()
    }
}
