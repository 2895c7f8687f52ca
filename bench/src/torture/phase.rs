//! How far a job has come with its checkpoints, as the names in its folder tell.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::fault::Sight;

/// How far the protocol had come when a job died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// No record had been seen in this start.
    Starting,
    /// The last checkpoint was complete, and of the next one nothing was written.
    Between,
    /// State was being written.
    Capturing,
    /// The manifest was being written.
    Deciding,
    /// The manifest had its name, and `latest` did not name it.
    Decided,
    /// `latest` named it, and not all that was prepared had been published.
    Committing,
}

impl Phase {
    /// Whether it lies between a cut and its commit.
    pub(super) fn is_within_a_cut(self) -> bool {
        !matches!(self, Phase::Starting | Phase::Between)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Phase::Starting => "before the first record",
            Phase::Between => "between checkpoints",
            Phase::Capturing => "cut taken, state being written",
            Phase::Deciding => "all voted, manifest being written",
            Phase::Decided => "manifest durable, before `latest`",
            Phase::Committing => "`latest` written, before the last commit",
        })
    }
}

/// What was seen in a checkpoint folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sighting {
    /// The newest checkpoint of which there is a state file.
    state: u64,
    /// The newest one with a manifest that is not complete.
    begun: u64,
    /// The newest one with a manifest, and when it was written.
    manifest: (u64, Option<SystemTime>),
    /// When `latest` was written.
    latest: Option<SystemTime>,
    /// How many files there are, and how long all are together.
    files: (u64, u64),
}

impl Sighting {
    /// Looks at a folder; one that is not there is empty.
    pub(super) fn of(folder: &Path) -> Self {
        let mut sighting = Self::default();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            // It may have been removed or renamed just now.
            let Ok(about) = entry.metadata() else { continue };
            let name = entry.file_name();
            sighting.see(&name.to_string_lossy(), about.modified().ok());
            sighting.files.0 += 1;
            sighting.files.1 += about.len();
        }
        sighting
    }

    fn see(&mut self, name: &str, modified: Option<SystemTime>) {
        let number = |text: &str| text.split('-').next().and_then(|number| number.parse().ok());
        if let Some(id) = name.strip_prefix("state-").and_then(number) {
            self.state = self.state.max(id);
        } else if let Some(rest) = name.strip_prefix("manifest-") {
            match (number(rest), rest.strip_suffix(".tmp").and_then(number)) {
                (Some(id), _) => self.manifest = self.manifest.max((id, modified)),
                (_, Some(id)) => self.begun = self.begun.max(id),
                _ => {}
            }
        } else if name == "latest" {
            self.latest = modified;
        }
    }

    /// Whether something is seen now that was not seen before.
    pub(super) fn shows(&self, sight: Sight, before: &Self) -> bool {
        match sight {
            Sight::State => self.state > before.state && self.state > self.manifest.0,
            Sight::Manifest => self.manifest.0 > before.manifest.0,
            Sight::Latest => self.latest > before.latest,
        }
    }

    /// How far the newest checkpoint has come of a job that found the folder as it was before;
    /// `is_committed` says whether all output that was prepared has been published.
    pub(super) fn phase(&self, before: &Self, is_committed: bool) -> Phase {
        let done = self.manifest.0.max(before.state).max(before.begun);
        if self.begun > done {
            Phase::Deciding
        } else if self.state > done {
            Phase::Capturing
        } else if self.manifest.0 == before.manifest.0 {
            Phase::Between
        } else if self.latest < self.manifest.1 {
            Phase::Decided
        } else if is_committed {
            Phase::Between
        } else {
            Phase::Committing
        }
    }
}

/// Whether no part waits to be published, as far as names tell: a worker that has gone on to its next
/// part has prepared the one before it.
pub(super) fn is_committed(output: &Path) -> bool {
    let list = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    list(output).all(|sink| {
        let mut writers = BTreeSet::new();
        list(&sink.path()).all(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            let writer = name.strip_prefix(".part-").and_then(|name| name.get(..WRITER));
            writer.is_none_or(|writer| writers.insert(writer.to_owned()))
        })
    })
}

/// The length of the run and the worker in the name of a part.
const WRITER: usize = "0001-000".len();

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sighting(names: &[(&str, u64)]) -> Sighting {
        let mut sighting = Sighting::default();
        for (name, second) in names {
            sighting.see(name, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(*second)));
        }
        sighting
    }

    #[test]
    fn names_tell_how_far_a_checkpoint_has_come() {
        let done = [("state-00000001-001-000", 1), ("manifest-00000001", 2), ("latest", 2)];
        let with = |more: &[(&str, u64)]| sighting(&[&done, more].concat());
        let phase = |now: Sighting| now.phase(&Sighting::default(), true);
        assert_eq!(phase(sighting(&[("LOCK", 0), ("job", 0)])), Phase::Between);
        assert_eq!(phase(with(&[])), Phase::Between);
        assert_eq!(with(&[]).phase(&Sighting::default(), false), Phase::Committing);
        let state = ("state-00000002-001-000", 3);
        assert_eq!(phase(with(&[state])), Phase::Capturing);
        let begun = with(&[state, ("manifest-00000002.tmp", 4)]);
        assert_eq!(phase(begun), Phase::Deciding);
        assert_eq!(phase(with(&[state, ("manifest-00000002", 4)])), Phase::Decided);
        let all = with(&[state, ("manifest-00000002", 4), ("latest", 5)]);
        assert_eq!(phase(all), Phase::Between);
        // What an earlier start of the job has left behind says nothing of this one.
        for left in [begun, with(&[state]), with(&[])] {
            assert_eq!(left.phase(&left, true), Phase::Between);
        }
        for (sight, wanted) in
            [(Sight::State, false), (Sight::Manifest, true), (Sight::Latest, true)]
        {
            assert_eq!(all.shows(sight, &with(&[])), wanted, "{sight:?}");
        }
        assert!(with(&[state]).shows(Sight::State, &with(&[])));
        assert!(!with(&[state]).shows(Sight::State, &with(&[state])));
    }

    #[test]
    fn a_part_that_waits_behind_a_later_one_is_not_committed() {
        let output = std::env::temp_dir().join(format!("torture-phase-{}", std::process::id()));
        let _ = fs::remove_dir_all(&output);
        let rows = output.join("rows");
        fs::create_dir_all(&rows).unwrap();
        let begin = |name: &str| fs::write(rows.join(name), "").unwrap();
        begin("part-0001-000-00000.jsonl");
        begin(".part-0001-000-00001.jsonl.staged");
        begin(".part-0001-001-00000.jsonl.staged");
        assert!(is_committed(&output));
        begin(".part-0001-000-00002.jsonl.staged");
        assert!(!is_committed(&output));
        fs::remove_dir_all(output).unwrap();
    }
}
