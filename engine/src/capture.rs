//! What is captured of a step's state, in pieces.

use serde::{Deserialize, Serialize};

/// How much a capture takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Extent {
    /// Everything.
    Whole,
    /// What has changed since the capture before.
    Changes,
}

/// How a piece of state is spread over workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SectionKind {
    /// Entries of one key group, which belong to the worker that owns it.
    Keyed {
        /// The group.
        group: u16,
    },
    /// State of the whole step, for worker 0.
    Singleton,
    /// State that every worker has a copy of.
    Broadcast,
}

/// A piece of the captured state of one step on one worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The part of the operator's state that it belongs to.
    pub part: String,
    /// How the part is spread over workers.
    pub kind: SectionKind,
    /// Entries that it holds; 1 where it is one value.
    pub entries: u64,
    /// The state, in the part's own encoding.
    pub bytes: Vec<u8>,
}
