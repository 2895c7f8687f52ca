//! How a job takes checkpoints: where, how often, and what it goes on from.

use std::path::PathBuf;
use std::time::Duration;

use super::Restore;
use crate::Error;

/// How a job takes checkpoints.
///
/// ```
/// use std::time::Duration;
/// use rheos_engine::checkpoint::Checkpoints;
/// let checkpoints = Checkpoints::to("checkpoints").every(Duration::from_secs(1)).keep(2);
/// assert!(checkpoints.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoints {
    /// The folder in which they are kept: one for each job, the same for all its processes.
    pub folder: PathBuf,
    /// How often one is begun; 10 s unless set.
    pub every: Duration,
    /// How many are kept; 3 unless set.
    pub keep: usize,
    /// What the job goes on from; the latest one, if there is any, unless set.
    pub restore: Restore,
    /// Whether the job may go on from a checkpoint behind which it has published output, so that
    /// this is published twice; no unless set.
    pub accept_duplicates: bool,
    /// Whether state may be lost that the program has no use for any more; no unless set.
    pub allow_dropped_state: bool,
    /// After so many failures in a row the job fails; 10 unless set.
    pub failures_in_a_row: u32,
    /// A checkpoint that takes longer has failed; 10 min unless set.
    pub timeout: Duration,
}

impl Checkpoints {
    /// Keeps checkpoints in a folder, which is made if it does not exist.
    #[must_use]
    pub fn to(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            every: Duration::from_secs(10),
            keep: 3,
            restore: Restore::Latest,
            accept_duplicates: false,
            allow_dropped_state: false,
            failures_in_a_row: 10,
            timeout: Duration::from_secs(600),
        }
    }

    /// Sets how often one is begun.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval;
        self
    }

    /// Sets how many are kept.
    #[must_use]
    pub fn keep(mut self, checkpoints: usize) -> Self {
        self.keep = checkpoints;
        self
    }

    /// Sets what the job goes on from.
    #[must_use]
    pub fn restore(mut self, restore: Restore) -> Self {
        self.restore = restore;
        self
    }

    /// Allows that output is published twice.
    #[must_use]
    pub fn accept_duplicates(mut self) -> Self {
        self.accept_duplicates = true;
        self
    }

    /// Allows that state is lost that the program has no use for any more.
    #[must_use]
    pub fn allow_dropped_state(mut self) -> Self {
        self.allow_dropped_state = true;
        self
    }

    /// Checks what can be checked before anything starts.
    ///
    /// # Errors
    /// When a number is zero, or the folder is a URL.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |what: &str, reason: &str| Err(Error::usage(format!("set {what}"), reason));
        if self.folder.to_string_lossy().contains("://") {
            let reason = "object stores are not supported by this build";
            return refuse("the checkpoint folder", reason);
        }
        if self.folder.as_os_str().is_empty() {
            return refuse("the checkpoint folder", "its name is empty");
        }
        if self.every.is_zero() {
            return refuse(
                "how often checkpoints are taken",
                "without a pause nothing else is done",
            );
        }
        if self.keep == 0 {
            return refuse("how many checkpoints are kept", "a job must be able to go on from one");
        }
        if self.failures_in_a_row == 0 || self.timeout.is_zero() {
            return refuse("when checkpoints have failed", "each would have");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_with_a_reason() {
        let good = Checkpoints::to("folder");
        assert!(good.validate().is_ok());
        for (bad, reason) in [
            (Checkpoints::to("s3://bucket/job"), "object stores"),
            (Checkpoints::to(""), "empty"),
            (good.clone().every(Duration::ZERO), "pause"),
            (good.clone().keep(0), "go on"),
            (Checkpoints { failures_in_a_row: 0, ..good.clone() }, "failed"),
        ] {
            let error = bad.validate().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
