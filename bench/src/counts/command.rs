//! Runs the forms of a count in turn.

use clap::{Args, ValueEnum};

use super::tally::Tally;
use crate::compare::{Side, in_turn_over};

/// How much is counted, on how many workers, how often.
#[derive(Args)]
pub(crate) struct Options {
    /// Words or events in a run
    #[arg(long, visible_alias = "events", default_value_t = 20_000_000)]
    pub(crate) words: usize,
    /// Workers
    #[arg(long, default_value_t = 1)]
    pub(crate) workers: usize,
    /// What runs it
    #[arg(long, default_value = "both")]
    pub(crate) engine: Engine,
    /// Rounds that count
    #[arg(long, default_value_t = 7)]
    pub(crate) rounds: usize,
}

/// What runs a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    Rheos,
    Timely,
    /// Rheos and timely in turn
    Both,
}

/// How a count can be run, over the same input.
pub(crate) struct Forms<N, T, R> {
    /// Sequential, as close to the words as code can be.
    pub(crate) naive: N,
    /// On bare timely.
    pub(crate) timely: T,
    /// As a Rheos job.
    pub(crate) rheos: R,
}

/// Runs the forms that are asked for in turn, each held against the naive one.
#[allow(clippy::print_stdout, reason = "the figures are this program's output")]
pub(crate) fn run_forms<N, T, R>(
    name: &str,
    options: &Options,
    forms: Forms<N, T, R>,
) -> anyhow::Result<()>
where
    N: FnOnce() -> Tally,
    T: Fn() -> anyhow::Result<Tally>,
    R: Fn() -> anyhow::Result<Tally>,
{
    let right = (forms.naive)();
    let check = |tally: anyhow::Result<Tally>| {
        let tally = tally?;
        anyhow::ensure!(tally == right, "{tally:?} instead of {right:?}");
        Ok(())
    };
    let mut sides = Vec::new();
    if options.engine != Engine::Rheos {
        sides.push(Side::new("timely", || check((forms.timely)())));
    }
    if options.engine != Engine::Timely {
        sides.push(Side::new("rheos", || check((forms.rheos)())));
    }
    println!(
        "{name}, {} in memory, {} workers: {} rows, checksum {:016x}",
        options.words, options.workers, right.rows, right.checksum
    );
    in_turn_over(options.words, options.rounds, sides)
}
