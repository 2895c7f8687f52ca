//! Counting by key and window of event time: as a Rheos job and by loops written by hand.
//!
//! *tumbling*: 10 windows of 10 s over 100,000 keys. *sliding*: 60 s by 1 s over 1,000 keys at
//! 100,000 records a second of event time, beside tumbling windows of 60 s over the same records.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use foldhash::quality::FixedState;
use rheos::engine::EventTime;
use rheos::prelude as stream;
use rheos::prelude::{Config, Job, Random, Watermarks};
use serde::{Deserialize, Serialize};

use crate::compare::{Side, in_turn_over};
use crate::held::{Held, watch};
use crate::memory::Memory;

/// Which windows, over how many records, how often.
#[derive(Args)]
pub(crate) struct Options {
    /// The windows
    windows: Windows,
    /// Records in a run
    #[arg(long, default_value_t = 10_000_000)]
    records: usize,
    /// Rounds that count
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Windows {
    /// 10 windows, 100,000 keys
    Tumbling,
    /// 60 s by 1 s, 1,000 keys, 100,000 records a second of event time
    Sliding,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    key: u64,
    /// Milliseconds of event time.
    time: i64,
}

/// The hasher that the engine hashes keys with.
type Counts = HashMap<u64, u64, FixedState>;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    match options.windows {
        Windows::Tumbling => run_tumbling(options),
        Windows::Sliding => run_sliding(options),
    }
}

#[allow(clippy::print_stdout, reason = "the figures are this program's output")]
fn run_tumbling(options: &Options) -> anyhow::Result<()> {
    const LENGTH: i64 = 10_000;
    let duration = 10 * LENGTH;
    let records = records(options.records, 100_000, duration);
    let total = options.records as u64;
    let shares = [Arc::from(records.as_slice())];
    let windows = || stream::Windows::tumbling(millis(LENGTH));
    let by_hand = || check_total(tumbling(&records, LENGTH), total);
    let held = Cell::new(Held::default());
    let by_rheos = || {
        let (rows, now) = rheos(&shares, windows())?;
        held.set(now);
        check_total(rows, total)
    };
    let sides = vec![
        Side::new("loop, tumbling", by_hand),
        Side::new("rheos, tumbling, 1 worker", by_rheos),
    ];
    in_turn_over(options.records, options.rounds, sides)?;
    let Held { records, bytes, .. } = held.get();
    println!("accumulators held after an epoch: at most {records}, {} KiB", bytes >> 10);
    Ok(())
}

fn run_sliding(options: &Options) -> anyhow::Result<()> {
    const LENGTH: i64 = 60_000;
    const SLIDE: i64 = 1_000;
    let duration = options.records as i64 / 100;
    let records = records(options.records, 1_000, duration);
    let total = options.records as u64;
    let shares = [Arc::from(records.as_slice())];
    let by_tumbling = || check_total(tumbling(&records, LENGTH), total);
    let by_sliding = || {
        let windows = LENGTH / SLIDE;
        check_total(sliding(&records, LENGTH, SLIDE), total * windows as u64)
    };
    let rheos_tumbling =
        || check_total(rheos(&shares, stream::Windows::tumbling(millis(LENGTH)))?.0, total);
    let rheos_sliding = || {
        let windows = stream::Windows::sliding(millis(LENGTH), millis(SLIDE));
        check_total(rheos(&shares, windows)?.0, total * (LENGTH / SLIDE) as u64)
    };
    let sides = vec![
        Side::new("rheos, tumbling, 1 worker", rheos_tumbling),
        Side::new("rheos, sliding, 1 worker", rheos_sliding),
        Side::new("loop, tumbling", by_tumbling),
        Side::new("loop, sliding", by_sliding),
    ];
    in_turn_over(options.records, options.rounds, sides)
}

