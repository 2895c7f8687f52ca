//! q2: the bids whose auction is divisible by 123: auction and price.

use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};

use super::bare_timely::{self, ENDLESS, tally_rows, tally_selected};
use super::events::{Bid, Event, Events};
use super::form::{Form, Full, Lean};
use super::query::Versions;
#[cfg(feature = "peers")]
use super::renoir;
use super::row::{Fields, Row};
use super::tally::Tally;
use super::timely_steps::{self, filter_map};
use super::version::{Input, Version};
use crate::engine::Engine;

pub(crate) fn versions() -> Versions {
    let lean = Version::new(naive::<Lean>, rheos)
        .on(Engine::Timely, timely)
        .on(Engine::TimelySteps, steps);
    #[cfg(feature = "peers")]
    let lean = lean.on(Engine::Renoir, on_renoir);
    Versions::new(lean, Version::new(naive::<Full>, rheos))
}

/// What is left of a bid.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Price {
    auction: u32,
    price: u32,
}

impl Row for Price {
    #[inline]
    fn fields(&self, to: &mut impl Fields) {
        to.integer(self.auction);
        to.integer(self.price);
    }
}

/// The price of a bid, if its auction is wanted.
#[inline]
fn price<R>(bid: &Bid<R>) -> Option<Price> {
    let Bid { auction, price, .. } = *bid;
    auction.is_multiple_of(123).then_some(Price { auction, price })
}

fn naive<F: Form>(events: &Events<F>) -> Vec<Price> {
    events.bids().filter_map(price).collect()
}

fn rheos<F: Form>(input: Input<'_, F>) -> Stream<Price> {
    input.events().select(|event| event.bid().and_then(price))
}

fn timely(events: &Events) -> anyhow::Result<Tally> {
    bare_timely::run(events, ENDLESS, |batches, tally| {
        tally_selected(batches, tally, |event| event.bid().and_then(price));
    })
}

/// Bids are selected, then those wanted of them, then counted.
fn steps(events: &Events) -> anyhow::Result<Tally> {
    timely_steps::run(events, ENDLESS, |events, tally| {
        let bids = filter_map(events, Event::into_bid);
        tally_rows(filter_map(bids, |bid| price(&bid)), tally);
    })
}

/// What the source selects is counted in the same loop, which the compiler makes of the chain.
#[cfg(feature = "peers")]
fn on_renoir(events: &Events) -> anyhow::Result<Tally> {
    renoir::run(events, |event| event.bid().and_then(price), renoir::tally_rows)
}
