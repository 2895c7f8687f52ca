//! The conversion of q1: bids, their price in euros, to a sink that shows them at once.

use rheos::prelude::*;

use super::bid::Bid;
use super::command::Case;
use super::sink::Lateness;

/// Auctions that are bidden for, which makes no difference here.
const AUCTIONS: u32 = 1_000;

/// A job of it.
pub(crate) fn job(case: &Case<'_>) -> Job {
    let job = Job::new("conversion");
    let bids = Generator::new(|number| Bid::new(number, AUCTIONS));
    job.source(case.source(bids))
        .map(|bid| Bid { price: (u64::from(bid.price) * 908 / 1000) as u32, ..bid })
        .sink(Lateness::of(case.timetable, case.seen, |timetable, bid: &Bid| {
            timetable.due(bid.number)
        }));
    job
}
