//! Why nothing comes out: who holds the watermark of a step, and what waits for it.
//!
//! A step that waits for event time says something only once its watermark has moved far enough,
//! and that is held by whoever is furthest behind: often a split that nobody thinks of. This is
//! asked of a running job ([`JobHandle::why`](crate::JobHandle::why), SIGUSR1), of a report, and
//! by the job itself when a watermark stands still.
//!
//! [`facts`] gathers what is known, [`walk`] finds who holds a watermark, [`stall`] decides when
//! to warn, [`text`] says all that to people. None of them changes anything.

pub(crate) mod facts;
pub(crate) mod stall;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod walk;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::report::seconds;
use crate::{EventTime, Holdings};

/// Why a step has said no more than it has. [`Display`](std::fmt::Display) says it as a sentence.
///
/// As JSON, times are milliseconds since 1970-01-01T00:00:00Z, of which the smallest and the
/// largest `i64` are the beginning and the end of time; durations are seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Why {
    /// The name of the step.
    pub step: String,
    /// The watermark that the step has come to, on the worker where it is furthest behind. None
    /// where the step has no event time, or none of its epochs has ended yet.
    pub watermark: Option<EventTime>,
    /// For how long it has been there; none for a step that is fused into the one before it.
    #[serde(with = "optional_seconds")]
    pub unchanged_for: Option<Duration>,
    /// Who holds it there; nobody once the input has ended.
    pub holder: Option<Holder>,
    /// What the step holds, over all workers.
    pub holdings: Holdings,
    /// Records that came to the step too late, whether they were dropped or set aside.
    pub late_records: u64,
    /// Records that were set aside, here or on the way here, because they claim to come from the
    /// future.
    pub future_records: u64,
}

/// Who holds a watermark. As JSON, an object whose `kind` is the name of the variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Holder {
    /// A split of a source that is behind all others.
    Split {
        /// The step of the source.
        source: String,
        /// The name of the split.
        split: String,
        /// The worker that reads it, counted over all processes.
        worker: usize,
        /// What its records so far promise.
        watermark: EventTime,
        /// How long ago its last record came, or it was opened.
        #[serde(with = "seconds")]
        silent_for: Duration,
        /// Whether it is not waited for: then all others are silent too.
        is_idle: bool,
    },
    /// Splits that have not been opened, because others are read first.
    Unopened {
        /// The step of the source.
        source: String,
        /// How many there are on the worker.
        splits: usize,
        /// The worker that will read them.
        worker: usize,
    },
    /// The records that one worker gets where those of several splits are mixed.
    Mixed {
        /// The step that gives them their event time.
        step: String,
        /// The worker.
        worker: usize,
        /// What its records so far promise.
        watermark: EventTime,
        /// How long ago the last one came.
        #[serde(with = "seconds")]
        silent_for: Duration,
        /// Whether they are not waited for.
        is_idle: bool,
    },
    /// A step that may still say something earlier than what comes in.
    Operator {
        /// The step.
        step: String,
        /// Where it is furthest behind.
        worker: usize,
        /// The watermark of its input.
        input: EventTime,
        /// What it promises.
        output: EventTime,
    },
    /// A step that has said nothing of its event time so far.
    Silent {
        /// The step.
        step: String,
        /// Where.
        worker: usize,
    },
    /// A worker of another process, which knows more.
    Elsewhere {
        /// The worker, counted over all processes.
        worker: usize,
    },
}

impl Why {
    /// Adds what another process of the job knows of the same step.
    pub(crate) fn add(&mut self, other: &Why) {
        self.holdings.add(&other.holdings);
        self.late_records += other.late_records;
        self.future_records += other.future_records;
        let knows = |why: &Why| !matches!(why.holder, Some(Holder::Elsewhere { .. }) | None);
        let is_better = match (self.watermark, other.watermark) {
            (None, theirs) => theirs.is_some(),
            (Some(mine), Some(theirs)) if mine == theirs => knows(other) && !knows(self),
            (Some(mine), theirs) => theirs.is_some_and(|theirs| theirs < mine),
        };
        if is_better {
            self.watermark = other.watermark;
            self.unchanged_for = other.unchanged_for;
            self.holder.clone_from(&other.holder);
        }
    }
}

/// Durations that may be absent, as seconds.
pub(crate) mod optional_seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        of: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        of.map(|duration| duration.as_secs_f64()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(from)?;
        seconds.map(Duration::try_from_secs_f64).transpose().map_err(serde::de::Error::custom)
    }
}
