//! Windows against a naive reference: random records, epochs, watermarks and workers.

use std::collections::BTreeMap;
use std::time::Duration;

use rheos_engine::{EventTime, Keyed, Limits, Next, Operator, Stamped};

use super::clock::Domain;
use super::combine::SliceCombiner;
use super::pane::{Pane, PaneTiming};
use super::per_key::PerKeyWindows;
use super::sliced::SlicedWindows;
use super::windows::{Placement, Windows};
use crate::Aggregate;
use crate::aggregate::Count;
use crate::random::Random;
use crate::with_late::{Emitted, LateRecords, Lateness};
use crate::workers::Workers;

/// A record of the tests: its number tells it from all others.
type Record = (EventTime, u64, u64);

pub(super) type Late = LateRecords<(u64, u64), (u64, u64)>;

/// Late records come out.
pub(super) const EMIT: Late = LateRecords { lateness: Lateness::Emit, make: |late| late };

/// They do not.
const DROP: Late = LateRecords { lateness: Lateness::Drop, make: |late| late };

/// Keeps the numbers of records. It has no inverse.
#[derive(Clone)]
pub(super) struct Numbers;

impl Aggregate for Numbers {
    type In = u64;
    type Acc = Vec<u64>;
    type Out = Vec<u64>;

    fn create(&self) -> Vec<u64> {
        Vec::new()
    }

    fn add(&self, numbers: &mut Vec<u64>, number: u64) {
        numbers.push(number);
    }

    fn merge(&self, numbers: &mut Vec<u64>, mut other: Vec<u64>) {
        numbers.append(&mut other);
    }

    fn finish(&self, numbers: &Vec<u64>) -> Vec<u64> {
        let mut numbers = numbers.clone();
        numbers.sort_unstable();
        numbers
    }
}

/// Takes numbers out again: an inverse.
#[derive(Clone)]
pub(super) struct WithInverse;

impl Aggregate for WithInverse {
    type In = u64;
    type Acc = Vec<u64>;
    type Out = Vec<u64>;

    fn create(&self) -> Vec<u64> {
        Vec::new()
    }

    fn add(&self, numbers: &mut Vec<u64>, number: u64) {
        numbers.push(number);
    }

    fn merge(&self, numbers: &mut Vec<u64>, mut other: Vec<u64>) {
        numbers.append(&mut other);
    }

    fn finish(&self, numbers: &Vec<u64>) -> Vec<u64> {
        Numbers.finish(numbers)
    }

    fn unmerge(&self, numbers: &mut Vec<u64>, other: &Vec<u64>) -> bool {
        let before = numbers.len();
        numbers.retain(|number| !other.contains(number));
        assert_eq!(before - numbers.len(), other.len(), "what is taken out had been there");
        true
    }
}

/// What comes out of windows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Said {
    Pane(u64, i64, i64, PaneTiming, Vec<u64>),
    Late(u64),
}

impl From<Stamped<Emitted<Pane<u64, Vec<u64>>, (u64, u64)>>> for Said {
    fn from(said: Stamped<Emitted<Pane<u64, Vec<u64>>, (u64, u64)>>) -> Self {
        match said.value {
            Emitted::Late((_, number)) => Self::Late(number),
            Emitted::Result(Pane { key, window, timing, value }) => {
                Self::Pane(key, window.start.as_millis(), window.end.as_millis(), timing, value)
            }
        }
    }
}

/// The input of a test: epochs of records on workers, and what each worker promises after each.
struct Input {
    epochs: Vec<(Vec<Vec<Record>>, Vec<EventTime>)>,
}

impl Input {
    /// Records with disorder, ties and gaps; promises that are sometimes broken, so that some
    /// records are late; at the end a promise of everything.
    fn random(random: &mut Random, workers: usize) -> Self {
        let (mut base, mut number) = (random.below(100) as i64 - 50, 0);
        let (disorder, keys) = (random.below(40) as i64, 1 + random.below(5));
        let mut promised = vec![i64::MIN; workers];
        let mut epochs = Vec::new();
        for _ in 0..random.below(12) {
            let mut dealt = vec![Vec::new(); workers];
            for _ in 0..random.below(3) * random.below(20) {
                base += random.below(4) as i64;
                if random.below(40) == 0 {
                    base += random.below(120) as i64;
                }
                let time = base - random.below(disorder as u64 + 1) as i64;
                number += 1;
                let worker = random.below(workers as u64) as usize;
                let record = (EventTime::from_millis(time), random.below(keys), number);
                dealt[worker].push(record);
            }
            for promise in &mut promised {
                *promise = (*promise).max(base - random.below(disorder as u64 + 1) as i64);
            }
            let promises = promised.iter().map(|time| EventTime::from_millis(*time)).collect();
            epochs.push((dealt, promises));
        }
        epochs.push((vec![Vec::new(); workers], vec![EventTime::MAX; workers]));
        Self { epochs }
    }
}

