//! The queries by name, and the forms that each has.

use clap::ValueEnum;
use rheos::prelude::*;

use rheos::engine::EventTime;

use super::events::{Bid, Event, Events};
use super::tally::{Row, SharedTally, Tally};
use super::{q0, q1, q2, q5, q7, q8};
use crate::memory::Memory;

/// A query of the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Query {
    /// Every bid, unchanged
    Q0,
    /// Every bid, its price in euros
    Q1,
    /// Bids on some auctions
    Q2,
    /// The auctions with the most bids, by sliding windows
    Q5,
    /// The highest bids, by tumbling windows
    Q7,
    /// New people who opened an auction, by tumbling windows
    Q8,
}

/// How a query can be run.
pub(crate) struct Forms {
    /// Sequential, as close to the words of the query as code can be.
    pub(crate) naive: fn(&Events) -> Tally,
    /// On bare timely, a worker a share.
    pub(crate) timely: fn(&Events) -> anyhow::Result<Tally>,
    /// As a Rheos job, a worker a share.
    pub(crate) rheos: fn(&Events) -> anyhow::Result<Tally>,
}

impl Query {
    /// The forms of the query.
    pub(crate) fn forms(self) -> Forms {
        match self {
            Query::Q0 => q0::FORMS,
            Query::Q1 => q1::FORMS,
            Query::Q2 => q2::FORMS,
            Query::Q5 => q5::FORMS,
            Query::Q7 => q7::FORMS,
            Query::Q8 => q8::FORMS,
        }
    }
}

/// The bids as a stream with event time: each share is in order.
pub(crate) fn timed_bids(job: &Job, events: &Events) -> Stream<Bid, Timed> {
    let time = |bid: &Bid| EventTime::from_millis(bid.date_time);
    let events = job.source(Memory::new(events.shares()));
    events.select(Event::bid).event_time(time, Watermarks::monotone())
}

/// Runs a Rheos job over the events and counts the rows of the stream that `query` makes.
pub(crate) fn run_job<R: Row, M: Timeline>(
    events: &Events,
    query: impl FnOnce(&Job) -> Stream<R, M>,
) -> anyhow::Result<Tally> {
    let tally = SharedTally::default();
    let job = Job::new("nexmark");
    let rows = tally.clone();
    query(&job)
        .without_event_time()
        .map_batch(move |batch| {
            rows.add(batch);
            Vec::<u64>::new()
        })
        .sink(Null::new());
    job.run(Config::default().workers(events.shares().len()))?;
    Ok(tally.total())
}
