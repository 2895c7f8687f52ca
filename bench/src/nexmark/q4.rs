//! q4: for each category, the average over its auctions of the highest price among the bids with
//! auction.date_time <= bid.date_time <= auction.expires: category, average, rounded toward zero.
//! Auctions without such a bid do not count.

use std::collections::HashMap;

use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};

use super::events::Events;
use super::form::{Form, Full, Lean};
use super::mean::Mean;
use super::query::Versions;
use super::row::{Fields, Row};
use super::version::{Input, Version};
use super::winning;

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<Lean>, rheos), Version::new(naive::<Full>, rheos))
}

/// What auctions of a category fetch.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct CategoryPrice {
    category: u32,
    average: i64,
}

impl Row for CategoryPrice {
    fn fields(&self, to: &mut impl Fields) {
        to.integer(self.category);
        to.integer(self.average);
    }
}

fn naive<F: Form>(events: &Events<F>) -> Vec<CategoryPrice> {
    let mut prices: HashMap<u32, Vec<i64>> = HashMap::new();
    for won in winning::naive(events) {
        prices.entry(won.auction.category).or_default().push(won.bid.price.into());
    }
    let row = |(category, prices): (u32, Vec<i64>)| CategoryPrice {
        category,
        average: prices.iter().sum::<i64>() / prices.len() as i64,
    };
    prices.into_iter().map(row).collect()
}

fn rheos<F: Form>(input: Input<'_, F>) -> Stream<CategoryPrice> {
    winning::won(input)
        .map(|won| (won.auction.category, won.bid.price))
        .keyed()
        .aggregate(Mean)
        .at_end()
        .map(|(category, average)| CategoryPrice { category, average })
}
