//! An interval join of two streams of which few records match: how fast, and does the state fall
//! back to what the interval needs once the watermark has passed?

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rheos::engine::EventTime;
use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::compare::{Side, in_turn_over};
use crate::held::{Held, watch};
use crate::memory::Memory;

/// How many records, how far apart they match, how often.
#[derive(Args)]
pub(crate) struct Options {
    /// Records on each side, one a millisecond of event time
    #[arg(long, default_value_t = 1_000_000)]
    records: usize,
    /// Milliseconds that matching records may be apart, either way
    #[arg(long, default_value_t = 1_000)]
    within: u64,
    /// Rounds that count
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

/// Records of one side that have a partner, one in so many.
const MATCHES_ONE_IN: u64 = 100;

/// A record of either side.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Record {
    is_left: bool,
    key: u64,
    time: i64,
}

#[allow(clippy::print_stdout, reason = "the figures are this program's output")]
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let records: Arc<[Record]> = records(options.records).into();
    let share = 4 * options.within;
    let held = join(&records, options)?;
    println!(
        "records held after an epoch: at most {} over {} samples; within the interval are at most \
         {share} of {}",
        held.records,
        held.samples,
        records.len(),
    );
    let sides = vec![Side::new("rheos, 1 worker", || join(&records, options).map(drop))];
    in_turn_over(records.len(), options.rounds, sides)
}

/// Both sides in order of time; a key occurs on one side only, except for those with a partner.
fn records(count: usize) -> Vec<Record> {
    let pair = |number: usize| {
        let (time, number) = (number as i64, number as u64);
        let right = if number.is_multiple_of(MATCHES_ONE_IN) { 2 * number } else { 2 * number + 1 };
        [
            Record { is_left: true, key: 2 * number, time },
            Record { is_left: false, key: right, time },
        ]
    };
    (0..count).flat_map(pair).collect()
}

/// Runs the join and gives what it held.
fn join(records: &Arc<[Record]>, options: &Options) -> anyhow::Result<Held> {
    let (sink, count) = collect();
    let job = Job::new("interval join");
    let (left, right) = job
        .source(Memory::new(&[Arc::clone(records)]))
        .event_time(|record| EventTime::from_millis(record.time), Watermarks::monotone())
        .branch(|record| record.is_left);
    let interval = Interval::within(Duration::from_millis(options.within));
    left.key_by(|record| record.key)
        .interval_join(right.key_by(|record| record.key), interval)
        .inner()
        .named("join")
        .drop_late()
        .count()
        .at_end()
        .sink(sink);
    let config = Config::default().workers(1).epoch(Duration::from_millis(10));
    let held = watch(job, config, "join")?;
    let wanted = (options.records as u64).div_ceil(MATCHES_ONE_IN);
    let found = count.into_vec()?;
    anyhow::ensure!(found == [wanted], "{found:?} pairs instead of {wanted}");
    Ok(held)
}
