//! The step of `join_at_end` against a reference that tries every pair.

use rheos_engine::Keyed;

use super::at_end_step::AtEnd;
use super::kind::{Anti, Full, Inner, JoinKind, Left, Right, Semi};
use std::fmt::Debug;

use rheos_engine::harness::TwoInputHarness;
use rheos_engine::{EventTime, ProcessingTime};

use crate::Untimed;
use crate::random::Random;
use crate::recovery::{Either, Step, check_recovery, to_owner};

type Pair = Keyed<u64, i64>;

fn harness<J: JoinKind<u64, i64, i64>>()
-> TwoInputHarness<AtEnd<u64, i64, i64, J, Untimed, Untimed>> {
    TwoInputHarness::new(AtEnd::new())
}

/// Epochs of records of both sides, few of which have a partner.
fn steps(seed: u64) -> Vec<Step<Either<Pair, Pair>>> {
    let mut random = Random::new(seed);
    let epochs = random.epochs();
    let mut side = |(key, value): (u64, i64)| match random.below(2) {
        0 => Either::Left(Keyed::new(key, value)),
        _ => Either::Right(Keyed::new(key + 10, value)),
    };
    let mut step = |records: Vec<_>| Step {
        records: records.into_iter().map(&mut side).collect(),
        watermark: EventTime::MIN,
        now: ProcessingTime(0),
    };
    epochs.into_iter().map(&mut step).collect()
}

/// Compares what a kind says in the end with the reference, also after a restart.
fn check<J: JoinKind<u64, i64, i64, Row: Ord + Debug>>(
    reference: impl Fn(&[(u64, i64)], &[(u64, i64)]) -> Vec<J::Row>,
) {
    for seed in 0..20 {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let mut harness = harness::<J>();
        for step in steps(seed) {
            for record in step.records {
                let said = match record {
                    Either::Left(record) => {
                        left.push((record.key, record.value));
                        harness.left(vec![record]).unwrap()
                    }
                    Either::Right(record) => {
                        right.push((record.key, record.value));
                        harness.right(vec![record]).unwrap()
                    }
                };
                assert!(said.is_empty(), "nothing comes before the end, seed {seed}");
            }
            assert!(harness.end_epoch().unwrap().is_empty(), "seed {seed}");
        }
        assert_eq!(harness.holdings().records, left.len() + right.len(), "seed {seed}");
        let mut found = harness.end_input().unwrap();
        let mut expected = reference(&left, &right);
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "seed {seed}");
        let held = harness.holdings();
        assert_eq!((held.keys, held.records, held.bytes), (0, 0, 0), "seed {seed}");
    }
    for seed in 0..3 {
        check_recovery(
            seed,
            &steps(seed),
            |_, _| self::harness::<J>(),
            |either, workers| {
                let (Either::Left(record) | Either::Right(record)) = either;
                to_owner::<u64, i64, Untimed>(record, workers)
            },
        );
    }
}

/// All pairs, and the records of each side without a partner.
fn pairs(left: &[(u64, i64)], right: &[(u64, i64)]) -> Vec<(u64, i64, i64)> {
    let matches =
        |l: (u64, i64)| right.iter().filter(move |r| l.0 == r.0).map(move |r| (l.0, l.1, r.1));
    left.iter().flat_map(|l| matches(*l)).collect()
}

fn alone(these: &[(u64, i64)], those: &[(u64, i64)]) -> Vec<(u64, i64)> {
    these.iter().copied().filter(|this| those.iter().all(|that| that.0 != this.0)).collect()
}

#[test]
fn every_kind_gives_the_rows_of_the_reference() {
    check::<Inner>(pairs);
    check::<Left>(|left, right| {
        let all = pairs(left, right).into_iter().map(|(key, l, r)| (key, l, Some(r)));
        all.chain(alone(left, right).into_iter().map(|(key, l)| (key, l, None))).collect()
    });
    check::<Right>(|left, right| {
        let all = pairs(left, right).into_iter().map(|(key, l, r)| (key, Some(l), r));
        all.chain(alone(right, left).into_iter().map(|(key, r)| (key, None, r))).collect()
    });
    check::<Full>(|left, right| {
        let all = pairs(left, right).into_iter().map(|(key, l, r)| (key, Some(l), Some(r)));
        let lefts = alone(left, right).into_iter().map(|(key, l)| (key, Some(l), None));
        let rights = alone(right, left).into_iter().map(|(key, r)| (key, None, Some(r)));
        all.chain(lefts).chain(rights).collect()
    });
    check::<Anti>(alone);
    check::<Semi>(|left, right| {
        let alone = alone(left, right);
        left.iter().copied().filter(|l| !alone.contains(l)).collect()
    });
}

#[test]
fn many_pairs_of_one_key_come_in_parts() {
    let mut harness = harness::<Inner>();
    harness.left((0..300).map(|n| Keyed::new(1, n)).collect()).unwrap();
    harness.right((0..300).map(|n| Keyed::new(1, n)).collect()).unwrap();
    let mut pairs = harness.end_input().unwrap();
    pairs.sort_unstable();
    pairs.dedup();
    assert_eq!(pairs.len(), 90_000);
}
