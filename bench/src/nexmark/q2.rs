//! q2: the bids whose auction is divisible by 123: auction and price.

use serde::{Deserialize, Serialize};

use super::bare_timely::{self, ENDLESS, tally_selected};
use super::events::{Bid, Events};
use super::query::{Forms, run_job};
use super::tally::{Row, Tally, mix};
use crate::memory::Memory;

pub(crate) const FORMS: Forms = Forms { naive, timely, rheos };

/// What is left of a bid.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Price {
    auction: u32,
    price: u32,
}

impl Row for Price {
    #[inline]
    fn digest(&self) -> u64 {
        mix([u64::from(self.auction), u64::from(self.price)])
    }
}

#[inline]
fn is_wanted(bid: &Bid) -> bool {
    bid.auction.is_multiple_of(123)
}

#[inline]
fn price(bid: Bid) -> Price {
    Price { auction: bid.auction, price: bid.price }
}

fn naive(events: &Events) -> Tally {
    Tally::of(events.bids().filter(is_wanted).map(price))
}

fn rheos(events: &Events) -> anyhow::Result<Tally> {
    run_job(events, |job| {
        job.source(Memory::new(events.shares()))
            .select(|event| event.bid().filter(is_wanted).map(price))
    })
}

fn timely(events: &Events) -> anyhow::Result<Tally> {
    bare_timely::run(events, ENDLESS, |batches, tally| {
        tally_selected(batches, tally, |event| event.bid().filter(is_wanted).map(price));
    })
}
