//! Runs a job and looks, again and again, at what one of its steps holds.

use std::time::Duration;

use rheos::engine::Holdings;
use rheos::prelude::*;

/// Looks this often.
const SAMPLE_EVERY: Duration = Duration::from_millis(1);

/// The most that a step of a job held at the end of an epoch, of everything that was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    pub(crate) samples: usize,
}

impl Held {
    fn see(&mut self, now: &Holdings) {
        self.records = self.records.max(now.records);
        self.bytes = self.bytes.max(now.bytes);
        self.samples += 1;
    }
}

/// Runs a job to its end and watches a step, which must hold nothing then.
pub(crate) fn watch(job: Job, config: Config, step: &str) -> anyhow::Result<Held> {
    let handle = job.start(config)?;
    let mut held = Held::default();
    while !handle.is_over() {
        std::thread::park_timeout(SAMPLE_EVERY);
        if let Some(step) = handle.metrics().step(step) {
            held.see(&step.holdings);
        }
    }
    let report = handle.wait()?;
    let step = report.step(step).ok_or_else(|| anyhow::anyhow!("there is no step `{step}`"))?;
    anyhow::ensure!(step.holdings.records == 0, "{:?} at the end", step.holdings);
    Ok(held)
}
