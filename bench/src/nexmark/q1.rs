//! q1: every bid, its price in euros: price x 908 / 1000, rounded toward zero.

use rheos::prelude::Stream;

use super::bare_timely::{self, ENDLESS, tally_rows, tally_selected};
use super::events::{Bid, Event, Events};
use super::form::{Form, Full, Lean, RowExtra};
use super::query::Versions;
#[cfg(feature = "peers")]
use super::renoir;
use super::tally::Tally;
use super::timely_steps::{self, filter_map, map};
use super::version::{Input, Version};
use crate::engine::Engine;

pub(crate) fn versions() -> Versions {
    let lean = Version::new(naive::<Lean>, rheos)
        .on(Engine::Timely, timely)
        .on(Engine::TimelySteps, steps);
    #[cfg(feature = "peers")]
    let lean = lean.on(Engine::Renoir, on_renoir);
    Versions::new(lean, Version::new(naive::<Full>, rheos_full))
}

/// A price in euros.
#[inline]
pub(crate) fn euros(price: u32) -> u32 {
    let price = u64::from(price) * 908 / 1000;
    u32::try_from(price).expect("it is below the price in dollars")
}

/// The bid with its price in euros.
#[inline]
fn in_euros<R>(bid: Bid<R>) -> Bid<R> {
    Bid { price: euros(bid.price), ..bid }
}

fn naive<F: Form<Bid: RowExtra>>(events: &Events<F>) -> Vec<Bid<F::Bid>> {
    events.bids().cloned().map(in_euros).collect()
}

/// Lean bids are copied from where they lie.
fn rheos(input: Input<'_, Lean>) -> Stream<Bid> {
    input.events().select(|event| event.bid().copied().map(in_euros))
}

/// Full ones are taken with their texts.
fn rheos_full(input: Input<'_, Full>) -> Stream<Bid<<Full as Form>::Bid>> {
    input.events().filter_map(Event::into_bid).map(in_euros)
}

fn timely(events: &Events) -> anyhow::Result<Tally> {
    bare_timely::run(events, ENDLESS, |batches, tally| {
        tally_selected(batches, tally, |event| event.bid().copied().map(in_euros));
    })
}

/// Bids are selected, then converted, then counted.
fn steps(events: &Events) -> anyhow::Result<Tally> {
    timely_steps::run(events, ENDLESS, |events, tally| {
        tally_rows(map(filter_map(events, Event::into_bid), in_euros), tally);
    })
}

/// What the source selects is counted in the same loop, which the compiler makes of the chain.
#[cfg(feature = "peers")]
fn on_renoir(events: &Events) -> anyhow::Result<Tally> {
    renoir::run(
        events,
        |event| event.bid().copied(),
        |bids, tally| renoir::tally_rows(bids.map(in_euros), tally),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_rounded_toward_zero() {
        assert_eq!(
            [0, 1, 2, 1_000, 1_001, u32::MAX].map(euros),
            [0, 0, 1, 908, 908, 3_899_830_303]
        );
    }
}
