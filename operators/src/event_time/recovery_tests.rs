//! A job that goes on from a checkpoint has the watermarks of one that was not disturbed.

use std::time::Duration;

use rheos_engine::harness;
use rheos_engine::{Disorder, EventTime, StageState};

use super::lanes::Place;
use super::tests::{Fickle, Stage, Workers, at, reference, script};
use super::{WatermarkGenerator, Watermarks};

/// Ends the epoch of a stage; gives what it has kept then.
fn kept(stage: &mut Stage) -> StageState {
    harness::want_stages(&mut stage.run);
    stage.end_epoch();
    harness::take_stages(&mut stage.run)
}

#[test]
fn other_workers_go_on_with_the_splits_as_if_nothing_had_happened() {
    for seed in 1..200 {
        let splits = 1 + (seed % 6) as u32;
        let script = script(seed, splits);
        let expected = reference(&script, splits);
        for (before, after) in [(1, 1), (1, 3), (2, 2), (3, 2), (4, 1), (2, 5)] {
            let cuts = [1 + (seed % 17) as usize, 20 + (seed % 13) as usize];
            let mut all = Workers::new(splits, before);
            let mut workers = [after, before].into_iter();
            let mut got = Vec::new();
            for (number, epoch) in script.iter().enumerate() {
                if cuts.contains(&number) {
                    all = all.restart(workers.next().unwrap());
                }
                got.push(all.epoch(epoch));
            }
            assert_eq!(got, expected, "seed {seed}, {splits} splits, {before} to {after} workers");
        }
    }
}

#[test]
fn nothing_is_kept_unless_somebody_wants_it() {
    let mut stage = Stage::reading(&Watermarks::monotone(), &[0]);
    stage.read(0, &[10]);
    stage.end_epoch();
    assert!(harness::take_stages(&mut stage.run).is_empty());
}

#[test]
fn what_was_kept_at_the_end_of_an_epoch_replaces_what_was_kept_before() {
    let mut stage = Stage::reading(&Watermarks::monotone(), &[0]);
    harness::want_stages(&mut stage.run);
    for time in [10, 20, 30] {
        stage.read(0, &[time]);
        stage.end_epoch();
    }
    let last = harness::take_stages(&mut stage.run);
    let mut stage = Stage::reading(&Watermarks::monotone(), &[0]);
    harness::restore_stages(&mut stage.run, last);
    assert_eq!(stage.end_epoch(), at(30));
}

#[test]
fn a_split_that_is_not_open_yet_is_kept_until_it_is() {
    let mut stage = Stage::reading(&Watermarks::monotone(), &[0, 1]);
    stage.read(0, &[10]);
    stage.read(1, &[20]);
    let mut last = kept(&mut stage);
    for _ in 0..2 {
        stage = Stage::reading(&Watermarks::monotone(), &[0]);
        stage.show(&[0], 1);
        harness::restore_stages(&mut stage.run, last);
        last = kept(&mut stage);
        assert_eq!(stage.out.watermark(), EventTime::MIN, "split 1 may have any time");
    }
    stage = Stage::reading(&Watermarks::monotone(), &[1]);
    harness::restore_stages(&mut stage.run, last);
    last = kept(&mut stage);
    assert_eq!(stage.out.watermark(), at(20), "split 0 has ended meanwhile");
    stage = Stage::reading(&Watermarks::monotone(), &[0]);
    harness::restore_stages(&mut stage.run, last);
    assert_eq!(stage.end_epoch(), EventTime::MIN, "nothing is kept of what nobody will read");
}

/// What the workers behind an exchange keep, whose records had these latest times.
fn exchanged(latest: &[i64]) -> StageState {
    let mut all = StageState::default();
    for (worker, time) in latest.iter().enumerate() {
        let place = Place { worker, workers: latest.len() };
        let mut stage = Stage::on(place, &Watermarks::monotone());
        stage.read(0, &[*time - 1, *time, *time - 1]);
        all.extend(kept(&mut stage));
    }
    all
}

