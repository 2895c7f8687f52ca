//! The price ranks of q15, q16 and q17: below 10,000, below 1,000,000, the rest.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::row::Fields;

/// Bids by rank, the cheapest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ByRank(pub(crate) [u32; 3]);

impl ByRank {
    /// One bid of this price.
    #[inline]
    pub(crate) fn of(price: u32) -> Self {
        match price {
            0..10_000 => Self([1, 0, 0]),
            10_000..1_000_000 => Self([0, 1, 0]),
            1_000_000.. => Self([0, 0, 1]),
        }
    }

    /// Bids of all ranks.
    pub(crate) fn total(self) -> u32 {
        self.0.into_iter().sum()
    }

    /// One for each rank that has bids.
    pub(crate) fn present(self) -> Self {
        Self(self.0.map(|bids| bids.min(1)))
    }

    /// Shows the three counts.
    pub(crate) fn fields(self, to: &mut impl Fields) {
        self.0.into_iter().for_each(|bids| to.integer(bids));
    }
}

impl AddAssign for ByRank {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(bids, more)| *bids += more);
    }
}

#[cfg(test)]
mod tests {
    use super::ByRank;

    #[test]
    fn ranks_begin_at_their_bounds() {
        let ranks = [0, 9_999, 10_000, 999_999, 1_000_000, u32::MAX]
            .map(|price| ByRank::of(price).0.iter().position(|bids| *bids == 1));
        assert_eq!(ranks, [Some(0), Some(0), Some(1), Some(1), Some(2), Some(2)]);
    }
}
