//! What the counts on Renoir share: its workers read their shares, and its rows are tallied.
//!
//! As those of NEXMark, they answer once, at the end of the input; the source is the same.

use std::hash::Hash;
use std::sync::Arc;

use renoir::Stream;
use renoir::operator::Operator;

use super::bare_timely::Counts;
use super::tally::{Row, SharedTally, Tally};
use crate::renoir_source::{self, Selected};

/// Runs what `count` makes of what `select` makes of the items, with a worker a share, and gives
/// what it tallied.
pub(crate) fn run<T, R, S>(
    shares: &[Arc<[T]>],
    select: S,
    count: impl FnOnce(Selected<T, S>, SharedTally),
) -> anyhow::Result<Tally>
where
    T: Clone + Send + Sync + 'static,
    R: Send + 'static,
    S: Fn(&T) -> Option<R> + Clone + Send + 'static,
{
    let tally = SharedTally::default();
    renoir_source::run(shares, select, |selected| count(selected, tally.clone()))?;
    Ok(tally.total())
}

/// Adds counts to others.
pub(crate) fn add_counts<K: Hash + Eq>(sums: &mut Counts<K>, counts: Counts<K>) {
    if sums.is_empty() {
        *sums = counts;
        return;
    }
    counts.into_iter().for_each(|(key, count)| *sums.entry(key).or_default() += count);
}

/// Counts rows, of which there are few.
pub(crate) fn tally_rows<K: Hash + Send + 'static>(
    rows: Stream<impl Operator<Out = Row<K>> + 'static>,
    tally: SharedTally,
) {
    rows.for_each(move |row| tally.add(std::iter::once(row)));
}
