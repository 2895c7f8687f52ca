//! `pattern` by hand: batches, watermarks, snapshots.

use std::sync::Arc;
use std::time::Duration;

use rheos_engine::harness::Harness;
use rheos_engine::{EventTime, Keyed, Limits, ProcessingTime, Snapshot, Stamped, owner};

use super::find::{Find, Said};
use super::{Pattern, PatternOutcome};
use crate::Timed;
use crate::random::Random;
use crate::recovery::{Step, check_recovery, to_owner};
use crate::with_late::{Emitted, Lateness};

const SECOND: Duration = Duration::from_secs(1);

/// A harness whose keys are numbers and whose records are letters.
type Letters = Harness<Find<u64, char>>;

fn is(letter: char) -> impl Fn(&char) -> bool + Send + Sync + 'static {
    move |record| *record == letter
}

fn finding(pattern: Pattern<char>) -> Letters {
    let limit = Limits::default().partial_matches;
    Harness::new(Find::new(Arc::new(pattern), Lateness::Emit, limit))
}

fn a_then_b() -> Pattern<char> {
    Pattern::begin(is('a')).followed_by(is('b')).within(SECOND)
}

fn at(millis: i64) -> EventTime {
    EventTime::from_millis(millis)
}

fn letter(key: u64, time: i64, letter: char) -> Stamped<Keyed<u64, char>> {
    Stamped { time: at(time), value: Keyed::new(key, letter) }
}

/// Outcomes as text: `1500 1 ab` for a match, with a `!` behind it for a time-out, with a `?` for
/// a late record.
fn texts(said: Vec<Said<u64, char>>) -> Vec<String> {
    let word = |records: Vec<Stamped<char>>| records.iter().map(|r| r.value).collect::<String>();
    said.into_iter()
        .map(|Stamped { time, value }| {
            let what = match value {
                Emitted::Result(PatternOutcome::Match { key, records }) => {
                    format!("{key} {}", word(records))
                }
                Emitted::Result(PatternOutcome::Timeout { key, records }) => {
                    format!("{key} {}!", word(records))
                }
                Emitted::Late((key, letter)) => format!("{key} {letter}?"),
            };
            format!("{} {what}", time.as_millis())
        })
        .collect()
}

/// Checks what is found in letters of one key that come 100 ms after each other.
fn check(pattern: Pattern<char>, letters: &str, expected: &[&str]) {
    let mut step = finding(pattern);
    let times = (0..).step_by(100);
    let batch = letters.chars().zip(times).map(|(value, time)| letter(1, time, value)).collect();
    step.batch(batch).unwrap();
    assert_eq!(texts(step.end_input().unwrap()), expected, "{letters}");
    assert_eq!(step.holdings(), Default::default(), "{letters}");
}

#[test]
fn sequences_are_found_as_the_documentation_says() {
    let relaxed = || Pattern::begin(is('a')).followed_by(is('b')).followed_by(is('c'));
    let strict = || Pattern::begin(is('a')).next(is('b'));
    check(relaxed().within(SECOND), "abc", &["200 1 abc"]);
    check(relaxed().within(SECOND), "axbxxc", &["500 1 abc"]);
    check(strict().within(SECOND), "ab", &["100 1 ab"]);
    // A strict step takes the next record or gives up, without a result.
    check(strict().within(SECOND), "axb", &[]);
    check(strict().within(SECOND), "axbab", &["400 1 ab"]);
    check(strict().within(SECOND), "aab", &["200 1 ab"]);
    check(strict().followed_by(is('c')).within(SECOND), "abxc", &["300 1 abc"]);
    // The search goes on behind a match, and other attempts are given up with it.
    check(a_then_b(), "aab", &["200 1 ab"]);
    check(a_then_b(), "abab", &["100 1 ab", "300 1 ab"]);
    check(
        Pattern::begin(is('a')).followed_by(is('a')).within(SECOND),
        "aaaa",
        &["100 1 aa", "300 1 aa"],
    );
    // A pattern of one step.
    check(Pattern::begin(is('a')).within(SECOND), "aba", &["0 1 a", "200 1 a"]);
    check(a_then_b(), "", &[]);
}

