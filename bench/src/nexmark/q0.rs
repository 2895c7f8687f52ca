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
        Version::new(naive::<Full>, rheos),
    )
}

fn naive<F: Form<Bid: RowExtra>>(events: &Events<F>) -> Vec<Bid<F::Bid>> {
    events.bids().cloned().collect()
}

fn rheos<F: Form<Bid: RowExtra>>(input: Input<'_, F>) -> Stream<Bid<F::Bid>> {
    input.events().filter_map(Event::into_bid)
}

fn timely(events: &Events) -> anyhow::Result<Tally> {
    bare_timely::run(events, ENDLESS, |batches, tally| {
        tally_selected(batches, tally, |event| event.bid().copied());
    })
}
