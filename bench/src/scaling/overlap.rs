//! Windows of 60 s that overlap: so many of them hold each record.

use std::sync::Arc;
use std::time::Duration;

use rheos::prelude::*;

use super::command::Options;
use super::table::print_table;
use crate::compare::Side;
use crate::windows::{Record, check_total, records, rheos};

/// How many windows hold a record.
const OVERLAP: [u64; 5] = [1, 2, 5, 10, 60];
/// Milliseconds from the start of a window to its end.
const LENGTH: u64 = 60_000;
/// Keys that are counted.
const KEYS: u64 = 1_000;
/// Records in a millisecond of event time.
const RECORDS_A_MILLISECOND: i64 = 100;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let rounds = options.rounds;
    let all = records(
        options.records as usize,
        KEYS,
        (options.records as i64 / RECORDS_A_MILLISECOND).max(1),
    );
    let shares = deal(&all, options.workers);
    let names = OVERLAP.map(|overlap| format!("{overlap} windows a record"));
    let cases = OVERLAP.into_iter().zip(&names).map(|(overlap, name)| {
        let shares = &shares;
        Side::new(name, move || {
            let [length, slide] = [LENGTH, LENGTH / overlap].map(Duration::from_millis);
            let (rows, _) = rheos(shares, Windows::sliding(length, slide))?;
            check_total(rows, options.records * overlap)
        })
    });
    let cases = cases.collect();
    let title = format!("windows of 60 s over {KEYS} keys, {} workers", options.workers);
    print_table(&title, options.records, rounds, cases)
}

/// Every so manieth record, for each share.
fn deal(records: &[Record], shares: usize) -> Vec<Arc<[Record]>> {
    let share = |number| records.iter().skip(number).step_by(shares).copied().collect();
    (0..shares).map(share).collect()
}