/// Windows at fixed places, written down: every record with the windows that took it.
fn reference(windows: &Windows, input: &Input) -> Vec<Vec<Said>> {
    let Placement::Aligned(aligned) = &windows.placement else { panic!("not at fixed places") };
    let mut kept: BTreeMap<(i64, u64), Vec<u64>> = BTreeMap::new();
    let mut watermark = i64::MIN;
    let mut said = Vec::new();
    for (dealt, promises) in &input.epochs {
        let mut now = Vec::new();
        let mut amended = Vec::new();
        for (time, key, number) in dealt.iter().flatten() {
            let all: Vec<_> = aligned.windows_of(time.as_millis()).collect();
            let is_open = |end: i64| end.saturating_add(windows.lateness) > watermark;
            if !all.is_empty() && all.iter().all(|(_, end)| !is_open(*end)) {
                now.push(Said::Late(*number));
            }
            for (_, end) in all.into_iter().filter(|(_, end)| is_open(*end)) {
                kept.entry((end, *key)).or_default().push(*number);
                if end <= watermark {
                    amended.push((end, *key));
                }
            }
        }
        let next = promises.iter().min().unwrap().as_millis();
        amended.sort_unstable();
        amended.dedup();
        for ((end, key), numbers) in &kept {
            let timing = if amended.contains(&(*end, *key)) {
                PaneTiming::Late
            } else if *end > watermark && *end <= next {
                PaneTiming::OnTime
            } else {
                continue;
            };
            let mut numbers = numbers.clone();
            numbers.sort_unstable();
            now.push(Said::Pane(*key, aligned.start_of(*end), *end, timing, numbers));
        }
        watermark = next;
        now.sort();
        said.push(now);
    }
    said
}

fn windows() -> Vec<Windows> {
    let ms = Duration::from_millis;
    let late = |windows: &Windows, lateness| windows.clone().allowed_lateness(ms(lateness));
    let plain = [
        Windows::tumbling(ms(10)),
        Windows::tumbling(ms(7)).offset(ms(3)),
        Windows::sliding(ms(20), ms(5)),
        Windows::sliding(ms(30), ms(1)),
        Windows::sliding(ms(14), ms(4)).offset(ms(1)),
        Windows::sliding(ms(6), ms(10)),
    ];
    let allowed = plain.iter().flat_map(|w| [late(w, 5), late(w, 60)]);
    plain.iter().cloned().chain(allowed).collect()
}

/// Runs an input through stages and operators and compares each epoch with the reference.
fn check<M: Send + 'static, O: Operator<In = M>>(
    mut workers: Workers<Stamped<Keyed<u64, u64>>, M, O>,
    input: &Input,
    expected: &[Vec<Said>],
    random: &mut Random,
    context: &str,
) where
    Said: From<O::Out>,
{
    for (epoch, ((dealt, promises), expected)) in input.epochs.iter().zip(expected).enumerate() {
        let mut said = Vec::new();
        for (worker, records) in dealt.iter().enumerate() {
            let stamped = records.iter().map(|(time, key, number)| Stamped {
                time: *time,
                value: Keyed::new(*key, *number),
            });
            for batch in random.batches(stamped.collect()) {
                said.extend(workers.batch(worker, batch));
            }
        }
        said.extend(workers.end_epoch_at(promises));
        let mut said: Vec<Said> = said.into_iter().map(Said::from).collect();
        said.sort();
        assert_eq!(&said, expected, "{context}, epoch {epoch}");
    }
    for operator in workers.operators() {
        let held = operator.holdings();
        assert_eq!((held.windows, held.records, held.timers), (0, 0, 0), "{context}");
    }
}

pub(super) fn number(_time: EventTime, number: u64) -> u64 {
    number
}

#[test]
fn windows_at_fixed_places_say_what_the_reference_says() {
    for seed in 0..60 {
        for windows in windows() {
            let random = &mut Random::new(seed);
            let workers = 1 + random.below(3) as usize;
            let input = Input::random(random, workers);
            let expected = reference(&windows, &input);
            let context = format!("seed {seed}, {workers} workers, {windows:?}");
            let Placement::Aligned(aligned) = windows.placement else { unreachable!() };
            let places = (aligned, windows.lateness);
            let keys = [1, 3, 1 << 16][random.below(3) as usize];
            let limits = Limits { combiner_keys: keys, ..Limits::default() };

            let stage = |next| -> Next<_> {
                Box::new(SliceCombiner::new(Numbers, number, places, &limits, next))
            };
            let operator = || SlicedWindows::new(Numbers, number, places, EMIT, Domain::EventTime);
            let shared = Workers::timed_by_key(workers, stage, operator);
            check(shared, &input, &expected, random, &format!("{context}, shared"));

            let stage = |next| -> Next<_> {
                Box::new(SliceCombiner::new(WithInverse, number, places, &limits, next))
            };
            let operator =
                || SlicedWindows::new(WithInverse, number, places, EMIT, Domain::EventTime);
            let running = Workers::timed_by_key(workers, stage, operator);
            check(running, &input, &expected, random, &format!("{context}, running"));

            let operator = || {
                let windows = windows.clone();
                PerKeyWindows::new(Numbers, number, windows, EMIT, Domain::EventTime)
            };
            let by_key = Workers::timed_by_key(workers, |next| next, operator);
            check(by_key, &input, &expected, random, &format!("{context}, by key"));
        }
    }
}

