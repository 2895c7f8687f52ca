//! Checkpoints: consistent cuts of a job that are kept on disk, to continue from.

mod options;

pub(crate) use options::Overrides;
pub use options::{Checkpoints, Restore};

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a checkpoint: from 1, and on over restarts of the job.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct CheckpointId(pub u64);

impl CheckpointId {
    /// What is later than every checkpoint: the end of the input.
    pub const END: Self = Self(u64::MAX);

    /// The checkpoint after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for CheckpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
