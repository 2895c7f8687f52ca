//! q0: every bid, unchanged.

use rheos::prelude::Stream;

use super::bare_timely::{self, ENDLESS, tally_selected};
use super::events::{Bid, Event, Events};
use super::form::{Form, Full, Lean, RowExtra};
use super::query::Versions;
use super::tally::Tally;
use super::version::{Engine, Input, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(
        Version::new(naive::<Lean>, rheos).on(Engine::Timely, timely),
        Version::new(naive::<Full>, rheos_full),
    )
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
