//! What watermarks become of the splits of a source.
//!
//! The stage is driven by hand: batches of splits, ends of epochs, the passing of time.

use std::collections::BTreeMap;
use std::time::Duration;

use rheos_engine::harness::{self, Collected};
use rheos_engine::{
    Consumer, Disorder, EventTime, Flush, ProcessingTime, Run, SplitId, SplitsView, StageState,
    Stamped,
};

use super::assign::Assign;
use super::lanes::Place;
use super::{WatermarkGenerator, Watermarks};

type Millis = fn(&i64) -> EventTime;

pub(super) fn at(millis: i64) -> EventTime {
    EventTime::from_millis(millis)
}

/// The stage on one worker. Records are their own times.
pub(super) struct Stage {
    assign: Assign<i64, Millis>,
    pub(super) run: Run,
    pub(super) out: Collected<Stamped<i64>>,
    future: Collected<i64>,
    view: Option<SplitsView>,
}

impl Stage {
    /// A worker that reads these splits.
    pub(super) fn reading(watermarks: &Watermarks, open: &[u32]) -> Self {
        let mut stage = Self::behind_an_exchange(watermarks);
        stage.show(open, 0);
        stage
    }

    pub(super) fn behind_an_exchange(watermarks: &Watermarks) -> Self {
        Self::on(Place { worker: 0, workers: 1 }, watermarks)
    }

    /// A worker of several, behind an exchange.
    pub(super) fn on(place: Place, watermarks: &Watermarks) -> Self {
        let ((next, out), (aside, future)) = (Collected::consumer(), Collected::consumer());
        let time: Millis = |millis| at(*millis);
        let assign = Assign::new(time, watermarks, place, next, Some(aside));
        Self { assign, run: harness::run(), out, future, view: None }
    }

    /// Which splits are open from now on, and how many are not yet.
    pub(super) fn show(&mut self, open: &[u32], unopened: usize) {
        self.set_view(SplitsView::new(open.iter().copied().map(SplitId).collect(), unopened));
    }

    fn set_view(&mut self, view: SplitsView) {
        harness::show_splits(&mut self.run, view.clone());
        self.view = Some(view);
    }

    pub(super) fn read(&mut self, split: u32, times: &[i64]) {
        self.run.split = SplitId(split);
        self.assign.batch(&mut times.to_vec(), &mut self.run);
    }

    /// Sets the processing time, in seconds.
    pub(super) fn set_time(&mut self, seconds: u64) {
        self.run.now = ProcessingTime(1_000 * seconds);
    }

    fn hold(&mut self, is_held: bool) {
        let mut view = self.view.clone().unwrap();
        view.set_held(is_held, self.run.now);
        self.set_view(view);
    }

    /// Ends the epoch; gives the last watermark that was passed on.
    pub(super) fn end_epoch(&mut self) -> EventTime {
        self.assign.flush(Flush::EpochEnd, &mut self.run);
        self.run.epoch = self.run.epoch.next();
        self.out.watermark()
    }

    pub(super) fn end(&mut self) {
        self.show(&[], 0);
        self.end_epoch();
        self.assign.end(&mut self.run);
    }
}

#[test]
fn the_watermark_is_the_least_over_the_splits() {
    let mut stage = Stage::reading(&Watermarks::monotone(), &[0, 1]);
    stage.read(0, &[10, 30, 20]);
    assert_eq!(stage.end_epoch(), EventTime::MIN, "split 1 has said nothing");
    stage.read(1, &[5]);
    assert_eq!(stage.end_epoch(), at(5));
    stage.read(1, &[100]);
    assert_eq!(stage.end_epoch(), at(30));
    let times: Vec<EventTime> = stage.out.take().iter().map(|stamped| stamped.time).collect();
    assert_eq!(times, [10, 30, 20, 5, 100].map(at));
    let assigned = harness::assigned(&stage.run).unwrap();
    assert_eq!((assigned.watermark, assigned.splits.len()), (at(30), 2));
}

#[test]
fn it_moves_at_the_end_of_an_epoch_only() {
    let mut stage = Stage::reading(&Watermarks::monotone(), &[0]);
    stage.read(0, &[10]);
    stage.assign.flush(Flush::Idle, &mut stage.run);
    assert_eq!(stage.out.watermark(), EventTime::MIN);
    assert_eq!(stage.end_epoch(), at(10));
}

