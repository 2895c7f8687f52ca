//! Tests of what can be removed, as a table.

use crate::checkpoint::CheckpointId;
use crate::checkpoint::damage::Damage;
use crate::checkpoint::facts::Facts;
use crate::checkpoint::job_file::{Abandoned, JobFile};
use crate::checkpoint::manifest::{Chain, Manifest};
use crate::checkpoint::names::StateName;
use crate::checkpoint::obsolete::{obsolete, orphaned};
use crate::checkpoint::state_file::FileRef;

/// The run of the job that removes.
const RUN: u32 = 2;

fn state(checkpoint: u64, run: u32) -> StateName {
    StateName { checkpoint: CheckpointId(checkpoint), run, worker: 0 }
}

/// A folder with manifests, each with the checkpoints whose files are its chain, and with state
/// files, each of a checkpoint and a run.
fn folder(manifests: &[(u64, &[u64])], states: &[(u64, u32)]) -> Facts {
    let file = |id: &u64| FileRef { name: state(*id, 1).to_string(), bytes: 1, checksum: 0 };
    let manifest = |(id, chain): &(u64, &[u64])| {
        let chain = Chain { worker: 0, files: chain.iter().map(file).collect() };
        let manifest = Manifest { chains: vec![chain], ..Manifest::default() };
        (CheckpointId(*id), Ok(manifest))
    };
    Facts {
        job: JobFile { run: RUN, ..JobFile::new("test") },
        latest: None,
        manifests: manifests.iter().map(manifest).collect(),
        state_files: states.iter().map(|(id, run)| (state(*id, *run), 1)).collect(),
        unfinished: vec!["manifest-00000009.tmp".to_owned()],
    }
}

fn check(facts: &Facts, keep: usize, manifests: &[u64], states: &[(u64, u32)]) {
    let gone = obsolete(facts, keep);
    let ids: Vec<u64> = gone.manifests.iter().map(|id| id.0).collect();
    assert_eq!(ids, manifests, "manifests when {keep} stay");
    let names: Vec<StateName> = states.iter().map(|(id, run)| state(*id, *run)).collect();
    assert_eq!(gone.state_files, names, "state files when {keep} stay");
    assert_eq!(gone.unfinished.len(), 1);
}

#[test]
fn files_that_a_kept_checkpoint_refers_to_stay() {
    let chains: &[(u64, &[u64])] = &[(1, &[1]), (2, &[1, 2]), (3, &[1, 2, 3]), (4, &[4])];
    let facts = folder(chains, &[(1, 1), (2, 1), (3, 1), (4, 1)]);
    check(&facts, 4, &[], &[]);
    check(&facts, 2, &[1, 2], &[]);
    check(&facts, 1, &[1, 2, 3], &[(1, 1), (2, 1), (3, 1)]);
    check(&facts, 0, &[1, 2, 3], &[(1, 1), (2, 1), (3, 1)]);
}

#[test]
fn leftovers_go_and_what_is_in_progress_stays() {
    // Run 1 failed at 2 and died during 4; run 2 is taking 5.
    let facts = folder(&[(3, &[3])], &[(2, 1), (3, 1), (4, 1), (5, RUN)]);
    check(&facts, 2, &[], &[(2, 1), (4, 1)]);
    // Nothing has become durable yet.
    check(&folder(&[], &[(1, 1), (1, RUN)]), 2, &[], &[(1, 1)]);
}

#[test]
fn what_came_to_nothing_goes_and_every_manifest_stays() {
    let orphans = |facts: &Facts, reached| -> Vec<(u64, u32)> {
        let gone = orphaned(facts, CheckpointId(reached));
        assert_eq!((gone.manifests.len(), gone.unfinished.len()), (0, 1));
        gone.state_files.iter().map(|name| (name.checkpoint.0, name.run)).collect()
    };
    // Run 1 failed at 2 and died during 4; run 2 has failed at 5 and takes 6.
    let states = [(1, 1), (2, 1), (3, 1), (4, 1), (5, RUN), (6, RUN)];
    let mut facts = folder(&[(1, &[1]), (3, &[1, 3])], &states);
    assert_eq!(orphans(&facts, 4), [(2, 1), (4, 1)]);
    assert_eq!(orphans(&facts, 5), [(2, 1), (4, 1), (5, RUN)]);
    assert_eq!(orphans(&facts, 6), [(2, 1), (4, 1), (5, RUN), (6, RUN)]);
    // Only then its manifest could not be made known.
    facts.manifests.insert(CheckpointId(6), Err(Damage::new("manifest 6", "it is torn")));
    assert_eq!(orphans(&facts, 6), []);
    // Somebody may bring a manifest back that was durable.
    facts.manifests.remove(&CheckpointId(6));
    facts.latest = Some(Ok(CheckpointId(4)));
    assert_eq!(orphans(&facts, 6), [(5, RUN), (6, RUN)]);
}

#[test]
fn what_a_damaged_manifest_may_refer_to_stays_with_it() {
    let mut facts = folder(&[(3, &[3]), (4, &[4])], &[(1, 1), (2, 1), (3, 1), (4, 1)]);
    facts.manifests.insert(CheckpointId(2), Err(Damage::new("manifest 2", "it is torn")));
    check(&facts, 3, &[], &[]);
    check(&facts, 2, &[2], &[(1, 1), (2, 1)]);
}

#[test]
fn what_was_left_behind_goes_once_it_is_replaced() {
    let abandoned = Some(Abandoned { after: CheckpointId(1), until: CheckpointId(3) });
    let mut facts = folder(&[(1, &[1]), (2, &[2]), (3, &[3])], &[(1, 1), (2, 1), (3, 1)]);
    facts.job.abandoned = abandoned;
    check(&facts, 1, &[], &[]);
    let mut facts =
        folder(&[(1, &[1]), (2, &[2]), (3, &[3]), (4, &[4])], &[(1, 1), (2, 1), (3, 1), (4, 1)]);
    facts.job.abandoned = abandoned;
    check(&facts, 2, &[2, 3], &[(2, 1), (3, 1)]);
}

#[test]
fn the_newest_checkpoint_keeps_its_files_whatever_else_is_there() {
    // Any chains, any leftovers: what the newest manifest refers to is never in the list.
    let mut random = crate::checkpoint::random::Random::new(11);
    for round in 0..200 {
        let mut below = |bound| random.below(bound);
        let rows: Vec<(u64, Vec<u64>)> = (1..=1 + below(6))
            .map(|id| (id, (1..=id).filter(|_| below(2) == 0).collect()))
            .collect();
        let rows: Vec<(u64, &[u64])> = rows.iter().map(|(id, chain)| (*id, &chain[..])).collect();
        let states: Vec<(u64, u32)> = (1..9).map(|id| (id, 1 + below(2) as u32)).collect();
        let facts = folder(&rows, &states);
        let (newest, chain) = rows[rows.len() - 1];
        let gone = obsolete(&facts, below(4) as usize);
        assert!(!gone.manifests.contains(&CheckpointId(newest)), "round {round}");
        for id in chain {
            assert!(!gone.state_files.contains(&state(*id, 1)), "round {round}, file of {id}");
        }
    }
}
