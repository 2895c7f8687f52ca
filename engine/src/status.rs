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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// Its splits that have not ended.
    pub splits: Vec<SplitTime>,
    /// Splits that have not been opened yet, whose first record may have any time.
    pub unopened: usize,
}

/// The latest words of a step on a worker, at the end of an epoch.
#[derive(Clone, Debug)]
pub(crate) struct StepStatus {
    /// The watermark of its input.
    pub(crate) input: EventTime,
    /// The watermark that it passes on.
    pub(crate) output: EventTime,
    /// Since when the watermark of its input has been where it is.
    pub(crate) since: ProcessingTime,
    /// What each worker that sends to it has promised, in the order of its inputs.
    pub(crate) lanes: Vec<EventTime>,
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
            since: ProcessingTime(0),
            lanes: Vec::new(),
            holdings: Holdings::default(),
            assigned: None,
            disorder: crate::disorder::Disorder::default(),
        }
    }
}
