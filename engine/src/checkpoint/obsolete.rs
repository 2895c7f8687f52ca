//! Decides which files of a checkpoint folder nobody needs any more: a function of what is there.

use std::collections::BTreeSet;

use super::CheckpointId;
use super::facts::Facts;
use super::names::StateName;

/// What can be removed, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Obsolete {
    /// Manifests, oldest first.
    pub(crate) manifests: Vec<CheckpointId>,
    /// State files that no manifest which stays refers to.
    pub(crate) state_files: Vec<StateName>,
    /// Files that were never completed.
    pub(crate) unfinished: Vec<String>,
}

/// What can go when the newest `keep` checkpoints stay.
///
/// The newest durable one always stays, with everything that it refers to, and so do the files of
/// a checkpoint that this run is about to complete. Manifests that are damaged stay, for a person to
/// look at, until newer ones have pushed them out like the others.
pub(crate) fn obsolete(facts: &Facts, keep: usize) -> Obsolete {
    let standing: Vec<CheckpointId> = facts.standing().map(|(id, _)| id).collect();
    let kept_from = standing.len().saturating_sub(keep.max(1));
    let newest = standing.last().copied();
    // Checkpoints that were left behind go once there is one that was taken since.
    let replaced = facts.job.abandoned.zip(newest).is_some_and(|(old, new)| new > old.until);
    let mut kept: BTreeSet<CheckpointId> = standing[kept_from..].iter().copied().collect();
    if !replaced {
        let left_behind = facts.manifests.keys().copied().filter(|id| facts.is_abandoned(*id));
        kept.extend(left_behind);
    }
    let manifests: Vec<CheckpointId> =
        facts.manifests.keys().copied().filter(|id| !kept.contains(id)).collect();
    let left = unneeded(facts, &kept, newest.unwrap_or_default());
    Obsolete { manifests, ..left }
}

/// What can go although no checkpoint has become durable since: what earlier runs and checkpoints
/// that came to nothing have left, where no manifest refers to it. All manifests stay.
///
/// Of this run nobody works on checkpoints up to `reached` any more.
pub(crate) fn orphaned(facts: &Facts, reached: CheckpointId) -> Obsolete {
    unneeded(facts, &facts.manifests.keys().copied().collect(), reached)
}

/// What can go when these manifests stay, and what this run has written behind `reached`.
fn unneeded(facts: &Facts, kept: &BTreeSet<CheckpointId>, reached: CheckpointId) -> Obsolete {
    let needed = facts.files_of(kept);
    // What damaged manifests refer to is not known, nor what one does that is missing.
    let is_damaged = |id: &CheckpointId| facts.manifests[id].is_err();
    let mut damaged: BTreeSet<_> = kept.iter().copied().filter(is_damaged).collect();
    let noted = facts.latest.iter().flatten().copied();
    damaged.extend(noted.filter(|id| !facts.manifests.contains_key(id)));
    let is_needed = |name: &StateName| {
        let in_progress = name.run == facts.job.run && name.checkpoint > reached;
        let of_damaged = damaged.range(name.checkpoint..).next().is_some();
        needed.contains(name) || in_progress || of_damaged
    };
    let state_files = facts.state_files.keys().copied().filter(|name| !is_needed(name)).collect();
    Obsolete { manifests: Vec::new(), state_files, unfinished: facts.unfinished.clone() }
}