#[test]
fn behind_an_exchange_each_of_as_many_workers_goes_on_where_it_was_and_others_at_the_least() {
    for (workers, expected) in [(3, [30, 10, 20].as_slice()), (2, &[10, 10]), (4, &[10; 4])] {
        for (worker, expected) in expected.iter().enumerate() {
            let mut stage = Stage::on(Place { worker, workers }, &Watermarks::monotone());
            harness::restore_stages(&mut stage.run, exchanged(&[30, 10, 20]));
            assert_eq!(stage.end_epoch(), at(*expected), "worker {worker} of {workers}");
        }
    }
}

#[test]
fn the_first_worker_goes_on_with_all_sketches() {
    let mut all = Disorder::default();
    all.add_many(0, 6);
    all.add_many(1, 3);
    for (worker, expected) in [(0, all), (1, Disorder::default())] {
        let mut stage = Stage::on(Place { worker, workers: 2 }, &Watermarks::monotone());
        harness::restore_stages(&mut stage.run, exchanged(&[30, 10, 20]));
        stage.end_epoch();
        assert_eq!(harness::disorder(&stage.run), expected, "worker {worker}");
    }
}

#[test]
fn of_a_step_behind_two_streams_of_a_source_what_holds_for_both_is_kept() {
    let mut all = StageState::default();
    for time in [30, 20] {
        let mut stage = Stage::reading(&Watermarks::monotone(), &[0]);
        stage.read(0, &[time]);
        all.extend(kept(&mut stage));
    }
    let mut stage = Stage::reading(&Watermarks::monotone(), &[0]);
    harness::restore_stages(&mut stage.run, all);
    assert_eq!(stage.end_epoch(), at(20));
}

/// Promises what it has seen twice.
struct Twice {
    seen: Vec<EventTime>,
    promised: EventTime,
}

impl WatermarkGenerator for Twice {
    fn observe(&mut self, time: EventTime) {
        if self.seen.contains(&time) {
            self.promised = time;
        }
        self.seen.push(time);
    }

    fn watermark(&self) -> EventTime {
        self.promised
    }
}

#[test]
fn a_generator_of_the_program_begins_anew_with_the_latest_time_and_keeps_the_promise() {
    let twice = || Twice { seen: Vec::new(), promised: EventTime::MIN };
    let mut stage = Stage::reading(&Watermarks::custom(twice), &[0]);
    stage.read(0, &[10, 10, 15]);
    let last = kept(&mut stage);
    assert_eq!(stage.out.watermark(), at(10));
    let mut stage = Stage::reading(&Watermarks::custom(twice), &[0]);
    harness::restore_stages(&mut stage.run, last.clone());
    assert_eq!(stage.end_epoch(), at(10), "what was promised stays so");
    stage.read(0, &[15]);
    assert_eq!(stage.end_epoch(), at(15), "15 has been seen");

    // One that would promise less than was promised.
    let mut stage = Stage::reading(&Watermarks::custom(|| Fickle(EventTime::MIN)), &[0]);
    harness::restore_stages(&mut stage.run, last);
    stage.read(0, &[4]);
    assert_eq!(stage.end_epoch(), at(10));
}

#[test]
fn silence_goes_on_where_it_was() {
    let patient = Watermarks::monotone().idle_after(Duration::from_secs(10));
    let mut stage = Stage::reading(&patient, &[0, 1]);
    stage.read(0, &[10]);
    stage.read(1, &[5]);
    stage.end_epoch();
    stage.set_time(7);
    stage.read(0, &[20]);
    let last = kept(&mut stage);
    // An hour without the job.
    let mut stage = Stage::reading(&patient, &[0, 1]);
    stage.set_time(3_600);
    harness::restore_stages(&mut stage.run, last);
    assert_eq!(stage.end_epoch(), at(5), "seven seconds of silence");
    stage.set_time(3_603);
    assert_eq!(stage.end_epoch(), at(20), "ten");
}
