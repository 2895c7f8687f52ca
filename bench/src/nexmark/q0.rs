//! q0: every bid, unchanged.

use rheos::prelude::Stream;

use super::bare_timely::{self, ENDLESS, tally_rows, tally_selected};
use super::events::{Bid, Event, Events};
use super::form::{Form, Full, Lean, RowExtra};
use super::query::Versions;
#[cfg(feature = "peers")]
use super::renoir;
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
    Versions::new(lean, Version::new(naive::<Full>, rheos_full))
}

fn naive<F: Form<Bid: RowExtra>>(events: &Events<F>) -> Vec<Bid<F::Bid>> {
    events.bids().cloned().collect()
}

/// Lean bids are copied from where they lie.
fn rheos(input: Input<'_, Lean>) -> Stream<Bid> {
    input.events().select(|event| event.bid().copied())
}

/// Full ones are taken with their texts.
fn rheos_full(input: Input<'_, Full>) -> Stream<Bid<<Full as Form>::Bid>> {
    input.events().filter_map(Event::into_bid)
}

fn timely(events: &Events) -> anyhow::Result<Tally> {
    bare_timely::run(events, ENDLESS, |batches, tally| {
        tally_selected(batches, tally, |event| event.bid().copied());
    })
}

/// Bids are selected, then counted.
fn steps(events: &Events) -> anyhow::Result<Tally> {
    timely_steps::run(events, ENDLESS, |events, tally| {
        tally_rows(filter_map(events, Event::into_bid), tally);
    })
}

/// What the source selects is counted in the same loop, which the compiler makes of the chain.
#[cfg(feature = "peers")]
fn on_renoir(events: &Events) -> anyhow::Result<Tally> {
    renoir::run(events, |event| event.bid().copied(), renoir::tally_rows)
}
