//! The events of the latency measurements: bids, made from their number as cheaply as can be.

use serde::{Deserialize, Serialize};

/// A bid on an auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bid {
    /// How many were made before it.
    pub(crate) number: u64,
    pub(crate) auction: u32,
    pub(crate) price: u32,
}

impl Bid {
    /// The bid with this number, on one of so many auctions, all of them as likely.
    #[inline]
    pub(crate) fn new(number: u64, auctions: u32) -> Self {
        // A multiplication mixes enough: neither auctions nor prices come in order.
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let high = (mixed >> 32) as u32;
        let auction = ((u64::from(high) * u64::from(auctions)) >> 32) as u32;
        Self { number, auction, price: 100 + (mixed as u32 >> 8) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_auctions_get_about_as_many_bids() {
        let mut bids = [0u32; 100];
        (0..100_000).for_each(|number| bids[Bid::new(number, 100).auction as usize] += 1);
        assert!(bids.iter().all(|bids| (900..1_100).contains(bids)), "{bids:?}");
    }
}
