//! Starts the job again after a failure that this can help.

use std::time::Duration;

/// How often a job is started again after failures, and how long that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Restarts {
    /// So many in a row.
    pub(crate) most: u32,
    /// What the first one waits.
    pub(crate) backoff: Duration,
}

impl Restarts {
    /// What the first restart waits unless it is told otherwise.
    pub(crate) const DEFAULT_BACKOFF: Duration = Duration::from_secs(1);
}
