//! What a run is judged by: how many rows it gave, and which, in whatever order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::events::Bid;

/// A row of a result.
pub(crate) trait Row: 'static {
    /// Its fields mixed to one number. Cheap, because every engine pays it for every row.
    fn digest(&self) -> u64;
}

/// Mixes numbers, in order.
#[inline]
pub(crate) fn mix<const N: usize>(fields: [u64; N]) -> u64 {
    // The multiplier of SplitMix64's first step; odd, so that no information is lost.
    const MULTIPLIER: u64 = 0xBF58_476D_1CE4_E5B9;
    fields.into_iter().fold(0, |mixed: u64, field| {
        (mixed ^ field).wrapping_add(1).wrapping_mul(MULTIPLIER).rotate_left(29)
    })
}

impl Row for Bid {
    #[inline]
    fn digest(&self) -> u64 {
        mix([
            u64::from(self.auction),
            u64::from(self.bidder),
            u64::from(self.price),
            self.date_time as u64,
        ])
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
    #[inline]
    pub(crate) fn of<R: Row>(rows: impl IntoIterator<Item = R>) -> Self {
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
    #[inline]
    pub(crate) fn add<R: Row>(&self, rows: impl IntoIterator<Item = R>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const BID: Bid = Bid { date_time: 1, auction: 2, bidder: 3, price: 4 };

    #[test]
    fn a_tally_does_not_depend_on_the_order_and_sees_swapped_fields() {
        let other = Bid { auction: 3, bidder: 2, ..BID };
        assert_eq!(Tally::of([BID, other]), Tally::of([other, BID]));
        assert_ne!(Tally::of([BID]), Tally::of([other]));
        assert_ne!(Tally::of([BID, BID]), Tally::of([BID, other]));
        assert_ne!(mix([0, 0]), mix([0]));
    }

    #[test]
    fn a_shared_tally_adds_batches_up() {
        let shared = SharedTally::default();
        shared.add([BID]);
        shared.add([BID, BID]);
        assert_eq!(shared.total(), Tally::of([BID; 3]));
    }
}
