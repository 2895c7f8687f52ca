//! What the files of a checkpoint folder are called.

use std::fmt;

use super::CheckpointId;

/// Locked while a job works in the folder.
pub(crate) const LOCK: &str = "LOCK";
/// Which job the folder belongs to.
pub(crate) const JOB: &str = "job";
/// The last checkpoint that became durable.
pub(crate) const LATEST: &str = "latest";
/// Who starts the job again after failures, and from where on the checkpoints are its own.
pub(crate) const PARENT: &str = "parent";
/// What the names of files end in that are not complete.
pub(crate) const UNFINISHED: &str = ".tmp";

/// Who wrote a state file, and for which checkpoint: what the file is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StateName {
    /// The checkpoint that it was written for.
    pub(crate) checkpoint: CheckpointId,
    /// The run of the job.
    pub(crate) run: u32,
    /// The worker, counted over all processes.
    pub(crate) worker: u32,
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { checkpoint, run, worker } = self;
        write!(f, "state-{:08}-{run:03}-{worker:03}", checkpoint.0)
    }
}

impl StateName {
    /// Reads a name, if it is one of a state file.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix("state-")?.split('-');
        let read = Self {
            checkpoint: CheckpointId(parts.next()?.parse().ok()?),
            run: parts.next()?.parse().ok()?,
            worker: parts.next()?.parse().ok()?,
        };
        // A name that would be written in another way is not one of ours.
        (read.to_string() == name).then_some(read)
    }
}

/// What the manifest of a checkpoint is called.
pub(crate) fn manifest(id: CheckpointId) -> String {
    format!("manifest-{:08}", id.0)
}

/// The checkpoint whose manifest this is, if it is one.
pub(crate) fn parse_manifest(name: &str) -> Option<CheckpointId> {
    let id = CheckpointId(name.strip_prefix("manifest-")?.parse().ok()?);
    (manifest(id) == name).then_some(id)
}

/// What a file is called while it is not complete.
pub(crate) fn unfinished(name: &str) -> String {
    format!("{name}{UNFINISHED}")
}

/// Whether a name is that of a file of ours that was not completed.
pub(crate) fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(UNFINISHED)
        .is_some_and(|name| [JOB, LATEST, PARENT].contains(&name) || parse_manifest(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_no_others() {
        for (checkpoint, run, worker) in [(7, 3, 0), (123_456_789, 1_000, 1_023), (1, 1, 999)] {
            let name = StateName { checkpoint: CheckpointId(checkpoint), run, worker };
            assert_eq!(StateName::parse(&name.to_string()), Some(name));
            let id = CheckpointId(checkpoint);
            assert_eq!(parse_manifest(&manifest(id)), Some(id));
            assert!(is_unfinished(&unfinished(&manifest(id))));
        }
        let name = StateName { checkpoint: CheckpointId(7), run: 3, worker: 0 };
        assert_eq!(name.to_string(), "state-00000007-003-000");
        assert_eq!(manifest(CheckpointId(7)), "manifest-00000007");
        for name in ["state-7-3-0", "state-00000007-003-000-1", "state-00000007-003", "job", ""] {
            assert_eq!(StateName::parse(name), None, "{name}");
        }
        for name in ["manifest-7", "manifest-00000007.tmp", "manifest-0000000x", "manifest-"] {
            assert_eq!(parse_manifest(name), None, "{name}");
        }
        assert!(!is_unfinished("notes.tmp"), "not ours");
    }
}
