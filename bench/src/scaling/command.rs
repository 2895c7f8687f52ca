//! `scaling`: which of the tables, of how many records.

use clap::{Args, ValueEnum};

use super::{keys, overlap, processes, steps, workers};

/// Which table, over how many records, how often.
#[derive(Args)]
pub(crate) struct Options {
    /// The table
    #[arg(default_value = "all")]
    table: Table,
    /// Records in a run
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) records: u64,
    /// Workers, in the tables that are not about them
    #[arg(long, default_value_t = 1)]
    pub(crate) workers: usize,
    /// The most keys in the table about them
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) most_keys: u64,
    /// Rounds that count
    #[arg(long, default_value_t = 7)]
    pub(crate) rounds: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Table {
    /// 1, 2, 4 and 8 workers, on a count by key and on a chain of keyed steps
    Workers,
    /// One process with one worker and with two, and two processes
    Processes,
    /// 1, 3, 10 and 30 keyed steps one behind the other
    Steps,
    /// 1,000 to 10,000,000 keys, beside a loop by hand
    Keys,
    /// Sliding windows of which 1, 2, 5, 10 and 60 overlap
    Overlap,
    All,
}

/// Makes and prints a table.
type Print = fn(&Options) -> anyhow::Result<()>;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let tables: [(Table, Print); 5] = [
        (Table::Workers, workers::run),
        (Table::Processes, processes::run),
        (Table::Steps, steps::run),
        (Table::Keys, keys::run),
        (Table::Overlap, overlap::run),
    ];
    let wanted = |table: Table| options.table == table || options.table == Table::All;
    tables.into_iter().filter(|(table, _)| wanted(*table)).try_for_each(|(_, run)| run(options))
}
