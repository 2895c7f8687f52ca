//! What the job under torture tells the campaign: that it has started, and how it ended; and how it
//! slows down, and panics when told to.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::task::Task;

/// The environment variable with the number of the start, counted from 0.
pub(super) const START: &str = "TORTURE_START";
/// The environment variable that has user code panic at the record with this number, counted in
/// each process from 1.
pub(super) const PANIC_AT: &str = "TORTURE_PANIC_AT";
/// The environment variable that says how many processes share a rate.
pub(super) const PROCESSES: &str = "TORTURE_PROCESSES";

/// The number of this start.
fn start() -> u64 {
    number_in(START).unwrap_or(0)
}

fn number_in(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The mark of a start: there once one of its processes has seen a record.
pub(super) fn running_mark(marks: &Path, start: u64) -> PathBuf {
    marks.join(format!("running-{start}"))
}

/// The mark of an end: it holds how the job ended.
pub(super) fn ended_mark(marks: &Path, start: u64) -> PathBuf {
    marks.join(format!("ended-{start}"))
}

/// How a job that succeeded ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With the end of its input.
    Finished,
    /// Because it was told to stop.
    Stopped,
}

impl Ended {
    const FINISHED: &str = "finished";

    /// Leaves the mark; nobody reads it when it cannot be written, and the campaign says so.
    pub(super) fn leave(self, task: &Task) {
        let text = if self == Ended::Finished { Self::FINISHED } else { "stopped" };
        let mark = ended_mark(&task.marks(), start());
        if let Err(error) = fs::write(&mark, text) {
            tell(&format!("cannot write {}: {error}", mark.display()));
        }
    }

    /// Reads the mark of a start.
    pub(super) fn read(marks: &Path, start: u64) -> Option<Self> {
        let text = fs::read_to_string(ended_mark(marks, start)).ok()?;
        Some(if text == Self::FINISHED { Ended::Finished } else { Ended::Stopped })
    }
}

#[allow(clippy::print_stderr, reason = "the log of a job under torture is its standard error")]
fn tell(what: &str) {
    eprintln!("{what}");
}

/// Stands behind a source and sees every record.
#[derive(Clone)]
pub(super) struct Probe {
    mark: PathBuf,
    panic_at: Option<u64>,
    /// Records that were seen in this process.
    seen: Arc<AtomicU64>,
}

impl Probe {
    pub(super) fn new(task: &Task) -> Self {
        let mark = running_mark(&task.marks(), start());
        Self { mark, panic_at: number_in(PANIC_AT), seen: Arc::default() }
    }

    /// A record comes by.
    ///
    /// # Panics
    /// When a test wants user code to panic at this record.
    pub(super) fn see(&self) {
        let seen = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        if seen == 1
            && let Err(error) = fs::write(&self.mark, std::process::id().to_string())
        {
            tell(&format!("cannot write {}: {error}", self.mark.display()));
        }
        assert!(self.panic_at != Some(seen), "user code panics at record {seen}, as it was told");
    }
}

/// Holds records back, so that a job over files lasts for some time.
#[derive(Clone)]
pub(super) struct Pace {
    rate: f64,
    began: Arc<OnceLock<Instant>>,
    passed: Arc<AtomicU64>,
}

impl Pace {
    /// Lets the share of this process in `rate` records a second pass; all at once when it is 0.
    pub(super) fn new(rate: f64) -> Self {
        let processes = number_in(PROCESSES).unwrap_or(1) as f64;
        Self { rate: rate / processes, began: Arc::default(), passed: Arc::default() }
    }

    /// Waits until the next record is due, as user code that is slow does.
    pub(super) fn wait(&self) {
        let number = self.passed.fetch_add(1, Ordering::Relaxed);
        if self.rate <= 0.0 {
            return;
        }
        let due = Duration::from_secs_f64(number as f64 / self.rate);
        let began = *self.began.get_or_init(Instant::now);
        // Somebody may wake the worker for something else before that.
        while let Some(left) = due.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
            std::thread::park_timeout(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_holds_records_back() {
        let pace = Pace::new(2_000.0);
        let began = Instant::now();
        (0..41).for_each(|_| pace.wait());
        assert!(began.elapsed() >= Duration::from_millis(20), "{:?}", began.elapsed());
    }
}
