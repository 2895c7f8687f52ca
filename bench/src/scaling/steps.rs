//! Keyed steps one behind the other, each with an exchange.

use rheos::prelude::*;

use super::command::Options;
use super::table::print_table;
use crate::chain::Chain;
use crate::compare::Side;

/// Numbers of steps.
const STEPS: [u64; 4] = [1, 3, 10, 30];
/// Keys of each.
const KEYS: u64 = 10_000;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let Options { records, workers, rounds, .. } = *options;
    let names = STEPS.map(|steps| format!("{steps} steps"));
    let cases = STEPS.into_iter().zip(&names).map(|(steps, name)| {
        let chain = Chain { records, steps, keys: KEYS };
        Side::new(name, move || chain.run(Config::default().workers(workers)))
    });
    let cases = cases.collect();
    print_table(&format!("keyed steps, {workers} workers"), records, rounds, cases)
}
