//! What a run is judged by: how many rows it gave, and which, in whatever order.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rheos::prelude::Aggregate;
use serde::{Deserialize, Serialize};

use super::row::Row;

/// The number of rows and the sum of their digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    pub(crate) checksum: u64,
}

impl Tally {
    /// Counts rows.
    #[inline]
    pub(crate) fn of<R: Row>(rows: impl IntoIterator<Item = R>) -> Self {
        let mut tally = Self::default();
        rows.into_iter().for_each(|row| tally.add(&row));
        tally
    }

    /// Counts a row.
    #[inline]
    pub(crate) fn add(&mut self, row: &impl Row) {
        self.rows += 1;
        self.checksum = self.checksum.wrapping_add(row.digest());
    }

    #[inline]
    fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }
}

/// Tallies a stream of rows, over all processes.
pub(crate) struct Tallying<R> {
    rows: PhantomData<fn(R)>,
}

impl<R> Tallying<R> {
    pub(crate) fn new() -> Self {
        Self { rows: PhantomData }
    }
}

impl<R> Clone for Tallying<R> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<R: Row> Aggregate for Tallying<R> {
    type In = R;
    type Acc = Tally;
    type Out = Tally;

    fn create(&self) -> Tally {
        Tally::default()
    }

    #[inline]
    fn add(&self, tally: &mut Tally, row: R) {
        tally.add(&row);
    }

    fn merge(&self, tally: &mut Tally, other: Tally) {
        tally.merge(other);
    }

    fn finish(&self, tally: &Tally) -> Tally {
        *tally
    }

    fn of_nothing(&self) -> Option<Tally> {
        Some(Tally::default())
    }
}

/// A tally that the workers of a run add to, a batch at a time.
#[derive(Clone, Default)]
pub(crate) struct SharedTally {
    sums: Arc<[AtomicU64; 2]>,
}

impl SharedTally {
    /// Counts a batch of rows.
    #[inline]
    pub(crate) fn add<R: Row>(&self, rows: impl IntoIterator<Item = R>) {
        self.merge(Tally::of(rows));
    }

    /// Adds what has been counted elsewhere.
    #[inline]
    pub(crate) fn merge(&self, tally: Tally) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nexmark::events::Bid;

    const BID: Bid = Bid { date_time: 1, auction: 2, bidder: 3, price: 4, rest: () };

    #[test]
    fn a_tally_does_not_depend_on_the_order() {
        let other = Bid { auction: 3, bidder: 2, ..BID };
        assert_eq!(Tally::of([BID, other]), Tally::of([other, BID]));
        assert_ne!(Tally::of([BID]), Tally::of([other]));
        assert_ne!(Tally::of([BID, BID]), Tally::of([BID, other]));
    }

    #[test]
    fn a_shared_tally_adds_batches_up() {
        let shared = SharedTally::default();
        shared.add([BID]);
        shared.add([BID, BID]);
        assert_eq!(shared.total(), Tally::of([BID; 3]));
    }

    #[test]
    fn tallying_is_an_aggregate() {
        rheos::operators::check_aggregate(&Tallying::new(), &[BID, Bid { price: 5, ..BID }, BID]);
    }
}
