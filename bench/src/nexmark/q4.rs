//! q4: for each category, the average over its auctions of the highest price among the bids with
//! auction.date_time <= bid.date_time <= auction.expires: category, average, rounded toward zero.
//! Auctions without such a bid do not count.

#[cfg(feature = "peers")]
mod renoir;
mod steps;

use std::collections::HashMap;

use foldhash::fast::FixedState;
use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Exchange;

use super::bare_timely::{self, ENDLESS, per_epoch, select, tally_rows};
use super::events::{Event, Events};
use super::form::{Form, Full, Lean};
use super::mean::Mean;
use super::query::Versions;
use super::row::{Fields, Row};
use super::tally::Tally;
use super::version::{Input, Version};
use super::winning;
use crate::engine::Engine;

pub(crate) fn versions() -> Versions {
    let lean = Version::new(naive::<Lean>, rheos)
        .on(Engine::Timely, timely)
        .on(Engine::TimelySteps, steps::run);
    #[cfg(feature = "peers")]
    let lean = lean.on(Engine::Renoir, renoir::run);
    Versions::new(lean, Version::new(naive::<Full>, rheos))
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

/// What is said about an auction: that it was opened, or a bid.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Said {
    Opened { auction: u32, category: u32, date_time: i64, open_for: u32 },
    Bid { auction: u32, price: u32, date_time: i64 },
}

impl Said {
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Person(_) => None,
            Event::Auction(auction) => Some(Said::Opened {
                auction: auction.id,
                category: auction.category,
                date_time: auction.date_time,
                open_for: auction.open_for,
            }),
            Event::Bid(bid) => {
                Some(Said::Bid { auction: bid.auction, price: bid.price, date_time: bid.date_time })
            }
        }
    }

    fn auction(&self) -> u32 {
        let (Said::Opened { auction, .. } | Said::Bid { auction, .. }) = self;
        *auction
    }
}

/// What is known of an auction.
#[derive(Clone)]
enum Known {
    /// Prices and times of bids that came before it was opened.
    Early(Vec<(u32, i64)>),
    Opened {
        category: u32,
        date_time: i64,
        expires: i64,
        highest: Option<u32>,
    },
}

impl Known {
    fn take(&mut self, said: Said) {
        match said {
            Said::Opened { category, date_time, open_for, .. } => {
                let expires = date_time + i64::from(open_for);
                let opened = Known::Opened { category, date_time, expires, highest: None };
                if let Known::Early(early) = std::mem::replace(self, opened) {
                    early.into_iter().for_each(|(price, time)| self.bid(price, time));
                }
            }
            Said::Bid { price, date_time, .. } => self.bid(price, date_time),
        }
    }

    fn bid(&mut self, price: u32, time: i64) {
        match self {
            Known::Early(early) => early.push((price, time)),
            Known::Opened { date_time, expires, highest, .. } => {
                if (*date_time..=*expires).contains(&time) {
                    *highest = (*highest).max(Some(price));
                }
            }
        }
    }

    fn fetched(&self) -> Option<(u32, u32)> {
        match self {
            Known::Early(_) => None,
            Known::Opened { category, highest, .. } => Some((*category, (*highest)?)),
        }
    }
}

/// Bids and auctions meet by the auction's id. Where they are read, neither can be combined: a bid
/// counts or not by what its auction's worker knows.
fn timely(events: &Events) -> anyhow::Result<Tally> {
    type Auctions = HashMap<u32, Known, FixedState>;
    /// The sums of prices and their numbers.
    type Sums = HashMap<u32, (i64, i64), FixedState>;
    bare_timely::run(events, ENDLESS, |batches, tally| {
        // Ids of hot auctions are multiples of 100: the upper bits of a product spread them.
        let by_auction =
            Exchange::new(|said: &Said| u64::from(said.auction().wrapping_mul(0x9E37_79B1)) >> 16);
        let add = |auctions: &mut Auctions, said: &mut Vec<Said>| {
            for said in said.drain(..) {
                let new = || Known::Early(Vec::new());
                auctions.entry(said.auction()).or_insert_with(new).take(said);
            }
        };
        let finish = |_, auctions: &mut Auctions, sums: &mut Vec<(u32, (i64, i64))>| {
            let mut by_category = Sums::default();
            for (category, price) in auctions.drain().filter_map(|(_, known)| known.fetched()) {
                let (sum, count) = by_category.entry(category).or_default();
                (*sum, *count) = (*sum + i64::from(price), *count + 1);
            }
            sums.extend(by_category);
        };
        let sums = per_epoch(select(batches, Said::of), by_auction, add, finish);
        let by_category = Exchange::new(|sum: &(u32, (i64, i64))| u64::from(sum.0));
        let add = |sums: &mut Sums, parts: &mut Vec<(u32, (i64, i64))>| {
            for (category, (more, number)) in parts.drain(..) {
                let (sum, count) = sums.entry(category).or_default();
                (*sum, *count) = (*sum + more, *count + number);
            }
        };
        let rows = per_epoch(sums, by_category, add, |_, sums, rows| {
            let row = |(category, (sum, count))| CategoryPrice { category, average: sum / count };
            rows.extend(sums.drain().map(row));
        });
        tally_rows(rows, tally);
    })
}
