//! Late records, exactly: a script fixes splits and epochs, and a reference judges each record by
//! the watermark as it was when its epoch began, for any number of workers and processes.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use rheos::engine::EventTime;
use rheos::prelude::*;

use crate::everywhere::everywhere_as;
use crate::random::Random;
use crate::script::{Script, Step};

/// A record: key, time in milliseconds, number.
type Event = (u64, i64, u64);

/// What comes out: a pane with its numbers, or a late record.
type Row = (String, u64, i64, Vec<u64>);

const SPLITS: u32 = 3;
const DISORDER: i64 = 5;

/// Steps that jump forward and back, so that much is late and some of it very late.
fn script(seed: u64) -> Vec<Step<Event>> {
    let mut random = Random::new(seed);
    let mut number = 0;
    let mut base = [0i64; SPLITS as usize];
    let step = |_| {
        let split = random.below(u64::from(SPLITS)) as usize;
        base[split] += random.below(30) as i64;
        let records = (0..random.below(12)).map(|_| {
            number += 1;
            let back = if random.below(4) == 0 { random.below(80) as i64 } else { 0 };
            (random.below(3), base[split] - back, number)
        });
        (split as u32, records.collect())
    };
    (0..25).map(step).collect()
}

/// Tumbling windows of `size`, written down.
fn reference(steps: &[Step<Event>], size: i64, lateness: i64) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut windows: BTreeMap<(i64, u64), Vec<u64>> = BTreeMap::new();
    let mut latest = [i64::MIN; SPLITS as usize];
    let mut watermark = i64::MIN;
    for step in 0..=steps.len() {
        let mut changed = Vec::new();
        if let Some((split, records)) = steps.get(step) {
            for (key, time, number) in records {
                let end = time.div_euclid(size) * size + size;
                if end.saturating_add(lateness) <= watermark {
                    rows.push(("too late".to_owned(), *key, *time, vec![*number]));
                    continue;
                }
                windows.entry((end, *key)).or_default().push(*number);
                changed.push((end, *key));
            }
            let of_split = records.iter().map(|(_, time, _)| *time).max();
            let latest = &mut latest[*split as usize];
            *latest = (*latest).max(of_split.unwrap_or(i64::MIN));
        }
        // After the last step all splits end.
        let next = match step < steps.len() {
            true => latest.iter().map(|time| time.saturating_sub(DISORDER)).min().unwrap(),
            false => i64::MAX,
        };
        for ((end, key), numbers) in &windows {
            let timing = if *end <= watermark && changed.contains(&(*end, *key)) {
                "late"
            } else if *end > watermark && *end <= next {
                "on time"
            } else {
                continue;
            };
            let mut numbers = numbers.clone();
            numbers.sort_unstable();
            rows.push((timing.to_owned(), *key, end - size, numbers));
        }
        watermark = next;
    }
    rows.sort();
    rows
}

#[test]
fn late_records_and_late_panes_are_exactly_those_of_the_reference() {
    for seed in 0..6 {
        let steps = script(seed);
        for lateness in [0, 40] {
            let expected = reference(&steps, 10, lateness);
            let kind = if lateness == 0 { "too late" } else { "late" };
            assert!(expected.iter().any(|row| row.0 == kind), "seed {seed} shows nothing");
            let windows = || {
                let ms = |millis: i64| Duration::from_millis(millis as u64);
                Windows::tumbling(ms(10)).allowed_lateness(ms(lateness))
            };
            // All processes of a run follow one script; each run follows a new one.
            let current: Mutex<Option<(String, Script<Event>)>> = Mutex::new(None);
            let run = Mutex::new(0);
            everywhere_as(
                |config| config.epoch(Duration::from_millis(1)),
                |job| {
                    let mut current = current.lock().unwrap();
                    let run = run.lock().unwrap().to_string();
                    let follows = current.as_ref().is_some_and(|(of, _)| *of == run);
                    if !follows {
                        *current = Some((run, Script::new(SPLITS, &steps)));
                    }
                    let script = current.as_ref().unwrap().1.share();
                    let ms = Duration::from_millis(DISORDER as u64);
                    let events = script.records(job, |records| {
                        // A mark has the time of the beginning: it moves no watermark.
                        let time = |event: &Option<Event>| {
                            event.map_or(EventTime::MIN, |event| EventTime::from_millis(event.1))
                        };
                        records.event_time(time, Watermarks::bounded(ms))
                    });
                    let keyed =
                        events.key_by(|event| event.0).map_values(|event| (event.1, event.2));
                    let (panes, late) = keyed.window(windows()).collect().late();
                    let panes = panes.map(|pane| {
                        let timing = match pane.timing {
                            PaneTiming::OnTime => "on time",
                            PaneTiming::Late => "late",
                            PaneTiming::Early => "early",
                        };
                        let mut numbers: Vec<u64> = pane.value.iter().map(|v| v.1).collect();
                        numbers.sort_unstable();
                        (timing.to_owned(), pane.key, pane.window.start.as_millis(), numbers)
                    });
                    let late = late.map(|(key, (time, number))| {
                        ("too late".to_owned(), key, time, vec![number])
                    });
                    panes.union(late).without_event_time()
                },
                |topology, rows: Vec<Row>| {
                    assert_eq!(rows, expected, "seed {seed}, lateness {lateness}, {topology}");
                    *run.lock().unwrap() += 1;
                },
            );
        }
    }
}
