//! q7: in tumbling windows of 10 s, the bids with the highest price in the window, ties all kept:
//! window start, auction, bidder, price, time of the bid.

#[cfg(feature = "peers")]
mod renoir;
mod steps;

use std::collections::HashMap;
use std::time::Duration;

use rheos::prelude::{Aggregate, Stream, Timed, Windows};
use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::{Exchange, Pipeline};

use super::bare_timely::{self, Batch, per_epoch, tally_rows};
use super::events::{Bid, Event, Events};
use super::form::{Form, Full, Lean};
use super::query::Versions;
use super::row::{Fields, Row};
use super::tally::Tally;
use super::version::{Input, Version};
use crate::engine::Engine;

pub(crate) fn versions() -> Versions {
    let lean = Version::new(naive::<Lean>, rheos)
        .on(Engine::Timely, timely)
        .on(Engine::TimelySteps, steps::run);
    #[cfg(feature = "peers")]
    let lean = lean.on(Engine::Renoir, renoir::run);
    Versions::new(lean, Version::new(naive::<Full>, rheos))
}

/// Milliseconds in a window.
const LENGTH: i64 = 10_000;

/// A bid that was not outbid in its window.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct HighestBid {
    window_start: i64,
    bid: Bid,
}

impl Row for HighestBid {
    fn fields(&self, to: &mut impl Fields) {
        to.integer(self.window_start);
        self.bid.fields(to);
    }
}

fn window_start<R>(bid: &Bid<R>) -> i64 {
    bid.date_time - bid.date_time.rem_euclid(LENGTH)
}

fn naive<F: Form>(events: &Events<F>) -> Vec<HighestBid> {
    let mut highest: HashMap<i64, u32> = HashMap::new();
    for bid in events.bids() {
        let price = highest.entry(window_start(bid)).or_default();
        *price = bid.price.max(*price);
    }
    let row = |bid: &Bid<_>| HighestBid { window_start: window_start(bid), bid: bid.numbers() };
    events.bids().map(row).filter(|row| row.bid.price == highest[&row.window_start]).collect()
}

fn rheos<F: Form>(input: Input<'_, F>) -> Stream<HighestBid, Timed> {
    input
        .timed_bids()
        .window(Windows::tumbling(Duration::from_millis(LENGTH.unsigned_abs())))
        .aggregate(Highest)
        .drop_late()
        .flat_map(|pane| {
            let window_start = pane.window.start.as_millis();
            pane.value.into_iter().map(move |bid| HighestBid { window_start, bid })
        })
}

/// The bids with the highest price.
#[derive(Clone)]
struct Highest;

impl Aggregate for Highest {
    type In = Bid;
    type Acc = Vec<Bid>;
    type Out = Vec<Bid>;

    fn create(&self) -> Vec<Bid> {
        Vec::new()
    }

    #[inline]
    fn add(&self, highest: &mut Vec<Bid>, bid: Bid) {
        keep_highest(highest, std::iter::once(bid));
    }

    fn merge(&self, highest: &mut Vec<Bid>, other: Vec<Bid>) {
        keep_highest(highest, other.into_iter());
    }

    fn finish(&self, highest: &Vec<Bid>) -> Vec<Bid> {
        highest.clone()
    }
}

/// Every worker keeps the highest of its own bids; those of all workers are compared at the end
/// of the window.
fn timely(events: &Events) -> anyhow::Result<Tally> {
    bare_timely::run(events, LENGTH, |batches, tally| {
        let add = |highest: &mut Vec<Bid>, batch: &mut Batch| {
            keep_highest(highest, batch.events().iter().filter_map(Event::bid).copied());
        };
        let highest = per_epoch(batches, Pipeline, add, |_, highest, rows| rows.append(highest));
        let by_window = Exchange::new(|bid: &Bid| (bid.date_time / LENGTH) as u64);
        let add = |highest: &mut Vec<Bid>, bids: &mut Vec<Bid>| {
            keep_highest(highest, bids.drain(..));
        };
        let rows = per_epoch(highest, by_window, add, |epoch, highest, rows| {
            let window_start = epoch as i64 * LENGTH;
            rows.extend(highest.drain(..).map(|bid| HighestBid { window_start, bid }));
        });
        tally_rows(rows, tally);
    })
}

/// Keeps the highest bids so far; all of those have one price.
fn keep_highest(highest: &mut Vec<Bid>, bids: impl Iterator<Item = Bid>) {
    let mut price = highest.first().map_or(0, |bid| bid.price);
    for bid in bids {
        if bid.price >= price {
            if bid.price > price {
                highest.clear();
                price = bid.price;
            }
            highest.push(bid);
        }
    }
}
