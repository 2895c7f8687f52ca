//! The panes of q5: how many bids each auction has in sliding windows, event time running with the
//! clock. A pane is due at the end of its window.

use std::time::Duration;

use rheos::prelude::*;

use super::bid::Bid;
use super::command::Case;
use super::sink::Lateness;

/// The windows, and what is in them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// From the start of a window to its end.
    pub(crate) length: Duration,
    /// From the start of a window to the next one's.
    pub(crate) slide: Duration,
    /// Auctions that are bidden for.
    pub(crate) auctions: u32,
}

/// A job of it.
pub(crate) fn job(case: &Case<'_>, shape: Shape) -> Job {
    let job = Job::new("panes");
    let auctions = shape.auctions;
    let timetable = case.timetable.clone();
    let bids = Generator::new(move |number| Bid::new(number, auctions));
    job.source(case.source(bids))
        .event_time(
            move |bid: &Bid| EventTime::from_millis(timetable.event_time(bid.number)),
            Watermarks::monotone(),
        )
        .map(|bid| bid.auction)
        .key_by_self()
        .window(Windows::sliding(shape.length, shape.slide))
        .count()
        .drop_late()
        .map(|pane| (pane.window.end.as_millis(), pane.key, pane.value))
        .without_event_time()
        .sink(Lateness::of(case.timetable, case.seen, |timetable, row: &(i64, u32, u64)| {
            timetable.due_in_event_time(row.0)
        }));
    job
}
