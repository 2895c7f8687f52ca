//! Decides when a job should say by itself that a watermark stands still.

use std::time::Duration;

use super::facts::{Facts, Runs};
use super::text::Length;
use super::{Holder, Why};
use crate::{EventTime, ProcessingTime};

/// How often a job looks whether its watermarks move.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A watermark that is further ahead of processing time was moved there by mistake.
const FAR_FUTURE: Duration = Duration::from_secs(24 * 3600);

/// Where a step was when its watermark last moved.
struct Stand {
    watermark: EventTime,
    since: ProcessingTime,
    /// Records that had come in then, and at the last look.
    records_then: u64,
    records: u64,
    has_warned: bool,
}

/// Watches the watermarks of a job's steps.
pub(crate) struct StallWatch {
    /// How long a watermark may stand still while records come.
    patience: Duration,
    next_look: ProcessingTime,
    /// By step.
    stands: Vec<Option<Stand>>,
}

impl StallWatch {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, next_look: ProcessingTime(0), stands: Vec::new() }
    }

    /// Whether it is time to look again.
    pub(crate) fn is_due(&self, now: ProcessingTime) -> bool {
        now >= self.next_look
    }

    /// What to say to people now: a sentence for each step whose watermark has stood still for
    /// too long while records came, once in the life of a job.
    pub(crate) fn look(&mut self, facts: &Facts) -> Vec<String> {
        self.next_look = facts.now.plus(LOOK_EVERY);
        self.stands.resize_with(facts.steps.len(), || None);
        let steps = (0..facts.steps.len()).filter(|step| facts.steps[*step].runs == Runs::Hosted);
        steps.filter_map(|step| self.look_at(step, facts)).collect()
    }

    fn look_at(&mut self, step: usize, facts: &Facts) -> Option<String> {
        let watermarks = facts.local.clone().filter_map(|worker| facts.watermark(step, worker));
        let watermark = watermarks.min()?;
        let records: u64 = facts.everywhere(step).map(|said| said.records).sum();
        let fresh = |has_warned| {
            let since = facts.now;
            Some(Stand { watermark, since, records_then: records, records, has_warned })
        };
        let Some(stand) = &mut self.stands[step] else {
            self.stands[step] = fresh(false);
            return None;
        };
        if stand.watermark != watermark {
            self.stands[step] = fresh(stand.has_warned);
            return None;
        }
        let has_come = std::mem::replace(&mut stand.records, records) < records;
        let stood = Duration::from_millis(facts.now.0.saturating_sub(stand.since.0));
        let is_stalled = watermark < EventTime::MAX && has_come && stood >= self.patience;
        if !is_stalled || std::mem::replace(&mut stand.has_warned, true) {
            return None;
        }
        let why = facts.why(step);
        Some(warning(&why, stood, records - stand.records_then, facts.now))
    }
}

/// What is said of a step whose watermark has stood still while records came, and what to do.
pub(crate) fn warning(why: &Why, stood: Duration, records: u64, now: ProcessingTime) -> String {
    let advice = advice(why, now);
    let step = &why.step;
    format!(
        "the watermark of `{step}` has not moved for {} while {records} records came in, so \
         nothing that waits for it comes out: {why}. {advice}",
        Length(stood)
    )
}

fn advice(why: &Why, now: ProcessingTime) -> String {
    let now = EventTime::from_millis(i64::try_from(now.0).unwrap_or(i64::MAX));
    if let Some(watermark) = why.watermark.filter(|watermark| *watermark > now.plus(FAR_FUTURE)) {
        return format!(
            "That is {} in the future: a record with a wrong time has moved it there, and what \
             comes after it is late. Set such records aside with `Watermarks::max_future`",
            Length(watermark.since(now))
        );
    }
    match &why.holder {
        Some(Holder::Unopened { .. }) => {
            "Nothing is wrong if the splits are files that are read one after another: event time \
             begins when the last one is opened"
                .to_owned()
        }
        Some(Holder::Split { silent_for, .. } | Holder::Mixed { silent_for, .. })
            if *silent_for >= Duration::from_secs(1) =>
        {
            "If it may be silent while others are not, let them go on without it: \
             `Watermarks::idle_after`"
                .to_owned()
        }
        Some(Holder::Split { .. } | Holder::Mixed { .. }) => {
            "Its records come, but none is later than those before: look at their times, and at \
             the clock they come from"
                .to_owned()
        }
        Some(Holder::Operator { .. }) => {
            "It holds something back that has not been sent: look at what it waits for".to_owned()
        }
        Some(Holder::Elsewhere { .. }) => {
            "The log of the process with that worker says more, and so does SIGUSR1 there"
                .to_owned()
        }
        Some(Holder::Silent { .. }) | None => {
            "Its first epoch may not be over, or it is waiting for room behind it".to_owned()
        }
    }
}
