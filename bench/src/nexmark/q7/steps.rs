//! q7 on bare timely with an operator a step: every worker keeps the highest of its own bids, and
//! those of all workers are compared at the end of the window.

use timely::dataflow::channels::pact::{Exchange, Pipeline};

use super::{HighestBid, LENGTH, keep_highest};
use crate::nexmark::bare_timely::{per_epoch, tally_rows};
use crate::nexmark::events::{Bid, Event, Events};
use crate::nexmark::tally::Tally;
use crate::nexmark::timely_steps::{self, filter_map};

pub(crate) fn run(events: &Events) -> anyhow::Result<Tally> {
    timely_steps::run(events, LENGTH, |events, tally| {
        let add = |highest: &mut Vec<Bid>, bids: &mut Vec<Bid>| {
            keep_highest(highest, bids.drain(..));
        };
        let bids = filter_map(events, Event::into_bid);
        let highest = per_epoch(bids, Pipeline, add, |_, highest, rows| rows.append(highest));
        let by_window = Exchange::new(|bid: &Bid| (bid.date_time / LENGTH) as u64);
        let rows = per_epoch(highest, by_window, add, |epoch, highest, rows| {
            let window_start = epoch as i64 * LENGTH;
            rows.extend(highest.drain(..).map(|bid| HighestBid { window_start, bid }));
        });
        tally_rows(rows, tally);
    })
}
