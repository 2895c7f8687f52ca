//! Workers of one process.

use rheos::prelude::*;

use super::command::Options;
use super::keys::{Keys, count};
use super::table::print_table;
use crate::chain::Chain;
use crate::compare::Side;

/// Numbers of workers.
const WORKERS: [usize; 4] = [1, 2, 4, 8];
/// Keys of every step.
const KEYS: u64 = 10_000;
/// Keyed steps of the chain.
const STEPS: u64 = 3;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let Options { records, rounds, .. } = *options;
    let keys = Keys { records, keys: KEYS };
    let names = WORKERS.map(|workers| format!("{workers} workers"));
    let dealt = WORKERS.map(|workers| keys.shares(workers));
    let cases = dealt.iter().zip(&names);
    let cases = cases.map(|(shares, name)| Side::new(name, || count(keys, shares))).collect();
    print_table(&format!("a count of {KEYS} keys"), records, rounds, cases)?;
    let chain = Chain { records, steps: STEPS, keys: KEYS };
    let cases = WORKERS.into_iter().zip(&names).map(|(workers, name)| {
        Side::new(name, move || chain.run(Config::default().workers(workers)))
    });
    let cases = cases.collect();
    print_table(&format!("a chain of {STEPS} steps of {KEYS} keys"), records, rounds, cases)
}
