//! When windows answer: small examples as a table, and random input against a naive reference.

use std::collections::BTreeMap;
use std::time::Duration;

use rheos_engine::harness::Harness;
use rheos_engine::{EventTime, Keyed, ProcessingTime, Stamped};

use super::clock::Domain;
use super::pane::PaneTiming;
use super::per_key::PerKeyWindows;
use super::tests::{EMIT, Numbers, Said, number};
use super::windows::Windows;
use crate::random::Random;

type Step = PerKeyWindows<u64, u64, Numbers, fn(EventTime, u64) -> u64, (u64, u64)>;

fn harness(windows: &Windows) -> Harness<Step> {
    let number: fn(EventTime, u64) -> u64 = number;
    Harness::new(PerKeyWindows::new(Numbers, number, windows.clone(), EMIT, Domain::EventTime))
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Gives a record of a key to an operator; its number tells it from the others.
fn take(harness: &mut Harness<Step>, (time, key, number): (i64, u64, u64)) -> Vec<Said> {
    let value = Keyed::new(key, number);
    let said = harness.batch(vec![Stamped { time: EventTime::from_millis(time), value }]);
    said.unwrap().into_iter().map(Said::from).collect()
}

fn end_epoch(harness: &mut Harness<Step>, watermark: i64, now: u64) -> Vec<Said> {
    harness.set_time(ProcessingTime(now));
    harness.set_watermark(EventTime::from_millis(watermark));
    harness.end_epoch().unwrap().into_iter().map(Said::from).collect()
}

/// An epoch of an example: the times of its records, the watermark and the processing time at its
/// end; what is said at once and then.
type Epoch = (&'static [i64], i64, u64, &'static [&'static str]);

/// Runs an example for one key whose records are named by their times.
fn example(windows: &Windows, epochs: &[Epoch]) {
    let mut harness = harness(windows);
    for (times, watermark, now, expected) in epochs {
        harness.set_time(ProcessingTime(*now));
        let each = times.iter().map(|time| take(&mut harness, (*time, 0, *time as u64)));
        let mut said: Vec<Said> = each.flatten().collect();
        said.extend(end_epoch(&mut harness, *watermark, *now));
        let text = |said: &Said| match said {
            Said::Late(time) => format!("too late {time}"),
            Said::Pane(_, _, _, timing, times) => format!("{timing:?} {times:?}"),
        };
        let said: Vec<String> = said.iter().map(text).collect();
        assert_eq!(said, *expected, "{windows:?}, epoch that ends at {now}");
    }
}

#[test]
fn windows_answer_early_after_so_many_records() {
    let windows = Windows::tumbling(ms(10)).early_each(2);
    example(
        &windows,
        &[
            (&[1, 2, 3], 0, 0, &["Early [1, 2]"]),
            (&[4, 11], 10, 1, &["Early [1, 2, 3, 4]", "OnTime [1, 2, 3, 4]"]),
            (&[5, 12], 19, 2, &["too late 5", "Early [11, 12]"]),
            (&[], 20, 3, &["OnTime [11, 12]"]),
        ],
    );
    example(
        &windows.clone().discarding(),
        &[
            (&[1, 2, 3], 0, 0, &["Early [1, 2]"]),
            (&[4, 11], 10, 1, &["Early [3, 4]"]),
            (&[], 20, 2, &["OnTime [11]"]),
        ],
    );
    example(
        &windows.discarding().accumulating(),
        &[(&[1, 2, 3], 0, 0, &["Early [1, 2]"]), (&[], 10, 1, &["OnTime [1, 2, 3]"])],
    );
}

#[test]
fn windows_answer_early_every_so_often() {
    let windows = Windows::tumbling(ms(10)).early_every(ms(5));
    let first: [Epoch; 6] = [
        (&[1], 0, 100, &[]),
        (&[2], 0, 104, &[]),
        (&[], 0, 105, &["Early [1, 2]"]),
        (&[], 0, 200, &[]),
        (&[3], 0, 300, &[]),
        (&[4], 0, 306, &["Early [1, 2, 3, 4]"]),
    ];
    let accumulating: [Epoch; 2] = [(&[], 10, 307, &["OnTime [1, 2, 3, 4]"]), (&[], 11, 400, &[])];
    example(&windows, &[&first[..], &accumulating].concat());
    let last: [Epoch; 2] = [(&[4], 0, 306, &["Early [3, 4]"]), (&[], 10, 307, &[])];
    example(&windows.clone().discarding(), &[&first[..5], &last].concat());
    // The window over all of time, too.
    example(
        &Windows::global().early_every(ms(5)),
        &[
            (&[1, 70], 50, 1, &[]),
            (&[], 60, 6, &["Early [1, 70]"]),
            (&[2], 70, 7, &[]),
            (&[], i64::MAX, 8, &["OnTime [1, 2, 70]"]),
        ],
    );
}

#[test]
fn an_operator_waits_for_the_next_early_answer_and_no_longer() {
    let mut harness = harness(&Windows::tumbling(ms(10)).early_every(ms(5)));
    assert_eq!(harness.deadline(), None);
    harness.set_time(ProcessingTime(100));
    take(&mut harness, (1, 0, 1));
    assert_eq!(end_epoch(&mut harness, 0, 101).len(), 0);
    assert_eq!(harness.deadline(), Some(ProcessingTime(105)));
    assert_eq!(end_epoch(&mut harness, 0, 105).len(), 1);
    assert_eq!(harness.deadline(), None, "nothing is new");
}

#[test]
fn sessions_that_become_one_answer_early_as_soon_as_either_would_have() {
    example(
        &Windows::session(ms(10)).early_every(ms(10)),
        &[
            (&[0], 0, 0, &[]),
            (&[], 0, 10, &["Early [0]"]),
            (&[16], 0, 12, &[]),
            (&[1], 0, 14, &[]),
            (&[8], 0, 15, &[]),
            (&[], 0, 21, &[]),
            (&[], 0, 22, &["Early [0, 1, 8, 16]"]),
            (&[], 26, 23, &[]),
            (&[], 27, 24, &["OnTime [0, 1, 8, 16]"]),
        ],
    );
}

#[test]
fn late_records_are_answered_together_or_each_by_itself() {
    let windows = Windows::tumbling(ms(10)).allowed_lateness(ms(10));
    example(
        &windows.clone().early_each(100),
        &[
            (&[1], 10, 0, &["OnTime [1]"]),
            (&[2, 3], 19, 0, &["Late [1, 2, 3]"]),
            (&[4], 20, 0, &["Late [1, 2, 3, 4]"]),
            (&[5], 20, 0, &["too late 5"]),
        ],
    );
    example(
        &windows.clone().late_each_record(),
        &[
            (&[1], 10, 0, &["OnTime [1]"]),
            (&[2, 3], 19, 0, &["Late [1, 2]", "Late [1, 2, 3]"]),
            (&[5], 30, 0, &["Late [1, 2, 3, 5]"]),
        ],
    );
    example(
        &windows.clone().late_each_record().discarding(),
        &[(&[1], 10, 0, &["OnTime [1]"]), (&[2, 3], 19, 0, &["Late [2]", "Late [3]"])],
    );
    example(
        &windows.clone().early_each(2).discarding(),
        &[
            (&[1, 2], 10, 0, &["Early [1, 2]"]),
            (&[3, 4], 19, 0, &["Late [3, 4]"]),
            (&[5], 20, 0, &["Late [5]"]),
        ],
    );
    // A late record may begin a window, which then has nothing to say on time.
    example(
        &windows.late_each_record(),
        &[(&[], 15, 0, &[]), (&[3], 15, 0, &["Late [3]"]), (&[], 40, 0, &[])],
    );
}

#[test]
fn a_trigger_is_asked_after_each_record_and_at_the_end_of_an_epoch() {
    example(
        &Windows::global().trigger(|seen| seen.records == 2),
        &[
            (&[1, 2], 0, 0, &["Early [1, 2]"]),
            (&[3], 0, 0, &[]),
            (&[], i64::MAX, 0, &["OnTime [1, 2, 3]"]),
        ],
    );
    // After records only those of an epoch that ends when enough time has passed.
    let waited = |seen: &crate::TriggerContext| seen.now.0 - seen.since.0 >= 5;
    let mut harness = harness(&Windows::global().trigger(waited));
    harness.set_time(ProcessingTime(100));
    assert_eq!(take(&mut harness, (1, 0, 1)), []);
    assert_eq!(end_epoch(&mut harness, 0, 105).len(), 1, "asked at the end of the epoch");
    assert_eq!(end_epoch(&mut harness, 0, 200).len(), 0, "not asked when nothing is new");
    // It sees the watermark as it was when the epoch began.
    example(
        &Windows::tumbling(ms(10)).trigger(|seen| seen.watermark >= EventTime::from_millis(3)),
        &[(&[1], 3, 0, &[]), (&[2], 4, 0, &["Early [1, 2]"]), (&[], 10, 0, &["OnTime [1, 2]"])],
    );
}

/// A window, written down.
#[derive(Default)]
struct Written {
    all: Vec<u64>,
    /// Not answered yet, and when the first of them came.
    fresh: Vec<u64>,
    since: u64,
}

/// How the windows of a random test answer; mirrors [`Windows`].
#[derive(Clone, Debug)]
struct Rules {
    /// The size of tumbling windows; none for the global window.
    size: Option<i64>,
    lateness: i64,
    early_records: Option<usize>,
    early_interval: Option<u64>,
    late_each: bool,
    discards: bool,
    /// A trigger that answers whenever the number of records is a multiple.
    multiple: Option<u64>,
}

impl Rules {
    fn random(random: &mut Random) -> Self {
        let mut maybe = |from: u64, below: u64| {
            let (is_set, value) = (random.below(2) == 0, from + random.below(below));
            is_set.then_some(value)
        };
        Self {
            size: maybe(1, 20).map(|size| size as i64),
            lateness: maybe(1, 40).unwrap_or(0) as i64,
            early_records: maybe(1, 5).map(|records| records as usize),
            early_interval: maybe(0, 30),
            late_each: maybe(0, 1).is_some(),
            discards: maybe(0, 1).is_some(),
            multiple: maybe(1, 4),
        }
    }

    fn windows(&self) -> Windows {
        let mut windows = match self.size {
            Some(size) => Windows::tumbling(ms(size as u64)),
            None => Windows::global(),
        };
        windows = windows.allowed_lateness(ms(self.lateness as u64));
        if let Some(records) = self.early_records {
            windows = windows.early_each(records as u64);
        }
        if let Some(interval) = self.early_interval {
            windows = windows.early_every(ms(interval));
        }
        if let Some(multiple) = self.multiple {
            windows = windows.trigger(move |seen| seen.records.is_multiple_of(multiple));
        }
        if self.late_each {
            windows = windows.late_each_record();
        }
        if self.discards {
            windows = windows.discarding();
        }
        windows
    }

    /// The window of a moment, as start and end.
    fn window(&self, time: i64) -> (i64, i64) {
        match self.size {
            Some(size) => (time.div_euclid(size) * size, time.div_euclid(size) * size + size),
            None => (i64::MIN, i64::MAX),
        }
    }

    fn pane(
        &self,
        key: u64,
        (start, end): (i64, i64),
        timing: PaneTiming,
        w: &mut Written,
    ) -> Said {
        let mut numbers = if self.discards { w.fresh.clone() } else { w.all.clone() };
        numbers.sort_unstable();
        w.fresh.clear();
        Said::Pane(key, start, end, timing, numbers)
    }

    fn asks(&self, written: &Written) -> bool {
        self.multiple.is_some_and(|multiple| (written.all.len() as u64).is_multiple_of(multiple))
    }
}

/// The windows of all keys, written down.
struct Reference {
    rules: Rules,
    windows: BTreeMap<(i64, i64, u64), Written>,
    watermark: i64,
}

impl Reference {
    fn take(&mut self, (time, key, number): (i64, u64, u64), now: u64) -> Vec<Said> {
        let (start, end) = self.rules.window(time);
        if end.saturating_add(self.rules.lateness) <= self.watermark {
            return vec![Said::Late(number)];
        }
        let written = self.windows.entry((start, end, key)).or_default();
        if written.fresh.is_empty() {
            written.since = now;
        }
        written.all.push(number);
        written.fresh.push(number);
        let is_past = end <= self.watermark;
        let has_enough = self.rules.early_records.is_some_and(|n| written.fresh.len() >= n);
        let timing = match is_past {
            true if self.rules.late_each => PaneTiming::Late,
            false if has_enough || self.rules.asks(written) => PaneTiming::Early,
            _ => return Vec::new(),
        };
        vec![self.rules.pane(key, (start, end), timing, written)]
    }

    fn end_epoch(&mut self, watermark: i64, now: u64) -> Vec<Said> {
        let mut said = Vec::new();
        for (&(start, end, key), written) in &mut self.windows {
            let is_past = end <= self.watermark;
            let mut say = |timing, written: &mut Written| {
                said.push(self.rules.pane(key, (start, end), timing, written));
            };
            if is_past {
                if !written.fresh.is_empty() {
                    say(PaneTiming::Late, written);
                }
                continue;
            }
            if !written.fresh.is_empty() && self.rules.asks(written) {
                say(PaneTiming::Early, written);
            }
            let is_due = self.rules.early_interval.is_some_and(|wait| written.since + wait <= now);
            if !written.fresh.is_empty() && is_due {
                say(PaneTiming::Early, written);
            }
            if end <= watermark && (!written.fresh.is_empty() || !self.rules.discards) {
                say(PaneTiming::OnTime, written);
            }
        }
        let lateness = self.rules.lateness;
        self.windows.retain(|(_, end, _), _| end.saturating_add(lateness) > watermark);
        self.watermark = watermark;
        said
    }
}

#[test]
fn windows_answer_when_the_reference_does() {
    for seed in 0..400 {
        let random = &mut Random::new(seed);
        let rules = Rules::random(random);
        let context = format!("seed {seed}, {rules:?}");
        let mut harness = harness(&rules.windows());
        let watermark = i64::MIN;
        let mut reference = Reference { rules, windows: BTreeMap::new(), watermark };
        let (mut base, mut promised, mut now, mut numbers) = (-20, -60, 1_000, 0..);
        for _ in 0..20 {
            for _ in 0..random.below(8) {
                now += random.below(6);
                base += random.below(6) as i64;
                let time = base - random.below(40) as i64;
                let record = (time, random.below(3), numbers.next().unwrap());
                harness.set_time(ProcessingTime(now));
                let expected = reference.take(record, now);
                assert_eq!(take(&mut harness, record), expected, "{context}, {record:?}");
            }
            now += random.below(20);
            promised = promised.max(base - random.below(50) as i64);
            let mut said = end_epoch(&mut harness, promised, now);
            let mut expected = reference.end_epoch(promised, now);
            said.sort();
            expected.sort();
            assert_eq!(said, expected, "{context}, epoch that ends at {now}");
            assert_eq!(harness.holdings().windows, reference.windows.len(), "{context}");
        }
        let mut said = end_epoch(&mut harness, i64::MAX, now);
        let mut expected = reference.end_epoch(i64::MAX, now);
        said.sort();
        expected.sort();
        assert_eq!(said, expected, "{context}, at the end");
        let held = harness.holdings();
        assert_eq!((held.keys, held.windows, held.records), (0, 0, 0), "{context}");
    }
}
