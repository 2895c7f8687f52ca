//! What one run is reported as.

use std::fmt;

use serde::Serialize;

use super::command::{EventsForm, SourceMode};
use super::events::Extent;
use super::tally::Tally;
use crate::compare::Taken;
use crate::engine::Engine;

/// What was run.
pub(crate) struct Subject {
    pub(crate) query: String,
    pub(crate) engine: Engine,
    pub(crate) form: EventsForm,
    pub(crate) source: SourceMode,
    pub(crate) extent: Extent,
}

/// What a run took and gave. Processor time and memory are those of this process.
#[derive(Serialize)]
pub(crate) struct Figures {
    query: String,
    engine: String,
    events: usize,
    form: String,
    source: String,
    workers: usize,
    seconds: f64,
    events_per_second: f64,
    nanoseconds_per_event: f64,
    cpu_seconds: f64,
    /// Bytes; none where the system does not say.
    peak_memory: Option<u64>,
    rows: u64,
    /// The sum of the rows' digests, in hexadecimal: JSON has no 64-bit integers.
    checksum: String,
}

/// What engines are compared by.
#[derive(Serialize)]
pub(crate) struct Compared {
    query: String,
    events: usize,
    form: String,
    source: String,
    workers: usize,
    rows: u64,
    checksum: String,
}

impl Compared {
    /// The subject of a comparison, without its engine, and the rows that all have to give.
    pub(crate) fn new(subject: &Subject, tally: Tally) -> Self {
        Self {
            query: subject.query.clone(),
            events: subject.extent.events,
            form: format!("{:?}", subject.form).to_lowercase(),
            source: format!("{:?}", subject.source).to_lowercase(),
            workers: subject.extent.workers,
            rows: tally.rows,
            checksum: format!("{:016x}", tally.checksum),
        }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { query, events, form, source, workers, rows, checksum } = self;
        write!(
            f,
            "{query}: {events} {form} events, {source}, {workers} workers: {rows} rows, checksum \
             {checksum}"
        )
    }
}

impl Figures {
    /// The figures of a run that has just ended.
    pub(crate) fn new(subject: &Subject, taken: Taken, tally: Tally) -> Self {
        let (seconds, events) = (taken.wall.as_secs_f64(), subject.extent.events as f64);
        Self {
            query: subject.query.clone(),
            engine: subject.engine.name(),
            events: subject.extent.events,
            form: format!("{:?}", subject.form).to_lowercase(),
            source: format!("{:?}", subject.source).to_lowercase(),
            workers: subject.extent.workers,
            seconds,
            events_per_second: events / seconds,
            nanoseconds_per_event: seconds * 1e9 / events,
            cpu_seconds: taken.cpu.as_secs_f64(),
            peak_memory: peak_memory(),
            rows: tally.rows,
            checksum: format!("{:016x}", tally.checksum),
        }
    }

    /// Prints them, as a line of JSON or for people.
    #[allow(clippy::print_stdout, reason = "the figures are this program's output")]
    pub(crate) fn print(&self, as_json: bool) {
        if as_json {
            println!(
                "{}",
                serde_json::to_string(self).expect("numbers and texts have a JSON form")
            );
            return;
        }
        let Self { query, engine, events, form, source, workers, .. } = self;
        println!("{query} on {engine}: {events} {form} events, {source}, {workers} workers");
        println!(
            "  {:.3} s, {:.0} events a second, {:.1} ns an event, {:.3} s of processor time",
            self.seconds, self.events_per_second, self.nanoseconds_per_event, self.cpu_seconds
        );
        if let Some(bytes) = self.peak_memory {
            println!("  {:.1} MiB of memory at most", bytes as f64 / f64::from(1 << 20));
        }
        println!("  {} rows, checksum {}", self.rows, self.checksum);
    }
}

/// The most memory that was resident, in bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Has the peak count from now on, so that one query does not report the one before it.
pub(crate) fn reset_peak_memory() {
    // Where that is not possible the peak is that of the process.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
