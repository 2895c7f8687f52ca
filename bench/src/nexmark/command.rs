//! `nexmark QUERY`: runs the forms of a query in turn.

use clap::{Args, ValueEnum};

use super::events::Events;
use super::query::Query;
use super::tally::Tally;
use crate::compare::{Side, in_turn_over};

/// Which query, on how many events and workers, how often.
#[derive(Args)]
pub(crate) struct Options {
    /// The query
    query: Query,
    /// Events in a run
    #[arg(long, default_value_t = 10_000_000)]
    events: usize,
    /// Workers
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// What runs it
    #[arg(long, default_value = "both")]
    engine: Engine,
    /// Rounds that count
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

/// What runs a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    Rheos,
    Timely,
    /// Rheos and timely in turn
    Both,
}

#[allow(clippy::print_stdout, reason = "the figures are this program's output")]
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let events = &Events::generate(options.events, options.workers);
    let forms = options.query.forms();
    let right = (forms.naive)(events);
    let check = |tally: anyhow::Result<Tally>| {
        let tally = tally?;
        anyhow::ensure!(tally == right, "{tally:?} instead of {right:?}");
        Ok(())
    };
    let mut sides = Vec::new();
    if options.engine != Engine::Rheos {
        sides.push(Side::new("timely", || check((forms.timely)(events))));
    }
    if options.engine != Engine::Timely {
        sides.push(Side::new("rheos", || check((forms.rheos)(events))));
    }
    println!(
        "{:?}, {} lean events in memory, {} workers: {} rows, checksum {:016x}",
        options.query, options.events, options.workers, right.rows, right.checksum
    );
    in_turn_over(options.events, options.rounds, sides)
}