#[test]
fn of_attempts_that_end_together_the_first_is_the_match() {
    let mut step = finding(a_then_b());
    step.batch(vec![letter(1, 100, 'a'), letter(1, 200, 'a'), letter(1, 300, 'b')]).unwrap();
    let outcome = step.end_input().unwrap().pop().unwrap();
    let Emitted::Result(PatternOutcome::Match { records, .. }) = outcome.value else {
        panic!("there is a match");
    };
    assert_eq!(records.iter().map(|record| record.time).collect::<Vec<_>>(), [at(100), at(300)]);
}

#[test]
fn the_last_moment_still_counts() {
    check(a_then_b(), "axxxxxxxxxb", &["1000 1 ab"]);
    check(a_then_b(), "axxxxxxxxxxb", &["1000 1 a!"]);
    // Each attempt has its own time.
    check(a_then_b(), "aaxxxxxxxxxb", &["1000 1 a!", "1100 1 ab"]);
    check(a_then_b(), "aa", &["1000 1 a!", "1100 1 a!"]);
    let three = Pattern::begin(is('a')).followed_by(is('b')).followed_by(is('c'));
    check(three.within(SECOND), "axb", &["1000 1 ab!"]);
}

#[test]
fn records_are_looked_at_in_the_order_of_their_times() {
    let mut step = finding(a_then_b());
    step.batch(vec![letter(1, 200, 'b'), letter(1, 100, 'a'), letter(2, 150, 'a')]).unwrap();
    step.set_watermark(at(200));
    assert!(step.end_epoch().unwrap().is_empty(), "a record of 200 may still come");
    step.batch(vec![letter(2, 200, 'b')]).unwrap();
    step.set_watermark(at(201));
    let mut found = texts(step.end_epoch().unwrap());
    found.sort();
    assert_eq!(found, ["200 1 ab", "200 2 ab"]);
    assert_eq!(step.watermark(), at(201));
    assert_eq!((step.holdings().keys, step.holdings().records), (0, 0));
}

#[test]
fn a_time_out_comes_when_nothing_can_prevent_it() {
    let mut step = finding(a_then_b());
    step.batch(vec![letter(1, 500, 'a')]).unwrap();
    step.set_watermark(at(1_500));
    assert!(step.end_epoch().unwrap().is_empty(), "a `b` of 1500 may still come");
    assert_eq!((step.holdings().keys, step.holdings().records), (1, 1));
    step.set_watermark(at(1_501));
    assert_eq!(texts(step.end_epoch().unwrap()), ["1500 1 a!"]);
    assert_eq!(step.holdings(), Default::default());
}

#[test]
fn late_records_have_no_part() {
    for lateness in [Lateness::Emit, Lateness::Drop] {
        let mut step = Harness::new(Find::new(Arc::new(a_then_b()), lateness, 10));
        step.set_watermark(at(1_000));
        step.end_epoch().unwrap();
        let said = step.batch(vec![letter(1, 999, 'a'), letter(1, 1_000, 'b')]).unwrap();
        match lateness {
            Lateness::Emit => assert_eq!(texts(said), ["999 1 a?"]),
            Lateness::Drop => assert!(said.is_empty()),
        }
        assert_eq!(step.late(), 1);
        assert!(step.end_input().unwrap().is_empty());
    }
}

#[test]
fn the_attempts_of_a_key_are_bounded() {
    let find = || Harness::new(Find::new(Arc::new(a_then_b()), Lateness::Drop, 3));
    let letters = |count: i64| (0..count).map(|time| letter(7, time, 'a')).collect::<Vec<_>>();
    let mut step = find();
    step.batch(letters(3)).unwrap();
    assert_eq!(step.end_input().unwrap().len(), 3);
    let mut step = find();
    step.batch(letters(4)).unwrap();
    let error = step.end_input().map(texts).unwrap_err().to_string();
    assert!(error.contains("more than 3") && error.contains("partial_matches"), "{error}");
}

