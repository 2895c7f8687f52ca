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

/// A chain, and what goes through it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    /// Integers.
    pub(crate) records: u64,
    /// Keyed steps.
    pub(crate) steps: u64,
    /// Keys of each step.
    pub(crate) keys: u64,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let chain = Chain { records: options.records, steps: options.steps, keys: options.keys };
    let run = |workers| {
        move || {
            let mut config = Config::default().workers(workers);
            config.limits.in_flight_bytes = options.in_flight << 20;
            chain.run(config)
        }
    };
    let name = format!("{} workers", options.workers);
    in_turn(
        options.rounds,
        vec![Side::new("2 workers", run(2)), Side::new(&name, run(options.workers))],
    )
}

impl Chain {
    /// Runs it once.
    pub(crate) fn run(self, config: Config) -> anyhow::Result<()> {
        let Self { records, steps, keys } = self;
        let job = Job::new("chain");
        let mut stream = job.source(Numbers::new(records));
        for step in 0..steps {
            stream = stream.key_by(move |n| (n >> step) % keys).scan(0u64, |seen, _, n| {
                *seen += 1;
                Some(n)
            });
        }
        let (sink, count) = collect();
        stream.count().at_end().sink(sink);
        job.run(config)?;
        anyhow::ensure!(count.into_vec()? == [records], "records were lost");
        Ok(())
    }
}