#[test]
fn splits_that_are_not_open_hold_it_and_splits_that_have_ended_do_not() {
    let mut stage = Stage::reading(&Watermarks::monotone(), &[0]);
    stage.show(&[0], 1);
    stage.read(0, &[10]);
    assert_eq!(stage.end_epoch(), EventTime::MIN, "split 1 may have any time");
    stage.show(&[1], 0);
    stage.read(1, &[7]);
    assert_eq!(stage.end_epoch(), at(7), "split 0 has ended");
    stage.end();
    assert_eq!(stage.out.watermark(), EventTime::MAX);
    assert!(stage.out.has_ended() && stage.future.has_ended());
    assert_eq!(harness::assigned(&stage.run).unwrap().watermark, EventTime::MAX);
}

#[test]
fn the_end_of_a_split_asks_for_the_end_of_the_epoch() {
    let mut stage = Stage::reading(&Watermarks::monotone(), &[0, 1]);
    stage.set_time(3);
    stage.read(0, &[10]);
    stage.end_epoch();
    assert_eq!(harness::asked_deadline(&mut stage.run), None);
    stage.show(&[0], 0);
    stage.assign.flush(Flush::Idle, &mut stage.run);
    assert_eq!(harness::asked_deadline(&mut stage.run), Some(ProcessingTime(3_000)));
    assert_eq!(stage.end_epoch(), at(10));
    assert_eq!(harness::asked_deadline(&mut stage.run), None, "once is enough");
}

/// Waits ten seconds for a silent split.
pub(super) fn patient() -> Watermarks {
    Watermarks::monotone().idle_after(Duration::from_secs(10))
}

#[test]
fn idle_splits_are_skipped_until_they_come_back() {
    let mut stage = Stage::reading(&patient(), &[0, 1]);
    stage.read(0, &[10]);
    stage.read(1, &[5]);
    assert_eq!(stage.end_epoch(), at(5));
    assert_eq!(harness::asked_deadline(&mut stage.run), Some(ProcessingTime(10_000)));
    stage.set_time(9);
    stage.read(0, &[20]);
    assert_eq!(stage.end_epoch(), at(5), "not yet");
    stage.set_time(10);
    assert_eq!(stage.end_epoch(), at(20));
    stage.read(1, &[30]);
    stage.read(0, &[25]);
    assert_eq!(stage.end_epoch(), at(25));
    assert!(!stage.out.is_idle());
}

#[test]
fn when_all_are_idle_it_stays_and_nobody_waits_for_the_worker() {
    let mut stage = Stage::reading(&patient(), &[0, 1]);
    stage.read(0, &[10]);
    stage.read(1, &[5]);
    stage.end_epoch();
    stage.set_time(10);
    assert_eq!((stage.end_epoch(), stage.out.is_idle()), (at(5), true));
    assert!(harness::assigned(&stage.run).unwrap().is_idle);
    stage.read(1, &[6]);
    assert_eq!((stage.end_epoch(), stage.out.is_idle()), (at(6), false));
}

#[test]
fn without_patience_a_silent_split_holds_it_for_ever() {
    let mut stage = Stage::reading(&Watermarks::monotone(), &[0, 1]);
    stage.read(0, &[10]);
    stage.set_time(1_000_000);
    assert_eq!(stage.end_epoch(), EventTime::MIN);
    assert_eq!(harness::asked_deadline(&mut stage.run), None);
}

#[test]
fn time_in_which_flow_control_held_the_source_is_not_silence() {
    let mut stage = Stage::reading(&patient(), &[0, 1]);
    stage.read(0, &[10]);
    stage.read(1, &[5]);
    stage.end_epoch();
    stage.hold(true);
    stage.set_time(60);
    stage.hold(false);
    stage.read(0, &[20]);
    assert_eq!(stage.end_epoch(), at(5), "nobody could read split 1");
    stage.set_time(71);
    stage.read(0, &[30]);
    assert_eq!(stage.end_epoch(), at(30), "now somebody could");
}

#[test]
fn a_source_that_is_held_waits_for_nobody_to_become_idle() {
    let mut stage = Stage::reading(&patient(), &[0]);
    stage.read(0, &[10]);
    stage.end_epoch();
    let asked = harness::asked_deadline(&mut stage.run);
    assert!(asked.is_some(), "an epoch ends when the split becomes idle");
    stage.hold(true);
    stage.set_time(9);
    stage.end_epoch();
    // No time passes for it: epoch after epoch would end for nothing.
    assert_eq!(harness::asked_deadline(&mut stage.run), None);
    stage.hold(false);
    stage.end_epoch();
    assert!(harness::asked_deadline(&mut stage.run) > asked, "the time did not count");
}

