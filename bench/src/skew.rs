//! One split with all the input: several workers, all but one without any, against one worker.

use clap::Args;
use rheos::prelude::*;

use crate::compare::{Side, in_turn};
use crate::numbers::Numbers;

/// How many integers, how many workers, how often.
#[derive(Args)]
pub(crate) struct Options {
    /// Integers in a run
    #[arg(long, default_value_t = 100_000_000)]
    records: u64,
    /// Workers of the larger side
    #[arg(long, default_value_t = 4)]
    workers: usize,
    /// Keys that are counted
    #[arg(long, default_value_t = 1_000)]
    keys: u64,
    /// Rounds that count
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let count = |workers| move || count(options, workers);
    let name = format!("{} workers, one split", options.workers);
    in_turn(
        options.rounds,
        vec![Side::new("1 worker, one split", count(1)), Side::new(&name, count(options.workers))],
    )
}

fn count(options: &Options, workers: usize) -> anyhow::Result<()> {
    let keys = options.keys;
    let (sink, counts) = collect();
    let job = Job::new("one split");
    job.source(Numbers::new(options.records).splits(1))
        .map(|n| n ^ (n >> 3))
        .filter(|n| n % 8 != 0)
        .key_by(move |n| n % keys)
        .count()
        .at_end()
        .sink(sink);
    job.run(Config::default().workers(workers))?;
    let counted: u64 = counts.into_vec()?.into_iter().map(|(_, count)| count).sum();
    anyhow::ensure!(counted > options.records / 2, "records were lost");
    Ok(())
}
