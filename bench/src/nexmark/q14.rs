//! q14: the bids whose price in euros, as in q1, is above 1,000,000 and below 50,000,000, with the
//! time of day and how often the letter c occurs in extra: auction, bidder, price in euros, time
//! of day, time of the bid, extra (not in the lean form), count.

use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};

use super::calendar::hour_of_day;
use super::events::{Bid, Events};
use super::form::{Form, Full, HasExtra, RowExtra, WithExtra};
use super::q1::euros;
use super::query::Versions;
use super::row::{Fields, Row};
use super::version::{Input, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<WithExtra>, rheos), Version::new(naive::<Full>, rheos))
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum TimeOfDay {
    Day,
    Night,
    Other,
}

impl TimeOfDay {
    fn of(millis: i64) -> Self {
        match hour_of_day(millis) {
            8..=18 => TimeOfDay::Day,
            ..=6 | 20.. => TimeOfDay::Night,
            7 | 19 => TimeOfDay::Other,
        }
    }

    fn as_text(self) -> &'static str {
        match self {
            TimeOfDay::Day => "dayTime",
            TimeOfDay::Night => "nightTime",
            TimeOfDay::Other => "otherTime",
        }
    }
}

/// A large bid.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct LargeBid<R> {
    /// Its price is in euros.
    bid: Bid<R>,
    time_of_day: TimeOfDay,
    letters: u32,
}

impl<R: RowExtra> Row for LargeBid<R> {
    fn fields(&self, to: &mut impl Fields) {
        to.integer(self.bid.auction);
        to.integer(self.bid.bidder);
        to.integer(self.bid.price);
        to.text(self.time_of_day.as_text());
        to.integer(self.bid.date_time);
        if let Some(extra) = self.bid.rest.row_extra() {
            to.text(extra);
        }
        to.integer(self.letters);
    }
}

/// The row of a bid, if its price is in the range.
fn large<R: HasExtra>(bid: Bid<R>) -> Option<LargeBid<R>> {
    let price = euros(bid.price);
    (1_000_001..50_000_000).contains(&price).then(|| LargeBid {
        time_of_day: TimeOfDay::of(bid.date_time),
        letters: bid.rest.extra().bytes().filter(|byte| *byte == b'c').count() as u32,
        bid: Bid { price, ..bid },
    })
}

fn naive<F: Form<Bid: HasExtra + RowExtra>>(events: &Events<F>) -> Vec<LargeBid<F::Bid>> {
    events.bids().cloned().filter_map(large).collect()
}

fn rheos<F: Form<Bid: HasExtra + RowExtra>>(input: Input<'_, F>) -> Stream<LargeBid<F::Bid>> {
    input.events().filter_map(|event| event.into_bid().and_then(large))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_open_and_hours_have_their_names() {
        let named = |hour: i64| TimeOfDay::of(hour * 3_600_000).as_text();
        for (hours, name) in [
            (0..=6, "nightTime"),
            (7..=7, "otherTime"),
            (8..=18, "dayTime"),
            (20..=23, "nightTime"),
        ] {
            hours.for_each(|hour| assert_eq!(named(hour), name, "{hour}"));
        }
        assert_eq!(named(19), "otherTime");
    }
}
