//! q5 on bare timely with an operator a step: every bid's auction is exchanged, counted by slide,
//! and the slides' counts make those of the windows on the same worker.

use timely::dataflow::channels::pact::{Exchange, Pipeline};

use super::{Counts, HotAuction, SLIDE, hottest, keep_hottest};
use crate::nexmark::bare_timely::{per_epoch, tally_rows};
use crate::nexmark::events::{Event, Events};
use crate::nexmark::tally::Tally;
use crate::nexmark::timely_steps::{self, filter_map, map};

pub(crate) fn run(events: &Events) -> anyhow::Result<Tally> {
    timely_steps::run(events, SLIDE, |events, tally| {
        let auctions = map(filter_map(events, Event::into_bid), |bid| bid.auction);
        // Ids of hot auctions are multiples of 100: the upper bits of a product spread them.
        let by_auction =
            Exchange::new(|auction: &u32| u64::from(auction.wrapping_mul(0x9E37_79B1)) >> 16);
        let count = |counts: &mut Counts, auctions: &mut Vec<u32>| {
            auctions.drain(..).for_each(|auction| *counts.entry(auction).or_default() += 1);
        };
        let counts = per_epoch(auctions, by_auction, count, |_, counts, rows| {
            rows.extend(counts.drain());
        });
        let by_window = Exchange::new(|row: &HotAuction| (row.window_start / SLIDE) as u64);
        let hottest = hottest(counts, Pipeline);
        let rows = per_epoch(hottest, by_window, Vec::append, |_, candidates, rows| {
            keep_hottest(candidates, rows);
            candidates.clear();
        });
        tally_rows(rows, tally);
    })
}
