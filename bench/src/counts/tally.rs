//! What a run is judged by: how many rows it gave, and which, in whatever order.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rheos::engine::hash_key;
use rheos::prelude::*;

/// A row of a result: how often a key occurs in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row<K> {
    /// Milliseconds; 0 where there are no windows.
    pub(crate) window_start: i64,
    pub(crate) key: K,
    pub(crate) count: u64,
}

impl<K: Hash> Row<K> {
    /// Its fields mixed to one number.
    fn digest(&self) -> u64 {
        hash_key(&(self.window_start, &self.key, self.count))
    }
}

/// The number of rows and the sum of their digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    pub(crate) checksum: u64,
}

impl Tally {
    /// Counts rows.
    pub(crate) fn of<K: Hash>(rows: impl IntoIterator<Item = Row<K>>) -> Self {
        rows.into_iter().fold(Self::default(), |tally, row| Self {
            rows: tally.rows + 1,
            checksum: tally.checksum.wrapping_add(row.digest()),
        })
    }
}

/// A tally that the workers of a run add to, a batch at a time.
#[derive(Clone, Default)]
pub(crate) struct SharedTally {
    sums: Arc<[AtomicU64; 2]>,
}

impl SharedTally {
    /// Counts a batch of rows.
    pub(crate) fn add<K: Hash>(&self, rows: impl IntoIterator<Item = Row<K>>) {
        let tally = Tally::of(rows);
        let [rows, checksum] = &*self.sums;
        rows.fetch_add(tally.rows, Ordering::Relaxed);
        checksum.fetch_add(tally.checksum, Ordering::Relaxed);
    }

    /// What has been counted.
    pub(crate) fn total(&self) -> Tally {
        let [rows, checksum] = &*self.sums;
        Tally { rows: rows.load(Ordering::Relaxed), checksum: checksum.load(Ordering::Relaxed) }
    }
}

/// Runs a Rheos job on so many workers and counts the rows of the stream that `query` makes.
pub(crate) fn run_job<K: Hash + Send + 'static, M: Timeline>(
    name: &str,
    workers: usize,
    query: impl FnOnce(&Job) -> Stream<Row<K>, M>,
) -> anyhow::Result<Tally> {
    let tally = SharedTally::default();
    let job = Job::new(name);
    let rows = tally.clone();
    query(&job)
        .without_event_time()
        .map_batch(move |batch| {
            rows.add(batch);
            Vec::<u64>::new()
        })
        .sink(Null::new());
    job.run(Config::default().workers(workers))?;
    Ok(tally.total())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Row<&str> = Row { window_start: 0, key: "a", count: 2 };

    #[test]
    fn a_tally_does_not_depend_on_the_order_and_sees_every_field() {
        let other = Row { key: "b", ..ROW };
        let both = [ROW, other.clone()];
        assert_eq!(Tally::of(both.clone()), Tally::of(both.into_iter().rev()));
        for row in [other, Row { window_start: 1, ..ROW }, Row { count: 3, ..ROW }] {
            assert_ne!(Tally::of([ROW]), Tally::of([row]));
        }
        assert_ne!(Tally::of([ROW, ROW]), Tally::of([ROW]));
    }

    #[test]
    fn a_shared_tally_adds_batches_up() {
        let shared = SharedTally::default();
        shared.add([ROW]);
        shared.add([ROW, ROW]);
        assert_eq!(shared.total(), Tally::of([ROW, ROW, ROW]));
    }
}
