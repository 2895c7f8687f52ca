//! A table of what a record costs in each of some cases, which are run in turn.

use crate::compare::{Side, Spread, Taken, cpu, run_in_turn, wall};

/// Runs the cases in turn, each over so many records, and prints a line for each: wall and CPU
/// time a record, and how many times the first case's that is, by the pairs of a round.
#[allow(clippy::print_stdout, reason = "the table is this program's output")]
pub(crate) fn print_table(
    title: &str,
    records: u64,
    rounds: usize,
    cases: Vec<Side<'_>>,
) -> anyhow::Result<()> {
    let taken = run_in_turn(rounds, cases)?;
    println!("{title}, {records} records, {rounds} rounds");
    println!("| case | wall ns a record | CPU ns a record | times the first, wall | CPU |");
    println!("|---|---|---|---|---|");
    let Some((_, first)) = taken.first() else { return Ok(()) };
    for (name, times) in &taken {
        let each = |of: fn(&Taken) -> f64| {
            Spread::of(times.iter().map(|time| of(time) * 1e9 / records as f64).collect())
        };
        let ratio = |of: fn(&Taken) -> f64| {
            // That of processes is counted in hundredths of a second: short ones may have none.
            let pairs = times.iter().zip(first).map(|(a, b)| of(a) / of(b).max(0.01));
            Spread::of(pairs.collect())
        };
        println!(
            "| {name} | {:.1} | {:.1} | {:.2} | {:.2} |",
            each(wall),
            each(cpu),
            ratio(wall),
            ratio(cpu)
        );
    }
    println!();
    Ok(())
}
