//! What a program and its command line say about checkpoints: where, how often, what is restored.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Restore;
use crate::Error;

/// Where checkpoints are kept, how often they are taken, and which one a job starts from.
///
/// A folder belongs to one job. All processes of the job are given the same one, and all of them
/// read and write there: on several machines it must be on a file system that they share.
///
/// ```
/// use std::time::Duration;
/// use rheos_engine::checkpoint::{Checkpoints, Restore};
///
/// let checkpoints = Checkpoints::to("checkpoints/").every(Duration::from_secs(30)).keep(5);
/// assert_eq!(checkpoints.restore, Restore::Latest);
/// assert_eq!(checkpoints.keep, 5);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoints {
    /// The folder; it is made if there is none.
    pub folder: PathBuf,
    /// How long after one checkpoint began the next one begins, if that has ended by then; 10 s.
    pub every: Duration,
    /// How many of the durable ones are kept; 3.
    pub keep: usize,
    /// Which one the job starts from; the latest. With `--restarts` this holds until a checkpoint
    /// has been taken since: later starts go on from the latest.
    pub restore: Restore,
    /// Whether the job may start from an older one than the latest, because that is damaged or
    /// because [`restore`](Self::restore) names it, although what was published since is then
    /// published twice; no.
    pub accept_duplicates: bool,
    /// Whether state may be lost that the plan has no step for any more, and what a sink had
    /// prepared that is gone; no.
    pub allow_dropped_state: bool,
    /// So many failed checkpoints in a row fail the job; 10.
    pub failures_in_a_row: u32,
    /// A checkpoint that takes longer counts as failed; 10 min.
    pub timeout: Duration,
}

impl Checkpoints {
    /// Checkpoints in a folder, with the default of everything else.
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

    /// Sets how often one is taken.
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

    /// Sets which one the job starts from.
    #[must_use]
    pub fn restore(mut self, restore: Restore) -> Self {
        self.restore = restore;
        self
    }

    /// Lets the job start from an older one although output is then published twice.
    #[must_use]
    pub fn accept_duplicates(mut self) -> Self {
        self.accept_duplicates = true;
        self
    }

    /// Lets state be lost that the plan has no step for any more.
    #[must_use]
    pub fn allow_dropped_state(mut self) -> Self {
        self.allow_dropped_state = true;
        self
    }

    /// Sets how many may fail in a row before the job does.
    #[must_use]
    pub fn failures_in_a_row(mut self, failures: u32) -> Self {
        self.failures_in_a_row = failures;
        self
    }

    /// Sets how long one may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Checks what can be checked without touching the folder.
    ///
    /// # Errors
    /// When a number is out of its range or the folder is none of a file system.
    pub fn validate(&self) -> Result<(), Error> {
        let folder = self.folder.display();
        let attempted = format!("keep checkpoints in {folder}");
        let refuse = |reason: &str| Err(Error::usage(attempted.clone(), reason));
        if self.folder.as_os_str().is_empty() {
            return Err(Error::usage("keep checkpoints", "the name of their folder is empty"));
        }
        if self.folder.to_str().is_some_and(|folder| folder.contains("://")) {
            return refuse("object stores are not supported by this build").map_err(|error| {
                error.advise("name a folder; on several machines, one of a shared file system")
            });
        }
        if self.every.is_zero() {
            return refuse("with no time between checkpoints the job would do nothing else")
                .map_err(|error| error.advise("take one every 10s, say"));
        }
        if self.keep == 0 {
            return refuse("0 are kept, so there would be none to continue from");
        }
        if self.failures_in_a_row == 0 {
            return refuse("the job would fail after 0 failed checkpoints, that is at once");
        }
        if self.timeout.is_zero() {
            return refuse("a checkpoint that may take no time always fails");
        }
        Ok(())
    }
}

impl From<&str> for Checkpoints {
    fn from(folder: &str) -> Self {
        Self::to(folder)
    }
}

impl From<&Path> for Checkpoints {
    fn from(folder: &Path) -> Self {
        Self::to(folder)
    }
}

impl From<PathBuf> for Checkpoints {
    fn from(folder: PathBuf) -> Self {
        Self::to(folder)
    }
}

/// What a command line says about checkpoints without naming their folder, which the program may
/// do: it wins over what the program says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    pub(crate) every: Option<Duration>,
    pub(crate) keep: Option<usize>,
    pub(crate) restore: Option<Restore>,
    pub(crate) accept_duplicates: bool,
    pub(crate) allow_dropped_state: bool,
}

impl Overrides {
    /// The checkpoints with what is said here.
    pub(crate) fn over(&self, checkpoints: Checkpoints) -> Checkpoints {
        Checkpoints {
            every: self.every.unwrap_or(checkpoints.every),
            keep: self.keep.unwrap_or(checkpoints.keep),
            restore: self.restore.unwrap_or(checkpoints.restore),
            accept_duplicates: self.accept_duplicates || checkpoints.accept_duplicates,
            allow_dropped_state: self.allow_dropped_state || checkpoints.allow_dropped_state,
            ..checkpoints
        }
    }

    /// A flag that says something about checkpoints, if any does.
    pub(crate) fn flag(&self) -> Option<&'static str> {
        let flags = [
            (self.every.is_some(), "--checkpoint-every"),
            (self.keep.is_some(), "--keep-checkpoints"),
            (self.restore.is_some(), "--restore"),
            (self.accept_duplicates, "--accept-duplicates"),
            (self.allow_dropped_state, "--allow-dropped-state"),
        ];
        flags.iter().find(|(is_given, _)| *is_given).map(|(_, flag)| *flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CheckpointId;

    #[test]
    fn what_cannot_work_is_refused_with_a_reason() {
        let given = || Checkpoints::to("here");
        for (checkpoints, reason) in [
            (Checkpoints::to(""), "is empty"),
            (Checkpoints::to("s3://bucket/job"), "object stores are not supported by this build"),
            (given().every(Duration::ZERO), "no time between checkpoints"),
            (given().keep(0), "0 are kept"),
            (given().failures_in_a_row(0), "0 failed checkpoints"),
            (given().timeout(Duration::ZERO), "always fails"),
        ] {
            let error = checkpoints.validate().unwrap_err();
            assert!(error.to_string().contains(reason), "{checkpoints:?}: {error}");
        }
        given().validate().unwrap();
    }

    #[test]
    fn a_restore_is_read_as_it_is_written() {
        for restore in [Restore::Latest, Restore::None, Restore::Id(CheckpointId(42))] {
            assert_eq!(restore.to_string().parse(), Ok(restore));
        }
        for text in ["", "0", "-1", "Latest", "1.5", "18446744073709551616"] {
            assert!(text.parse::<Restore>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_wins_over_the_program() {
        let program = Checkpoints::to("here").keep(5).allow_dropped_state();
        let said = Overrides { keep: Some(1), restore: Some(Restore::None), ..Default::default() };
        assert_eq!(
            said.over(program.clone()),
            program.clone().keep(1).restore(Restore::None),
            "and what it says nothing about stays"
        );
        assert_eq!(Overrides::default().over(program.clone()), program);
        assert_eq!(Overrides::default().flag(), None);
        assert_eq!(said.flag(), Some("--keep-checkpoints"));
    }
}
