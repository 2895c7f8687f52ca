//! Sequences of records of a key, against a reference written for clarity, in every topology.

use std::collections::BTreeMap;
use std::time::Duration;

use rheos::engine::EventTime;
use rheos::prelude::*;

use crate::everywhere::everywhere;
use crate::random::Random;

/// A key, a time in milliseconds, a letter.
type Row = (u64, i64, char);

/// A key, whether the pattern was found, and the times and letters of its records.
type Found = (u64, bool, Vec<(i64, char)>);

/// What a pattern looks for: letters, and whether each must be the next one.
#[derive(Clone, Debug)]
struct Shape {
    steps: Vec<(char, bool)>,
    within: i64,
}

impl Shape {
    fn pattern(&self) -> Pattern<char> {
        let is = |letter: char| move |record: &char| *record == letter;
        let (first, rest) = self.steps.split_first().unwrap();
        let mut steps = Pattern::begin(is(first.0));
        for (letter, is_next) in rest {
            steps = match is_next {
                true => steps.next(is(*letter)),
                false => steps.followed_by(is(*letter)),
            };
        }
        steps.within(Duration::from_millis(self.within as u64))
    }
}

/// What one attempt comes to, looked at by itself.
enum Fate {
    /// It is a match; its last record is the one at this place.
    Complete(usize, Vec<(i64, char)>),
    TimedOut(Vec<(i64, char)>),
    Broken,
}

/// The fate of the attempt that begins with the record at `first`, whose letter fits.
fn fate(shape: &Shape, records: &[(i64, char)], first: usize) -> Fate {
    let mut taken = vec![records[first]];
    let mut last = first;
    for (place, record) in records.iter().enumerate().skip(first + 1) {
        if taken.len() == shape.steps.len() {
            break;
        }
        if record.0 > records[first].0 + shape.within {
            return Fate::TimedOut(taken);
        }
        let (letter, is_next) = shape.steps[taken.len()];
        if record.1 == letter {
            taken.push(*record);
            last = place;
        } else if is_next {
            return Fate::Broken;
        }
    }
    match taken.len() == shape.steps.len() {
        true => Fate::Complete(last, taken),
        false => Fate::TimedOut(taken),
    }
}

/// What is found in the records of one key: the match that ends first, then the search begins
/// anew behind it; what timed out before it, and everything that timed out where there is none.
fn find_in(shape: &Shape, key: u64, records: &[(i64, char)], found: &mut Vec<Found>) {
    let mut from = 0;
    loop {
        let starts = (from..records.len()).filter(|place| records[*place].1 == shape.steps[0].0);
        let fates: Vec<_> =
            starts.map(|first| (records[first].0, fate(shape, records, first))).collect();
        let ends = fates.iter().filter_map(|(_, fate)| match fate {
            Fate::Complete(last, taken) => Some((*last, taken.clone())),
            _ => None,
        });
        // Of those that end with the same record the one that begins first comes first.
        let first_match = ends.min_by_key(|(last, _)| *last);
        let until = first_match.as_ref().map_or(i64::MAX, |(last, _)| records[*last].0);
        for (began, fate) in fates {
            if let Fate::TimedOut(taken) = fate
                && began + shape.within < until
            {
                found.push((key, false, taken));
            }
        }
        let Some((last, taken)) = first_match else { return };
        found.push((key, true, taken));
        from = last + 1;
    }
}

fn reference(shape: &Shape, rows: &[Row]) -> Vec<Found> {
    let mut keys = BTreeMap::<u64, Vec<(i64, char)>>::new();
    for (key, time, letter) in rows {
        keys.entry(*key).or_default().push((*time, *letter));
    }
    let mut found = Vec::new();
    for (key, mut records) in keys {
        records.sort_unstable();
        find_in(shape, key, &records, &mut found);
    }
    found.sort();
    found
}

/// By how much rows come out of order at most.
const DISORDER: i64 = 500;

