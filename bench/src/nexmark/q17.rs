//! q17: for each auction and day: auction, day, bids, bids in each of the three price ranks,
//! lowest, highest, average (rounded toward zero) and total price.

use std::collections::HashMap;

use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};

use super::calendar::{day, day_text};
use super::events::{Bid, Events};
use super::form::{Form, Full, Lean};
use super::query::Versions;
use super::ranks::ByRank;
use super::row::{Fields, Row};
use super::version::{Input, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<Lean>, rheos), Version::new(naive::<Full>, rheos))
}

/// The bids on an auction on a day.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct AuctionDaily {
    auction: u32,
    day: i64,
    prices: Prices,
}

/// What is counted of bids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Prices {
    bids: ByRank,
    lowest: u32,
    highest: u32,
    total: i64,
}

impl Prices {
    fn of(price: u32) -> Self {
        let bids = ByRank::of(price);
        Self { bids, lowest: price, highest: price, total: price.into() }
    }

    fn and(mut self, other: Self) -> Self {
        self.bids += other.bids;
        self.lowest = self.lowest.min(other.lowest);
        self.highest = self.highest.max(other.highest);
        self.total += other.total;
        self
    }
}

impl Row for AuctionDaily {
    fn fields(&self, to: &mut impl Fields) {
        let Prices { bids, lowest, highest, total } = self.prices;
        to.integer(self.auction);
        to.text(&day_text(self.day));
        to.integer(bids.total());
        bids.fields(to);
        to.integer(lowest);
        to.integer(highest);
        to.integer(total / i64::from(bids.total()));
        to.integer(total);
    }
}

fn by_auction_and_day<R>(bid: &Bid<R>) -> ((u32, i64), u32) {
    ((bid.auction, day(bid.date_time)), bid.price)
}

fn naive<F: Form>(events: &Events<F>) -> Vec<AuctionDaily> {
    let mut groups: HashMap<(u32, i64), Vec<u32>> = HashMap::new();
    for (group, price) in events.bids().map(by_auction_and_day) {
        groups.entry(group).or_default().push(price);
    }
    let row = |((auction, day), mut prices): ((u32, i64), Vec<u32>)| {
        prices.sort_unstable();
        let below = |price: u32| prices.partition_point(|other| *other < price) as u32;
        let (small, middle, all) = (below(10_000), below(1_000_000), prices.len() as u32);
        let prices = Prices {
            bids: ByRank([small, middle - small, all - middle]),
            lowest: prices[0],
            highest: prices[prices.len() - 1],
            total: prices.iter().map(|price| i64::from(*price)).sum(),
        };
        AuctionDaily { auction, day, prices }
    };
    groups.into_iter().map(row).collect()
}

fn rheos<F: Form>(input: Input<'_, F>) -> Stream<AuctionDaily> {
    input
        .events()
        .select(|event| event.bid().map(by_auction_and_day))
        .keyed()
        .map_values(Prices::of)
        .reduce(Prices::and)
        .at_end()
        .map(|((auction, day), prices)| AuctionDaily { auction, day, prices })
}
