//! Which clock windows go by.

use rheos_engine::ProcessingTime;

/// Which clock windows go by: that of the records, or that of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    EventTime,
    ProcessingTime,
}

impl Domain {
    /// The processing time at which a window that ends at `end` wants to answer, if it goes by
    /// processing time. One that goes by event time waits for records.
    pub(crate) fn deadline(self, end: i64) -> Option<ProcessingTime> {
        match self {
            Self::EventTime => None,
            Self::ProcessingTime => u64::try_from(end).ok().map(ProcessingTime),
        }
    }
}