/// Letters of several keys, each with a time of its own, at most 300 ms out of order.
fn random_letters(random: &mut Random) -> Vec<Stamped<Keyed<u64, char>>> {
    let keys = 1 + random.below(5);
    let count = random.below(200) as i64;
    let mut letters: Vec<_> = (0..count)
        .map(|number| {
            let value = ['a', 'b', 'c'][random.below(3) as usize];
            letter(random.below(keys), number * 37, value)
        })
        .collect();
    letters.sort_by_cached_key(|record| record.time.as_millis() + random.below(300) as i64);
    letters
}

fn random_pattern(seed: u64) -> Pattern<char> {
    let begin = Pattern::begin(is('a'));
    let within = Duration::from_millis(37 * (seed % 9));
    match seed % 4 {
        0 => begin.within(within),
        1 => begin.followed_by(is('b')).followed_by(is('a')).within(within),
        2 => begin.next(is('b')).followed_by(is('c')).within(within),
        _ => begin.followed_by(is('c')).next(is('c')).within(within),
    }
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[test]
fn epochs_watermarks_snapshots_and_workers_do_not_change_what_is_found() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let letters = random_letters(&mut random);
        let mut whole = finding(random_pattern(seed));
        whole.batch(letters.clone()).unwrap();
        let expected = sorted(texts(whole.end_input().unwrap()));

        let (mut found, mut watermark) = (Vec::new(), EventTime::MIN);
        let mut workers = vec![finding(random_pattern(seed))];
        for batch in random.batches(letters) {
            let latest = batch.iter().map(|record| record.time).max().unwrap_or(EventTime::MIN);
            watermark = watermark.max(latest.minus(Duration::from_millis(300)));
            for record in batch {
                let to = owner(record.value.hash, workers.len());
                found.extend(workers[to].batch(vec![record]).unwrap());
            }
            for step in &mut workers {
                step.set_watermark(watermark);
                found.extend(step.end_epoch().unwrap());
            }
            if random.below(4) == 0 {
                workers = moved(workers, 1 + random.below(3) as usize, watermark, seed);
            }
        }
        for step in &mut workers {
            found.extend(step.end_input().unwrap());
            assert_eq!((step.holdings(), step.late()), (Default::default(), 0), "seed {seed}");
        }
        assert_eq!(sorted(texts(found)), expected, "seed {seed}");
    }
}

/// The state of some workers on another number of them.
fn moved(mut from: Vec<Letters>, workers: usize, watermark: EventTime, seed: u64) -> Vec<Letters> {
    let mut snapshot = Snapshot::default();
    for (worker, step) in from.iter_mut().enumerate() {
        step.snapshot(worker, &mut snapshot).unwrap();
    }
    let held = |steps: &[Letters]| -> usize { steps.iter().map(|s| s.holdings().records).sum() };
    let restored = (0..workers).map(|worker| {
        let mut step = finding(random_pattern(seed));
        step.restore(worker, workers, &snapshot).unwrap();
        step.set_watermark(watermark);
        assert!(step.end_epoch().unwrap().is_empty(), "seed {seed}");
        step
    });
    let restored: Vec<_> = restored.collect();
    assert_eq!(held(&restored), held(&from), "seed {seed}");
    restored
}

#[test]
fn attempts_survive_on_other_workers() {
    for seed in 0..12 {
        let mut random = Random::new(seed);
        let mut letters = random_letters(&mut random);
        letters.truncate(60);
        let mut watermark = EventTime::MIN;
        let step = |records: &[Stamped<Keyed<u64, char>>]| {
            let latest = records.iter().map(|record| record.time).max();
            let less = latest.unwrap_or(EventTime::MIN).minus(Duration::from_millis(200));
            watermark = watermark.max(less);
            Step { records: records.to_vec(), watermark, now: ProcessingTime(0) }
        };
        let steps: Vec<_> = letters.chunks(13).map(step).collect();
        let make =
            |_, _| Harness::new(Find::new(Arc::new(random_pattern(seed)), Lateness::Emit, 1_000));
        check_recovery(seed, &steps, make, to_owner::<_, _, Timed>);
    }
}