/// Sessions, written down: all records kept, and grouped anew whenever that is asked for.
fn session_reference(gap: i64, lateness: i64, input: &Input) -> Vec<Vec<Said>> {
    type Bounds = (i64, i64);
    /// Kept records of a key, and the bounds of the sessions that are not over.
    type OfKey = (Vec<(i64, u64)>, Vec<Bounds>);
    let mut keys: BTreeMap<u64, OfKey> = BTreeMap::new();
    let mut watermark = i64::MIN;
    let mut said = Vec::new();
    for (dealt, promises) in &input.epochs {
        let mut now = Vec::new();
        let mut touched = Vec::new();
        for (time, key, number) in dealt.iter().flatten() {
            let (records, sessions) = keys.entry(*key).or_default();
            let (start, end) = (time.as_millis(), time.as_millis() + gap);
            let (touching, others): (Vec<Bounds>, Vec<Bounds>) =
                sessions.iter().partition(|(s, e)| *s <= end && start <= *e);
            if touching.is_empty() && end.saturating_add(1 + lateness) <= watermark {
                now.push(Said::Late(*number));
                continue;
            }
            records.push((start, *number));
            let joined = touching.iter().fold((start, end), |(s, e), t| (s.min(t.0), e.max(t.1)));
            *sessions = others;
            sessions.push(joined);
            touched.push((*key, start));
        }
        let next = promises.iter().min().unwrap().as_millis();
        for (key, (records, sessions)) in &mut keys {
            for (start, end) in sessions.iter() {
                let is_new = touched.iter().any(|(k, t)| k == key && (*start..=*end).contains(t));
                let timing = if *end < watermark && is_new {
                    PaneTiming::Late
                } else if *end >= watermark && *end < next {
                    PaneTiming::OnTime
                } else {
                    continue;
                };
                let within = records.iter().filter(|(time, _)| (*start..=*end).contains(time));
                let mut numbers: Vec<_> = within.map(|(_, number)| *number).collect();
                numbers.sort_unstable();
                now.push(Said::Pane(*key, *start, *end, timing, numbers));
            }
            let is_over = |end: i64| end.saturating_add(1 + lateness) <= next;
            for (start, end) in sessions.iter().filter(|(_, end)| is_over(*end)) {
                records.retain(|(time, _)| !(*start..=*end).contains(time));
            }
            sessions.retain(|(_, end)| !is_over(*end));
        }
        watermark = next;
        now.sort();
        said.push(now);
    }
    said
}

#[test]
fn sessions_say_what_the_reference_says() {
    for seed in 0..200 {
        let random = &mut Random::new(seed);
        // With several workers the order of records, and with it what bridges what, is not fixed.
        let input = Input::random(random, 1);
        let (gap, lateness) = (1 + random.below(12) as i64, 30 * random.below(2) as i64);
        let ms = |millis: i64| Duration::from_millis(millis as u64);
        let windows = Windows::session(ms(gap)).allowed_lateness(ms(lateness));
        let expected = session_reference(gap, lateness, &input);
        let operator = || {
            let windows = windows.clone();
            PerKeyWindows::new(Numbers, number, windows, EMIT, Domain::EventTime)
        };
        let workers = Workers::timed_by_key(1, |next| next, operator);
        check(workers, &input, &expected, random, &format!("seed {seed}, {windows:?}"));
    }
}

#[test]
fn an_aggregate_with_an_inverse_counts_the_same_in_sliding_windows() {
    let ms = Duration::from_millis;
    let windows = Windows::sliding(ms(30), ms(1));
    let Placement::Aligned(aligned) = windows.placement else { unreachable!() };
    for seed in 0..50 {
        let random = &mut Random::new(seed);
        let input = Input::random(random, 1);
        let expected: usize = reference(&windows, &input)
            .into_iter()
            .flatten()
            .map(|said| if let Said::Pane(_, _, _, _, numbers) = said { numbers.len() } else { 0 })
            .sum();
        let count = Count::<u64>::default();
        let limits = Limits::default();
        let stage = |next| -> Next<_> {
            Box::new(SliceCombiner::new(count.clone(), number, (aligned, 0), &limits, next))
        };
        let operator =
            || SlicedWindows::new(count.clone(), number, (aligned, 0), DROP, Domain::EventTime);
        let mut workers = Workers::timed_by_key(1, stage, operator);
        let mut counted = 0;
        for (dealt, promises) in &input.epochs {
            let records = dealt[0].iter().map(|(time, key, number)| Stamped {
                time: *time,
                value: Keyed::new(*key, *number),
            });
            workers.batch(0, records.collect());
            for said in workers.end_epoch_at(promises) {
                if let Emitted::Result(pane) = said.value {
                    counted += pane.value as usize;
                }
            }
        }
        assert_eq!(counted, expected, "seed {seed}");
    }
}
