//! q15: for each day: bids, distinct bidders and distinct auctions, each overall and in the three
//! price ranks (below 10,000; below 1,000,000; the rest): day, 12 counts.

use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};

use super::calendar::{day, day_text};
use super::events::{Bid, Events};
use super::form::{Form, Full, Lean};
use super::query::Versions;
use super::row::{Fields, Row};
use super::statistics::{self, Statistics, statistics};
use super::version::{Input, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<Lean>, rheos), Version::new(naive::<Full>, rheos))
}

/// A day's counts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Daily {
    day: i64,
    counts: Statistics,
}

impl Row for Daily {
    fn fields(&self, to: &mut impl Fields) {
        to.text(&day_text(self.day));
        self.counts.fields(to);
    }
}

fn by_day<R>(bid: &Bid<R>) -> (i64, Bid) {
    (day(bid.date_time), bid.numbers())
}

fn naive<F: Form>(events: &Events<F>) -> Vec<Daily> {
    let counted = statistics::naive(events.bids().map(by_day));
    counted.map(|(day, counts)| Daily { day, counts }).collect()
}

fn rheos<F: Form>(input: Input<'_, F>) -> Stream<Daily> {
    let bids = input.events().select(|event| event.bid().map(by_day));
    statistics(bids).map(|(day, counts)| Daily { day, counts })
}