/// Rows with gaps and disorder. Rows of the same time have the same letter, because the order
/// between such rows is not fixed.
fn rows(seed: u64, count: i64, keys: u64, letters: u64) -> Vec<Row> {
    let mut random = Random::new(seed);
    let mut time = 0;
    let mut rows = Vec::new();
    for _ in 0..count {
        time += [0, 1, 10, 40, 1_000][random.below(5) as usize];
        let letter = char::from(b'a' + Random::new(time as u64).below(letters) as u8);
        rows.push((random.below(keys), time, letter));
    }
    rows.sort_by_cached_key(|row| row.1 + random.below(DISORDER as u64) as i64);
    rows
}

fn shapes() -> Vec<Shape> {
    let shape = |text: &str, within| {
        // A comma before a letter means that others may stand before it.
        let mut steps = Vec::new();
        for part in text.split(',') {
            steps.extend(part.chars().enumerate().map(|(place, letter)| (letter, place > 0)));
        }
        Shape { steps, within }
    };
    vec![
        shape("a,b", 200),
        shape("a,b,a,c", 3_000),
        shape("ab", 100),
        shape("ab,c", 2_000),
        shape("a,a", 50),
        shape("a,b,b", 0),
        shape("a", 0),
    ]
}

#[test]
fn patterns_are_those_of_the_reference() {
    let inputs = [(1, 4_000, 100, 3), (2, 4_000, 1, 4), (3, 2_000, 7, 2), (4, 0, 1, 1)];
    for (number, shape) in shapes().into_iter().enumerate() {
        let (seed, count, keys, letters) = inputs[number % inputs.len()];
        let input = rows(seed, count, keys, letters);
        let expected = reference(&shape, &input);
        everywhere(
            |job| {
                let time = |row: &Row| EventTime::from_millis(row.1);
                let disorder = Watermarks::bounded(Duration::from_millis(DISORDER as u64));
                let outcomes = job
                    .source(Collection::new(input.clone()))
                    .event_time(time, disorder)
                    .key_by(|row| row.0)
                    .map_values(|row| row.2)
                    .pattern(shape.pattern())
                    .drop_late();
                outcomes.without_event_time().map(|outcome| {
                    let (key, is_match, records) = match outcome {
                        PatternOutcome::Match { key, records } => (key, true, records),
                        PatternOutcome::Timeout { key, records } => (key, false, records),
                    };
                    let plain = records.into_iter().map(|r| (r.time.as_millis(), r.value));
                    (key, is_match, plain.collect())
                })
            },
            |topology, rows: Vec<Found>| {
                assert_eq!(rows, expected, "{shape:?}, seed {seed}, {topology}");
            },
        );
    }
}

#[test]
fn late_records_come_out_and_nothing_is_made_of_them() {
    let (sink, found) = collect();
    let (late_sink, late) = collect();
    let job = Job::new("late");
    // Epochs end when the channel is empty, so the last row is behind the watermark.
    let (sender, rows) = channel::<Row>(10);
    let time = |row: &Row| EventTime::from_millis(row.1);
    let pattern = Pattern::begin(|c: &char| *c == 'a').followed_by(|c| *c == 'b');
    let (outcomes, too_late) = job
        .source(rows)
        .event_time(time, Watermarks::monotone())
        .key_by(|row| row.0)
        .map_values(|row| row.2)
        .pattern(pattern.within(Duration::from_millis(100)))
        .late();
    outcomes.sink(sink);
    let (seen, passed) = std::sync::mpsc::channel();
    too_late.inspect(move |_| seen.send(()).unwrap()).sink(late_sink);
    let handle = job.start(Config::default().workers(1)).unwrap();
    sender.send((1, 100, 'a')).unwrap();
    sender.send((1, 5_000, 'x')).unwrap();
    // Sent again and again until the watermark has passed it; nothing tells when that is.
    while passed.recv_timeout(Duration::from_millis(5)).is_err() {
        sender.send((2, 4_000, 'a')).unwrap();
    }
    sender.finish();
    handle.wait().unwrap();
    assert!(late.into_vec().unwrap().iter().all(|late| *late == (2, 'a')));
    let outcomes = found.into_vec().unwrap();
    assert!(matches!(&outcomes[0], PatternOutcome::Timeout { key: 1, .. }), "{outcomes:?}");
}
