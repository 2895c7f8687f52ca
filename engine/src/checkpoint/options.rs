//! How a job takes checkpoints.

use std::path::PathBuf;
use std::time::Duration;

use super::Restore;

/// How a job takes checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoints {
    /// Where they are kept.
    pub folder: PathBuf,
    /// How often one is begun.
    pub every: Duration,
    /// How many are kept.
    pub keep: usize,
    /// What the job goes on from.
    pub restore: Restore,
    /// Whether output may be published twice.
    pub accept_duplicates: bool,
    /// Whether state may be lost that the plan has no step for.
    pub allow_dropped_state: bool,
    /// The job fails after so many failures in a row.
    pub failures_in_a_row: u32,
    /// One that takes longer has failed.
    pub timeout: Duration,
}

impl Checkpoints {
    /// In this folder, every 10 s.
    #[must_use]
    pub fn to(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            every: Duration::from_secs(10),
            keep: 3,
            restore: Restore::default(),
            accept_duplicates: false,
            allow_dropped_state: false,
            failures_in_a_row: 10,
            timeout: Duration::from_secs(600),
        }
    }

    /// How often one is begun.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }
}
