//! q19: the ten highest bids of each auction, ranked 1, 2, 3, ... without repeats, by price
//! descending, then time, then bidder: auction, bidder, price, time of the bid, rank.

use std::cmp::Reverse;
use std::collections::HashMap;

use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};

use super::best::TenLargest;
use super::events::{Bid, Events};
use super::form::{Form, Full, Lean};
use super::query::Versions;
use super::row::{Fields, Row};
use super::version::{Input, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<Lean>, rheos), Version::new(naive::<Full>, rheos))
}

/// A bid and its place among those on its auction.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct RankedBid {
    bid: Bid,
    rank: u32,
}

impl Row for RankedBid {
    fn fields(&self, to: &mut impl Fields) {
        self.bid.fields(to);
        to.integer(self.rank);
    }
}

fn naive<F: Form>(events: &Events<F>) -> Vec<RankedBid> {
    let mut auctions: HashMap<u32, Vec<Bid>> = HashMap::new();
    for bid in events.bids() {
        auctions.entry(bid.auction).or_default().push(bid.numbers());
    }
    let ranked = |mut bids: Vec<Bid>| {
        bids.sort_by_key(|bid| (Reverse(bid.price), bid.date_time, bid.bidder));
        (1..).zip(bids).take(10).map(|(rank, bid)| RankedBid { bid, rank })
    };
    auctions.into_values().flat_map(ranked).collect()
}

/// A bid such that the better is the larger.
type Standing = (u32, Reverse<i64>, Reverse<u32>);

fn rheos<F: Form>(input: Input<'_, F>) -> Stream<RankedBid> {
    let standing = |bid: &Bid<_>| -> (u32, Standing) {
        (bid.auction, (bid.price, Reverse(bid.date_time), Reverse(bid.bidder)))
    };
    input
        .events()
        .select(move |event| event.bid().map(standing))
        .keyed()
        .aggregate(TenLargest::new())
        .at_end()
        .flat_map(|(auction, bids)| {
            (1..).zip(bids).map(move |(rank, (price, Reverse(date_time), Reverse(bidder)))| {
                RankedBid { bid: Bid { date_time, auction, bidder, price, rest: () }, rank }
            })
        })
}
