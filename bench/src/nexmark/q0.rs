//! q0: every bid, unchanged.

use super::bare_timely::{self, ENDLESS, tally_selected};
use super::events::{Event, Events};
use super::query::{Forms, run_job};
use super::tally::Tally;
use crate::memory::Memory;

pub(crate) const FORMS: Forms = Forms { naive, timely, rheos };

fn naive(events: &Events) -> Tally {
    Tally::of(events.bids())
}

fn rheos(events: &Events) -> anyhow::Result<Tally> {
    run_job(events, |job| job.source(Memory::new(events.shares())).select(Event::bid))
}

fn timely(events: &Events) -> anyhow::Result<Tally> {
    bare_timely::run(events, ENDLESS, |batches, tally| {
        tally_selected(batches, tally, Event::bid);
    })
}
