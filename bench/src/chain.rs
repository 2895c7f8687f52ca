//! A chain of keyed steps, each with an exchange: many workers on few cores against two.

use clap::Args;
use rheos::prelude::*;

use crate::compare::{Side, in_turn};
use crate::numbers::Numbers;

/// How many integers, how many steps and workers, how often.
#[derive(Args)]
pub(crate) struct Options {
    /// Integers in a run
    #[arg(long, default_value_t = 5_000_000)]
    records: u64,
    /// Keyed steps in the chain
    #[arg(long, default_value_t = 10)]
    steps: u64,
    /// Workers of the larger side
    #[arg(long, default_value_t = 8)]
    workers: usize,
    /// Keys of each step
    #[arg(long, default_value_t = 10_000)]
    keys: u64,
    /// Megabytes that sources may be ahead of sinks
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Rounds that count
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let chain = |workers| move || chain(options, workers);
    let name = format!("{} workers", options.workers);
    in_turn(
        options.rounds,
        vec![Side::new("2 workers", chain(2)), Side::new(&name, chain(options.workers))],
    )
}

fn chain(options: &Options, workers: usize) -> anyhow::Result<()> {
    let (records, keys) = (options.records, options.keys);
    let job = Job::new("chain");
    let mut stream = job.source(Numbers::new(records));
    for step in 0..options.steps {
        stream = stream.key_by(move |n| (n >> step) % keys).scan(0u64, |seen, _, n| {
            *seen += 1;
            Some(n)
        });
    }
    let (sink, count) = collect();
    stream.count().at_end().sink(sink);
    let mut config = Config::default().workers(workers);
    config.limits.in_flight_bytes = options.in_flight << 20;
    job.run(config)?;
    anyhow::ensure!(count.into_vec()? == [records], "records were lost");
    Ok(())
}
