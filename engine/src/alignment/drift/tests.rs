//! Which splits are too far ahead of which.

use super::*;

const STEP: StepId = StepId(0);

fn at(millis: i64) -> EventTime {
    EventTime::from_millis(millis)
}

/// Where the splits of a worker are; those that are not waited for are left out.
fn follow(drift: &mut Drift, step: StepId, splits: &[(u32, i64)]) {
    let splits = splits.iter().map(|(split, time)| (SplitId(*split), at(*time)));
    drift.follow(step, Duration::from_millis(100), splits);
}

fn ahead(drift: &Drift) -> Vec<u32> {
    drift.ahead().map(|split| split.0).collect()
}

#[test]
fn who_is_too_far_ahead_waits_until_half_of_the_way_is_left() {
    let (reached, mut drift) = (Reached::new(1, 1), Drift::on(0));
    for (first, second, expected) in [
        (0, 0, &[][..]),
        (0, 100, &[]),
        (0, 101, &[1]),
        (1, 101, &[1]),
        (50, 101, &[1]),
        (51, 101, &[]),
        (51, 151, &[]),
        (260, 151, &[0]),
        (260, 300, &[]),
        (i64::MIN, 300, &[1]),
        (i64::MIN, i64::MIN, &[]),
        (i64::MAX, i64::MAX, &[]),
    ] {
        follow(&mut drift, STEP, &[(0, first), (1, second)]);
        drift.look(&reached);
        assert_eq!(ahead(&drift), expected, "{first}, {second}");
    }
}

#[test]
fn who_has_ended_or_is_idle_is_not_waited_for_and_does_not_wait() {
    let (reached, mut drift) = (Reached::new(1, 1), Drift::on(0));
    follow(&mut drift, STEP, &[(0, 0), (1, 500), (2, 550)]);
    drift.look(&reached);
    assert_eq!(ahead(&drift), [1, 2]);
    drift.end(SplitId(0));
    drift.look(&reached);
    assert_eq!(ahead(&drift), [0; 0]);
    assert!(drift.take_let_go() && !drift.take_let_go());
    follow(&mut drift, STEP, &[(2, 550)]);
    drift.reach(STEP, Duration::from_millis(100), SplitId(1), at(300));
    drift.look(&reached);
    assert_eq!(ahead(&drift), [2], "it was idle and is back");
    drift.end_all();
    drift.look(&reached);
    assert_eq!((ahead(&drift), reached.least(STEP)), (vec![], EventTime::MAX));
}

#[test]
fn workers_wait_for_each_other_and_wake_each_other() {
    let reached = Reached::new(1, 2);
    let (mut slow, mut fast) = (Drift::on(0), Drift::on(1));
    follow(&mut slow, STEP, &[(0, 0)]);
    follow(&mut fast, STEP, &[(1, 500)]);
    assert!(!slow.look(&reached) && !fast.look(&reached));
    assert_eq!((ahead(&slow), ahead(&fast)), (vec![], vec![1]));
    assert!(!fast.look_and_wait(&reached));
    for (time, wakes) in [(449, false), (450, true), (451, false)] {
        follow(&mut slow, STEP, &[(0, time)]);
        assert_eq!(slow.look(&reached), wakes, "{time}");
    }
    fast.look(&reached);
    assert!(fast.take_let_go());
}

#[test]
fn a_worker_that_was_passed_before_it_waits_sees_that() {
    let reached = Reached::new(1, 2);
    let (mut slow, mut fast) = (Drift::on(0), Drift::on(1));
    follow(&mut slow, STEP, &[(0, 0)]);
    follow(&mut fast, STEP, &[(1, 500)]);
    slow.look(&reached);
    fast.look(&reached);
    follow(&mut slow, STEP, &[(0, 500)]);
    slow.look(&reached);
    fast.look_and_wait(&reached);
    assert!(fast.take_let_go());
}

#[test]
fn steps_that_have_splits_in_opposite_orders_do_not_stop_each_other() {
    let (reached, mut drift) = (Reached::new(2, 1), Drift::on(0));
    follow(&mut drift, STEP, &[(0, 0), (1, 500), (2, 500)]);
    follow(&mut drift, StepId(1), &[(0, 500), (1, 0), (2, 500)]);
    drift.look(&reached);
    assert_eq!(ahead(&drift), [2], "it is too far ahead for both");
}

#[test]
fn somebody_may_always_be_read() {
    // Three workers with up to three splits each; whichever may be read makes a jump.
    for seed in 0..200u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut random = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let reached = Reached::new(1, 3);
        let mut workers: Vec<Drift> = (0..3).map(Drift::on).collect();
        let mut times: Vec<Vec<(u32, i64)>> = (0..3)
            .map(|worker| {
                (0..random(4) as u32).map(|split| (3 * worker + split, i64::MIN)).collect()
            })
            .collect();
        for _ in 0..500 {
            for (drift, times) in workers.iter_mut().zip(&mut times) {
                drift.look_and_wait(&reached);
                let may_be_read: Vec<usize> =
                    (0..times.len()).filter(|at| !drift.is_ahead(SplitId(times[*at].0))).collect();
                if may_be_read.is_empty() || random(2) == 0 {
                    continue;
                }
                let at = may_be_read[random(may_be_read.len() as u64) as usize];
                match random(50) {
                    0 => drop(times.swap_remove(at)),
                    _ => times[at].1 = times[at].1.max(-1_000).saturating_add(random(300) as i64),
                }
            }
            for (drift, times) in workers.iter_mut().zip(&times) {
                follow(drift, STEP, times);
                drift.look(&reached);
            }
            // Now each knows of all.
            let mut all = Vec::new();
            for (drift, times) in workers.iter_mut().zip(&times) {
                drift.look(&reached);
                all.extend(times.iter().map(|(split, _)| drift.is_ahead(SplitId(*split))));
            }
            assert!(all.is_empty() || all.contains(&false), "seed {seed}: {times:?}");
        }
    }
}