#[test]
fn a_split_that_waits_for_others_does_not_become_idle() {
    let mut stage = Stage::reading(&patient().align_within(Duration::from_secs(1)), &[0, 1]);
    stage.read(0, &[90_000]);
    stage.read(1, &[5]);
    stage.end_epoch();
    let mut view = stage.view.clone().unwrap();
    view.set_ahead([SplitId(0)].into_iter());
    stage.set_view(view.clone());
    harness::asked_deadline(&mut stage.run);
    stage.set_time(9);
    stage.end_epoch();
    assert_eq!(harness::asked_deadline(&mut stage.run), Some(ProcessingTime(10_000)), "of split 1");
    stage.set_time(60);
    assert_eq!(stage.end_epoch(), at(90_000), "split 1 has been silent");
    assert!(!stage.out.is_idle());
    view.set_ahead([].into_iter());
    stage.set_view(view);
    stage.set_time(69);
    stage.end_epoch();
    assert!(!stage.out.is_idle(), "its silence begins when it may be read");
    stage.set_time(70);
    stage.end_epoch();
    assert!(stage.out.is_idle());
}

#[test]
fn records_from_the_future_are_set_aside_and_do_not_move_it() {
    let watermarks = Watermarks::monotone().max_future(Duration::from_secs(5));
    let mut stage = Stage::reading(&watermarks, &[0]);
    stage.set_time(100);
    stage.read(0, &[99_000, 105_001, 105_000, 1_000_000]);
    assert_eq!(stage.end_epoch(), at(105_000));
    assert_eq!(stage.future.take(), [105_001, 1_000_000]);
    assert_eq!(harness::future_records(&stage.run), 2);
    assert_eq!(stage.out.take().len(), 2);
}

#[test]
fn a_bound_is_taken_off_the_latest_time() {
    let watermarks = Watermarks::bounded(Duration::from_millis(5));
    let mut stage = Stage::reading(&watermarks, &[0]);
    stage.read(0, &[10, 20, 12]);
    assert_eq!(stage.end_epoch(), at(15));
}

/// Promises the last time, whatever was promised before.
pub(super) struct Fickle(pub(super) EventTime);

impl WatermarkGenerator for Fickle {
    fn observe(&mut self, time: EventTime) {
        self.0 = time;
    }

    fn watermark(&self) -> EventTime {
        self.0
    }
}

#[test]
fn a_generator_of_the_program_cannot_take_a_promise_back() {
    let mut stage = Stage::reading(&Watermarks::custom(|| Fickle(EventTime::MIN)), &[0]);
    for (time, expected) in [(10, 10), (4, 10), (11, 11)] {
        stage.read(0, &[time]);
        assert_eq!(stage.end_epoch(), at(expected));
    }
}

#[test]
fn what_was_promised_of_an_earlier_event_time_is_forgotten() {
    let mut stage = Stage::reading(&Watermarks::monotone(), &[0]);
    stage.assign.watermark(at(1_000), &mut stage.run);
    assert_eq!(stage.out.watermark(), EventTime::MIN);
    stage.read(0, &[3]);
    assert_eq!(stage.end_epoch(), at(3));
}

#[test]
fn behind_an_exchange_all_records_of_a_worker_are_one_split() {
    let mut stage = Stage::behind_an_exchange(&Watermarks::monotone());
    assert_eq!(stage.end_epoch(), EventTime::MIN);
    stage.read(0, &[10]);
    stage.read(1, &[5]);
    assert_eq!(stage.end_epoch(), at(10));
    let assigned = harness::assigned(&stage.run).unwrap();
    assert_eq!((assigned.splits.len(), assigned.splits[0].split), (1, None));
}

#[test]
fn the_sketch_says_how_far_out_of_order_records_came() {
    let mut stage = Stage::reading(&Watermarks::monotone(), &[0, 1]);
    stage.read(0, &[100, 97, 100]);
    stage.read(1, &[5]);
    stage.end_epoch();
    let mut expected = Disorder::default();
    expected.add_many(0, 3);
    expected.add(3);
    assert_eq!(harness::disorder(&stage.run), expected);
}

/// The same random numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What the splits do in one epoch: how much time passes, and what each reads, or that it ends.
pub(super) struct Epoch {
    pub(super) seconds: u64,
    pub(super) read: BTreeMap<u32, Vec<i64>>,
    pub(super) ended: Vec<u32>,
}

pub(super) fn script(seed: u64, splits: u32) -> Vec<Epoch> {
    let mut random = Random(seed * 2_654_435_761 + 1);
    let mut open: Vec<u32> = (0..splits).collect();
    let mut epochs = Vec::new();
    for number in 0..40 {
        let mut epoch = Epoch { seconds: random.below(6), read: BTreeMap::new(), ended: vec![] };
        for split in open.clone() {
            if random.below(3) == 0 {
                let time = |random: &mut Random| (number * 10 + random.below(60)) as i64;
                let times = (0..1 + random.below(4)).map(|_| time(&mut random)).collect();
                epoch.read.insert(split, times);
            }
            if random.below(60) == 0 {
                epoch.ended.push(split);
                open.retain(|other| *other != split);
            }
        }
        epochs.push(epoch);
    }
    epochs
}