fn millis(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

/// The counts of a job, on a worker a share, and what it held.
pub(crate) fn rheos(
    shares: &[Arc<[Record]>],
    windows: stream::Windows,
) -> anyhow::Result<(Vec<Row>, Held)> {
    let (sink, rows) = stream::collect();
    let job = Job::new("windows");
    job.source(Memory::new(shares))
        .event_time(|record| EventTime::from_millis(record.time), Watermarks::monotone())
        .map(|record| record.key)
        .key_by_self()
        .window(windows)
        .count()
        .named("count")
        .drop_late()
        .map(|pane| Row {
            window_start: pane.window.start.as_millis(),
            key: pane.key,
            count: pane.value,
        })
        .sink(sink);
    let held = watch(job, Config::default().workers(shares.len()), "count")?;
    Ok((rows.into_vec()?, held))
}

/// So many records in order of time, evenly over `duration` milliseconds, their keys at random.
pub(crate) fn records(count: usize, keys: u64, duration: i64) -> Vec<Record> {
    let mut random = Random::new(0);
    let record = |number: usize| Record {
        key: random.next_u64() % keys,
        time: number as i64 * duration / count as i64,
    };
    (0..count).map(record).collect()
}

/// Every record is in as many windows as the sides say.
pub(crate) fn check_total(rows: Vec<Row>, wanted: u64) -> anyhow::Result<()> {
    let counted: u64 = rows.iter().map(|row| row.count).sum();
    anyhow::ensure!(counted == wanted, "{counted} records in the windows instead of {wanted}");
    Ok(())
}

/// A result: how often a key occurs in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Row {
    window_start: i64,
    key: u64,
    count: u64,
}

/// One hash map a window; the records are in order of time and not before 0.
fn tumbling(records: &[Record], length: i64) -> Vec<Row> {
    let mut windows: Vec<Counts> = Vec::new();
    for record in records {
        let window = (record.time / length) as usize;
        if window >= windows.len() {
            windows.resize_with(window + 1, Counts::default);
        }
        *windows[window].entry(record.key).or_default() += 1;
    }
    let rows = windows.into_iter().enumerate().flat_map(|(window, counts)| {
        let window_start = window as i64 * length;
        counts.into_iter().map(move |(key, count)| Row { window_start, key, count })
    });
    rows.collect()
}

/// One hash map a slice of the slide's length, and one for the sums of the slices in the window:
/// what leaves the window is subtracted.
fn sliding(records: &[Record], length: i64, slide: i64) -> Vec<Row> {
    let slices_in_window = (length / slide) as usize;
    let mut rows = Vec::new();
    let mut window: VecDeque<Counts> = VecDeque::new();
    let mut sums = Counts::default();
    let mut fire = |slice: i64, counts: Counts| {
        if window.len() == slices_in_window {
            let leaving = window.pop_front().into_iter().flatten();
            leaving.for_each(|(key, count)| *sums.entry(key).or_default() -= count);
            sums.retain(|_, sum| *sum > 0);
        }
        counts.iter().for_each(|(key, count)| *sums.entry(*key).or_default() += count);
        window.push_back(counts);
        let window_start = (slice + 1) * slide - length;
        rows.extend(sums.iter().map(|(key, count)| Row { window_start, key: *key, count: *count }));
    };
    let mut slice = 0;
    let mut counts = Counts::default();
    for record in records {
        while record.time >= (slice + 1) * slide {
            fire(slice, std::mem::take(&mut counts));
            slice += 1;
        }
        *counts.entry(record.key).or_default() += 1;
    }
    for last in slice..slice + slices_in_window as i64 {
        fire(last, std::mem::take(&mut counts));
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Every window that contains the record, one by one.
    fn naive(records: &[Record], length: i64, slide: i64) -> Vec<Row> {
        let mut counts: BTreeMap<(i64, u64), u64> = BTreeMap::new();
        for record in records {
            let starts = (-length..=record.time).filter(|start| {
                start.rem_euclid(slide) == 0 && (*start..start + length).contains(&record.time)
            });
            starts.for_each(|start| *counts.entry((start, record.key)).or_default() += 1);
        }
        let row = |((window_start, key), count)| Row { window_start, key, count };
        counts.into_iter().map(row).collect()
    }

    fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
        rows.sort_unstable();
        rows
    }

    #[test]
    fn loops_agree_with_every_window_looked_at() {
        let mut records = records(1_000, 7, 50);
        // A gap longer than a window.
        records.extend([Record { key: 3, time: 200 }, Record { key: 4, time: 201 }]);
        assert_eq!(sorted(tumbling(&records, 10)), naive(&records, 10, 10));
        for (length, slide) in [(10, 2), (10, 10), (30, 5)] {
            assert_eq!(sorted(sliding(&records, length, slide)), naive(&records, length, slide));
        }
    }

    #[test]
    fn records_are_in_order_and_spread_over_keys_and_time() {
        let records = records(10_000, 100, 1_000);
        assert!(records.is_sorted_by_key(|record| record.time));
        assert_eq!((records[0].time, records[9_999].time), (0, 999));
        let mut counts = Counts::default();
        records.iter().for_each(|record| *counts.entry(record.key).or_default() += 1);
        assert!(counts.len() == 100 && counts.values().all(|count| (50..200).contains(count)));
    }
}
