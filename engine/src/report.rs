//! What a job did: counted while it ran, reported at its end.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::job::shared::Shared;
use crate::plan::{Node, Plan};

/// What role a step has in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Brings records in.
    Source,
    /// Works on them.
    Operator,
    /// Takes them out.
    Sink,
}

/// What one step did, over all workers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepReport {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Records that came in; for a source those it read, understood or not.
    pub records_in: u64,
    /// Records that went out; for a sink those it wrote.
    pub records_out: u64,
    /// Batches that came in.
    pub batches: u64,
    /// Bytes that a source took from the outside.
    pub bytes: u64,
    /// Records that a source could not understand and was told to skip or set aside.
    pub bad_records: u64,
    /// Time spent in the step itself, over all workers; from timing one batch in 32.
    #[serde(with = "seconds")]
    pub busy: Duration,
}

/// What a job did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The name of the job.
    pub job: String,
    /// The workers over all processes.
    pub workers: usize,
    /// The processes.
    pub processes: usize,
    /// From the start of the workers to the end of the job.
    #[serde(with = "seconds")]
    pub wall: Duration,
    /// Records that the sources read.
    pub records: u64,
    /// Bytes that the sources read.
    pub bytes: u64,
    /// Records read a second of wall time.
    pub records_per_second: f64,
    /// The most epochs that were unfinished at the same time.
    pub peak_epochs_in_flight: u64,
    /// Whether the job was stopped before its input ended.
    pub stopped: bool,
    /// Its steps.
    pub steps: Vec<StepReport>,
}

impl Report {
    /// Sums the counters of this process.
    pub(crate) fn of(plan: &Plan, shared: &Shared, layout: Layout, wall: Duration) -> Self {
        let steps: Vec<StepReport> = plan
            .steps
            .iter()
            .enumerate()
            .map(|(number, step)| {
                let sum = |read: fn(&crate::metrics::StepCounters) -> u64| -> u64 {
                    shared.counters.iter().map(|worker| read(&worker[number])).sum()
                };
                StepReport {
                    name: step.name.clone(),
                    role: match step.node {
                        Node::Source(_) => Role::Source,
                        Node::Sink(_) => Role::Sink,
                        Node::Stage(_) | Node::Operator(_) => Role::Operator,
                    },
                    records_in: sum(|counters| counters.records_in.get()),
                    records_out: sum(|counters| counters.records_out.get()),
                    batches: sum(|counters| counters.batches.get()),
                    bytes: sum(|counters| counters.bytes.get()),
                    bad_records: sum(|counters| counters.bad.get()),
                    busy: Duration::from_nanos(sum(|counters| counters.busy.get())),
                }
            })
            .collect();
        let mut report = Self {
            job: plan.name.clone(),
            workers: layout.workers,
            processes: layout.processes,
            wall,
            records: 0,
            bytes: 0,
            records_per_second: 0.0,
            peak_epochs_in_flight: shared.peak_epochs_open.load(Ordering::Relaxed),
            stopped: false,
            steps,
        };
        report.total();
        report
    }

    /// Adds what another process of the job did.
    pub(crate) fn add(&mut self, other: &Report) {
        for (mine, theirs) in self.steps.iter_mut().zip(&other.steps) {
            mine.records_in += theirs.records_in;
            mine.records_out += theirs.records_out;
            mine.batches += theirs.batches;
            mine.bytes += theirs.bytes;
            mine.bad_records += theirs.bad_records;
            mine.busy += theirs.busy;
        }
        self.peak_epochs_in_flight = self.peak_epochs_in_flight.max(other.peak_epochs_in_flight);
        self.stopped |= other.stopped;
        self.wall = self.wall.max(other.wall);
        self.total();
    }

    fn total(&mut self) {
        let sources = || self.steps.iter().filter(|step| step.role == Role::Source);
        let records = sources().map(|step| step.records_in).sum();
        let bytes = sources().map(|step| step.bytes).sum();
        self.records = records;
        self.bytes = bytes;
        let seconds = self.wall.as_secs_f64();
        self.records_per_second = if seconds > 0.0 { records as f64 / seconds } else { 0.0 };
    }

    /// What the step with this name did.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&StepReport> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The report as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a report holds only numbers and text")
    }
}

/// How a job is spread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) workers: usize,
    pub(crate) processes: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.stopped { ", stopped" } else { "" };
        writeln!(
            f,
            "job `{}`: {} records, {} bytes in {:.3} s ({:.0} records/s), {} workers in {} \
             processes, at most {} epochs in flight{how}",
            self.job,
            self.records,
            self.bytes,
            self.wall.as_secs_f64(),
            self.records_per_second,
            self.workers,
            self.processes,
            self.peak_epochs_in_flight,
        )?;
        let width = self.steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(4);
        let width = width.max(4);
        let titles = ["records in", "records out", "batches", "bytes", "bad", "busy s"];
        write!(f, "  {:<width$}", "step")?;
        titles.iter().try_for_each(|title| write!(f, "  {title:>12}"))?;
        writeln!(f)?;
        for step in &self.steps {
            write!(f, "  {:<width$}", step.name)?;
            let numbers =
                [step.records_in, step.records_out, step.batches, step.bytes, step.bad_records];
            numbers.iter().try_for_each(|number| write!(f, "  {number:>12}"))?;
            writeln!(f, "  {:>12.3}", step.busy.as_secs_f64())?;
        }
        Ok(())
    }
}

/// Durations as seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(of: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(of.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(from)?;
        Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)
    }
}
