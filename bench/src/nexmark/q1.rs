//! q1: every bid, its price in euros: price x 908 / 1000, rounded toward zero.

use super::bare_timely::{self, ENDLESS, tally_selected};
use super::events::{Bid, Event, Events};
use super::query::{Forms, run_job};
use super::tally::Tally;
use crate::memory::Memory;

pub(crate) const FORMS: Forms = Forms { naive, timely, rheos };

/// The bid with its price in euros.
#[inline]
fn in_euros(bid: Bid) -> Bid {
    let price = u64::from(bid.price) * 908 / 1000;
    Bid { price: u32::try_from(price).expect("it is below the price in dollars"), ..bid }
}

fn naive(events: &Events) -> Tally {
    Tally::of(events.bids().map(in_euros))
}

fn rheos(events: &Events) -> anyhow::Result<Tally> {
    run_job(events, |job| job.source(Memory::new(events.shares())).select(Event::bid).map(in_euros))
}

fn timely(events: &Events) -> anyhow::Result<Tally> {
    bare_timely::run(events, ENDLESS, |batches, tally| {
        tally_selected(batches, tally, |event| event.bid().map(in_euros));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_rounded_toward_zero() {
        let euros = |price| in_euros(Bid { date_time: 0, auction: 0, bidder: 0, price }).price;
        assert_eq!(
            [0, 1, 2, 1_000, 1_001, u32::MAX].map(euros),
            [0, 0, 1, 908, 908, 3_899_830_303]
        );
    }
}
