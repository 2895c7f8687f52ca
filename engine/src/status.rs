//! What a step on a worker last said about its watermark and about what it holds; looked at when
//! somebody asks why nothing comes out.

use crate::operator::Holdings;
use crate::{EventTime, ProcessingTime, SplitId};

/// Where one split, or one worker's records behind an exchange, stand in event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitTime {
    /// The split; none behind an exchange.
    pub split: Option<SplitId>,
    /// What its records so far promise.
    pub watermark: EventTime,
    /// When its last record was seen, or when it was opened.
    pub active: ProcessingTime,
    /// Whether it has been silent for so long that nobody waits for it.
    pub is_idle: bool,
}

/// What a step that assigns event times knows on one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// Its splits that have not ended.
    pub splits: Vec<SplitTime>,
    /// Splits that have not been opened yet, whose first record may have any time.
    pub unopened: usize,
    /// What all together promise.
    pub watermark: EventTime,
    /// Whether all that are left are idle, so that others do not wait for this worker.
    pub is_idle: bool,
}

/// What somebody who sends records to a step has promised about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    /// No later record has an earlier time; the end of time once none will come at all.
    pub(crate) time: EventTime,
    /// Whether nobody waits for it until it promises again.
    pub(crate) is_idle: bool,
}

/// The latest words of a step on a worker, at the end of an epoch.
#[derive(Clone, Debug)]
pub(crate) struct StepStatus {
    /// The watermark of its input.
    pub(crate) input: EventTime,
    /// The watermark that it passes on.
    pub(crate) output: EventTime,
    /// Since when the watermark of its input has been where it is; none before the first epoch.
    pub(crate) since: Option<ProcessingTime>,
    /// What each worker that sends to it has promised, in the order of its inputs.
    pub(crate) lanes: Vec<Promise>,
    pub(crate) holdings: Holdings,
    pub(crate) assigned: Option<Assigned>,
    /// By how much records came behind the latest one before them.
    pub(crate) disorder: crate::disorder::Disorder,
}

impl Default for StepStatus {
    fn default() -> Self {
        Self {
            input: EventTime::MIN,
            output: EventTime::MIN,
            since: None,
            lanes: Vec::new(),
            holdings: Holdings::default(),
            assigned: None,
            disorder: crate::disorder::Disorder::default(),
        }
    }
}
