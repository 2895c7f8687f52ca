//! What a job did: counted while it ran, reported at its end.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::job::shared::Shared;
use crate::plan::{Node, Plan};
use crate::why::facts::Facts;
use crate::why::optional_seconds;
use crate::why::text::Length;
use crate::{Disorder, EventTime, Holdings, Why};

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Records that came after what they belong to was closed, dropped or not.
    pub late_records: u64,
    /// Records that the step set aside because they claim to come from the future.
    pub future_records: u64,
    /// What the step holds.
    pub holdings: Holdings,
    /// How far it has come in event time, who holds it there, and what waits for that; none for a
    /// step without event time.
    pub why: Option<Why>,
    /// By how much records came out of order, for a step that gives them their event time.
    pub disorder: Option<Disorder>,
    /// The bound on disorder with which 99.9 % of those records would not have been late.
    #[serde(with = "optional_seconds")]
    pub disorder_bound: Option<Duration>,
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
    /// Checkpoints that became durable, the end of the input included.
    #[serde(default)]
    pub checkpoints: u64,
    /// Checkpoints that came to nothing.
    #[serde(default)]
    pub failed_checkpoints: u64,
    /// Its steps.
    pub steps: Vec<StepReport>,
}

impl Report {
    /// Sums the counters of this process.
    pub(crate) fn of(
        plan: &Plan,
        shared: &Shared,
        facts: &Facts,
        layout: Layout,
        wall: Duration,
    ) -> Self {
        let steps: Vec<StepReport> = plan
            .steps
            .iter()
            .enumerate()
            .map(|(number, step)| {
                let sum = |read: fn(&crate::metrics::StepCounters) -> u64| -> u64 {
                    shared.counters.iter().map(|worker| read(&worker[number])).sum()
                };
                let why = facts.why(number);
                let mut disorder = None::<Disorder>;
                for said in facts.everywhere(number).filter(|said| said.status.assigned.is_some()) {
                    disorder.get_or_insert_default().merge(&said.status.disorder);
                }
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
                    late_records: sum(|counters| counters.late.get()),
                    future_records: sum(|counters| counters.future.get()),
                    holdings: why.holdings,
                    why: why.watermark.is_some().then_some(why),
                    disorder,
                    disorder_bound: None,
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
            checkpoints: shared.desk().map_or(0, |desk| desk.taken.load(Ordering::Relaxed)),
            failed_checkpoints: shared.desk().map_or(0, |desk| desk.failed.load(Ordering::Relaxed)),
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
            mine.late_records += theirs.late_records;
            mine.future_records += theirs.future_records;
            mine.holdings.add(&theirs.holdings);
            mine.add_why(theirs);
            mine.busy += theirs.busy;
        }
        self.peak_epochs_in_flight = self.peak_epochs_in_flight.max(other.peak_epochs_in_flight);
        self.stopped |= other.stopped;
        // Process 0 counts for all.
        self.checkpoints = self.checkpoints.max(other.checkpoints);
        self.failed_checkpoints = self.failed_checkpoints.max(other.failed_checkpoints);
        self.wall = self.wall.max(other.wall);
        self.total();
    }

    fn total(&mut self) {
        for step in &mut self.steps {
            let disorder = step.disorder.as_ref().filter(|disorder| disorder.records() > 0);
            step.disorder_bound = disorder.map(|disorder| disorder.bound_for(KEPT));
        }
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

    /// Why the step with this name has said no more than it has, where it has event time.
    #[must_use]
    pub fn why(&self, name: &str) -> Option<&Why> {
        self.step(name)?.why.as_ref()
    }

    /// The report as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a report holds only numbers and text")
    }
}

impl StepReport {
    /// Adds what another process knows of the step's event time.
    fn add_why(&mut self, other: &StepReport) {
        match (&mut self.why, &other.why) {
            (Some(mine), Some(theirs)) => mine.add(theirs),
            (None, theirs) => self.why.clone_from(theirs),
            (Some(_), None) => {}
        }
        if let Some(theirs) = &other.disorder {
            self.disorder.get_or_insert_default().merge(theirs);
        }
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
        if self.checkpoints + self.failed_checkpoints > 0 {
            let (taken, failed) = (self.checkpoints, self.failed_checkpoints);
            writeln!(f, "  {taken} checkpoints taken, {failed} failed")?;
        }
        let width = self.steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(4);
        let width = width.max(4);
        let extra: Vec<&Column> =
            EXTRA.iter().filter(|(_, of)| self.steps.iter().any(|step| of(step) > 0)).collect();
        let titles = ["records in", "records out", "batches", "bytes", "bad"];
        write!(f, "  {:<width$}", "step")?;
        titles.iter().try_for_each(|title| write!(f, "  {title:>12}"))?;
        extra.iter().try_for_each(|(title, _)| write!(f, "  {title:>12}"))?;
        writeln!(f, "  {:>12}", "busy s")?;
        for step in &self.steps {
            write!(f, "  {:<width$}", step.name)?;
            let numbers =
                [step.records_in, step.records_out, step.batches, step.bytes, step.bad_records];
            numbers.iter().try_for_each(|number| write!(f, "  {number:>12}"))?;
            extra.iter().try_for_each(|(_, of)| write!(f, "  {:>12}", of(step)))?;
            writeln!(f, "  {:>12.3}", step.busy.as_secs_f64())?;
        }
        self.say_more(f)
    }
}

/// A column of the table that is left out where no step has anything in it.
type Column = (&'static str, fn(&StepReport) -> u64);

const EXTRA: [Column; 7] = [
    ("late", |step| step.late_records),
    ("future", |step| step.future_records),
    ("keys", |step| step.holdings.keys as u64),
    ("windows", |step| step.holdings.windows as u64),
    ("timers", |step| step.holdings.timers as u64),
    ("held", |step| step.holdings.records as u64),
    ("held bytes", |step| step.holdings.bytes as u64),
];

/// The share of the records that a bound on disorder should keep.
const KEPT: f64 = 0.999;
const KEPT_SAID: &str = "99.9 %";

impl Report {
    /// The foot of the table: where steps wait in event time, and, where records were late, how
    /// far out of order they came.
    fn say_more(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = |why: &&Why| why.watermark.is_some_and(|time| time < EventTime::MAX);
        let hosted = |why: &&Why| why.unchanged_for.is_some();
        let whys = self.steps.iter().filter_map(|step| step.why.as_ref());
        for why in whys.filter(waits).filter(hosted) {
            writeln!(f, "  {why}")?;
        }
        if self.steps.iter().all(|step| step.late_records == 0) {
            return Ok(());
        }
        for step in &self.steps {
            let name = &step.name;
            match step.disorder_bound {
                None => {}
                Some(Duration::ZERO) => {
                    writeln!(f, "  {KEPT_SAID} of the records of `{name}` came in order")?;
                }
                Some(bound) => {
                    let bound = Length(bound);
                    writeln!(
                        f,
                        "  {KEPT_SAID} of the records of `{name}` came at most {bound} out of order"
                    )?;
                }
            }
        }
        Ok(())
    }
}

/// Durations as seconds.
pub(crate) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(of: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(of.as_secs_f64())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(from)?;
        Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)
    }
}