/// The workers that read the splits of a source, and how far all together have come.
pub(super) struct Workers {
    stages: Vec<Stage>,
    open: Vec<u32>,
    now: u64,
    reached: EventTime,
}

impl Workers {
    pub(super) fn new(splits: u32, workers: u32) -> Self {
        let open: Vec<u32> = (0..splits).collect();
        let stage = |worker| Stage::reading(&patient(), &own(&open, worker, workers));
        let stages = (0..workers).map(stage).collect();
        Self { stages, open, now: 0, reached: EventTime::MIN }
    }

    /// Goes on with so many other workers from what these have kept, at the same moment.
    pub(super) fn restart(self, workers: u32) -> Self {
        let mut kept = StageState::default();
        let Self { stages, open, now, reached } = self;
        for mut stage in stages {
            // Back from the disk.
            let bytes = postcard::to_stdvec(&harness::take_stages(&mut stage.run)).unwrap();
            kept.extend(postcard::from_bytes(&bytes).unwrap());
        }
        let stages = (0..workers).map(|worker| {
            let splits = own(&open, worker, workers);
            let mut stage =
                Stage::on(Place { worker: worker as usize, workers: workers as usize }, &patient());
            stage.show(&splits, 0);
            stage.set_time(now);
            harness::restore_stages(&mut stage.run, kept.of_splits(|s| splits.contains(&s.0)));
            stage.assign.flush(Flush::Idle, &mut stage.run);
            stage
        });
        Self { stages: stages.collect(), open, now, reached }
    }

    /// The watermark that a step behind all workers has after an epoch.
    pub(super) fn epoch(&mut self, epoch: &Epoch) -> EventTime {
        self.now += epoch.seconds;
        self.open.retain(|split| !epoch.ended.contains(split));
        let workers = self.stages.len() as u32;
        for (worker, stage) in (0..workers).zip(&mut self.stages) {
            stage.set_time(self.now);
            harness::want_stages(&mut stage.run);
            for (split, times) in epoch.read.iter().filter(|(split, _)| *split % workers == worker)
            {
                stage.read(*split, times);
            }
            let own = own(&self.open, worker, workers);
            if own.is_empty() && !stage.out.has_ended() {
                stage.end();
            } else if !own.is_empty() {
                stage.show(&own, 0);
                stage.end_epoch();
            }
        }
        let more = || self.stages.iter().filter(|stage| stage.out.watermark() < EventTime::MAX);
        let awaited = more().filter(|stage| !stage.out.is_idle());
        let together = match awaited.map(|stage| stage.out.watermark()).min() {
            Some(least) => least,
            None if more().next().is_none() => EventTime::MAX,
            None => self.reached,
        };
        self.reached = self.reached.max(together);
        self.reached
    }
}

/// The splits that a worker reads.
fn own(open: &[u32], worker: u32, workers: u32) -> Vec<u32> {
    open.iter().copied().filter(|split| split % workers == worker).collect()
}

/// The same, from the rule alone.
pub(super) fn reference(script: &[Epoch], splits: u32) -> Vec<EventTime> {
    // A split is first seen at the end of the first epoch.
    let opened = (EventTime::MIN, script[0].seconds);
    let mut open: BTreeMap<u32, (EventTime, u64)> =
        (0..splits).map(|split| (split, opened)).collect();
    let (mut now, mut reached) = (0, EventTime::MIN);
    let mut all = Vec::new();
    for epoch in script {
        now += epoch.seconds;
        for (split, times) in &epoch.read {
            let (latest, active) = open.get_mut(split).unwrap();
            *latest = times.iter().map(|millis| at(*millis)).max().unwrap().max(*latest);
            *active = now;
        }
        open.retain(|split, _| !epoch.ended.contains(split));
        let awaited = open.values().filter(|(_, active)| now - active < 10);
        let least = awaited.map(|(latest, _)| *latest).min();
        let least = if open.is_empty() { Some(EventTime::MAX) } else { least };
        reached = reached.max(least.unwrap_or(reached));
        all.push(reached);
    }
    all
}

#[test]
fn the_watermark_does_not_depend_on_who_reads_which_split() {
    for seed in 1..300 {
        let splits = 1 + (seed % 6) as u32;
        let script = script(seed, splits);
        let expected = reference(&script, splits);
        for workers in 1..=4 {
            let mut all = Workers::new(splits, workers);
            let got: Vec<EventTime> = script.iter().map(|epoch| all.epoch(epoch)).collect();
            assert_eq!(got, expected, "seed {seed}, {splits} splits, {workers} workers");
        }
    }
}
