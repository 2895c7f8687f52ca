//! q6: for each seller, the average winning price of the last 10 auctions to close, by expires and
//! then auction id, that have a winning bid: seller, average, rounded toward zero. At the end of
//! the input every auction counts as closed.

use std::collections::HashMap;

use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};

use super::best::TenLargest;
use super::events::Events;
use super::form::{Form, Full, Lean};
use super::query::Versions;
use super::row::{Fields, Row};
use super::version::{Input, Version};
use super::winning::{self, Won};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<Lean>, rheos), Version::new(naive::<Full>, rheos))
}

/// What a seller's latest auctions fetch.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct SellerPrice {
    seller: u32,
    average: i64,
}

impl Row for SellerPrice {
    fn fields(&self, to: &mut impl Fields) {
        to.integer(self.seller);
        to.integer(self.average);
    }
}

fn naive<F: Form>(events: &Events<F>) -> Vec<SellerPrice> {
    let mut sold: HashMap<u32, Vec<Won>> = HashMap::new();
    for won in winning::naive(events) {
        sold.entry(won.auction.seller).or_default().push(won);
    }
    let row = |(seller, mut sold): (u32, Vec<Won>)| {
        sold.sort_by_key(|won| (won.auction.expires(), won.auction.id));
        let last = &sold[sold.len().saturating_sub(10)..];
        let sum: i64 = last.iter().map(|won| i64::from(won.bid.price)).sum();
        SellerPrice { seller, average: sum / last.len() as i64 }
    };
    sold.into_iter().map(row).collect()
}

fn rheos<F: Form>(input: Input<'_, F>) -> Stream<SellerPrice> {
    winning::won(input)
        .key_by(|won| won.auction.seller)
        .map_values(|Won { auction, bid }| (auction.expires(), auction.id, bid.price))
        .aggregate(TenLargest::new())
        .at_end()
        .map(|(seller, last)| {
            let sum: i64 = last.iter().map(|(_, _, price)| i64::from(*price)).sum();
            SellerPrice { seller, average: sum / last.len() as i64 }
        })
}
