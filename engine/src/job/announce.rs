//! What a job says on standard error before it begins: what it goes on from, and what of its state
//! does not come along unchanged.

use std::io::Write;
use std::path::Path;

use crate::EventTime;
use crate::checkpoint::compat::Compatibility;
use crate::checkpoint::{Decision, Manifest};

/// Writes lines to standard error.
pub(crate) fn say(lines: &str) {
    // A job whose standard error is gone runs all the same.
    let _ = std::io::stderr().lock().write_all(lines.as_bytes());
}

/// What was decided about the beginning of a job.
pub(super) struct Beginning<'a> {
    pub(super) folder: &'a Path,
    pub(super) decision: &'a Decision,
}

impl Beginning<'_> {
    /// The lines about it: what the job goes on from, and what becomes of the state in it as far as
    /// that is not simply kept.
    pub(super) fn tell(
        &self,
        job: &str,
        manifest: Option<&Manifest>,
        found: Option<&Compatibility>,
    ) -> String {
        let (Decision::Begin { notice } | Decision::Restore { notice, .. }) = self.decision;
        let mut text = format!("job `{job}` ");
        text += &match manifest {
            None if notice.is_some() => "begins anew\n".to_owned(),
            None => format!("begins anew: no checkpoint in {}\n", self.folder.display()),
            Some(Manifest { id, finished: true, .. }) => format!(
                "has finished with checkpoint {id}: nothing is left to do; --restore none begins \
                 anew\n"
            ),
            Some(Manifest { id, at, run, .. }) => {
                let taken = EventTime::from_millis(i64::try_from(at.0).unwrap_or(i64::MAX));
                format!("goes on from checkpoint {id} (taken {taken}, run {run})\n")
            }
        };
        let mut add = |line: &str| text += &format!("  {line}\n");
        if let Some(notice) = notice {
            add(notice);
        }
        if let Some(found) = found {
            changes(found).iter().for_each(|line| add(line));
        }
        text
    }
}

/// What becomes of the state, without what is kept as it is.
fn changes(found: &Compatibility) -> Vec<String> {
    let dropped = found.dropped.iter().map(|fate| format!("dropped: {fate}"));
    let converted = found.kept.iter().filter(|fate| fate.is_converted);
    let converted = converted.map(|fate| format!("kept: {fate}"));
    let warnings = found.warnings.iter().map(|warning| format!("warning: {warning}"));
    dropped.chain(converted).chain(warnings).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::compat::Fate;
    use crate::{CheckpointId, ProcessingTime};

    fn told(decision: &Decision, manifest: Option<&Manifest>, found: &Compatibility) -> String {
        let beginning = Beginning { folder: Path::new("dir"), decision };
        beginning.tell("x", manifest, manifest.map(|_| found))
    }

    #[test]
    fn a_job_says_what_it_goes_on_from() {
        let (at, id) = (ProcessingTime(1_767_225_600_000), CheckpointId(7));
        let taken = Manifest { id, at, run: 3, ..Manifest::default() };
        let finished = Manifest { finished: true, ..taken.clone() };
        let begin = |notice: Option<&str>| Decision::Begin { notice: notice.map(str::to_owned) };
        let restore =
            |notice: Option<&str>| Decision::Restore { id, notice: notice.map(str::to_owned) };
        for (decision, manifest, expected) in [
            (begin(None), None, "job `x` begins anew: no checkpoint in dir\n"),
            (begin(Some("why")), None, "job `x` begins anew\n  why\n"),
            (
                restore(None),
                Some(&taken),
                "job `x` goes on from checkpoint 7 (taken 2026-01-01T00:00:00Z, run 3)\n",
            ),
            (
                restore(Some("older")),
                Some(&taken),
                "job `x` goes on from checkpoint 7 (taken 2026-01-01T00:00:00Z, run 3)\n  older\n",
            ),
            (
                restore(None),
                Some(&finished),
                "job `x` has finished with checkpoint 7: nothing is left to do; --restore none \
                 begins anew\n",
            ),
        ] {
            assert_eq!(told(&decision, manifest, &Compatibility::default()), expected);
        }
    }

    #[test]
    fn of_the_state_it_says_what_is_not_simply_kept() {
        let fate = |step: &str, reason: &str, is_converted| Fate {
            step: step.to_owned(),
            part: Some("keys".to_owned()),
            reason: reason.to_owned(),
            is_converted,
        };
        let found = Compatibility {
            kept: vec![fate("same", "u8", false), fate("changed", "converted", true)],
            new: vec![fate("new", "begins empty", false)],
            dropped: vec![fate("gone", "no step has this name", false)],
            warnings: vec!["look".to_owned()],
            ..Compatibility::default()
        };
        assert_eq!(
            changes(&found),
            [
                "dropped: `gone`, part `keys`: no step has this name",
                "kept: `changed`, part `keys`: converted",
                "warning: look",
            ]
        );
    }
}
