//! q18: the last bid of each bidder on each auction, by time and then by price: auction, bidder,
//! price, time of the bid.

use std::collections::HashMap;

use rheos::prelude::Stream;

use super::events::{Bid, Events};
use super::form::{Form, Full, Lean};
use super::query::Versions;
use super::version::{Input, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<Lean>, rheos), Version::new(naive::<Full>, rheos))
}

fn naive<F: Form>(events: &Events<F>) -> Vec<Bid> {
    let mut bids: Vec<Bid> = events.bids().map(Bid::numbers).collect();
    bids.sort_by_key(|bid| (bid.date_time, bid.price));
    let last: HashMap<(u32, u32), Bid> =
        bids.into_iter().map(|bid| ((bid.bidder, bid.auction), bid)).collect();
    last.into_values().collect()
}

fn rheos<F: Form>(input: Input<'_, F>) -> Stream<Bid> {
    input
        .events()
        .select(|event| event.bid().map(Bid::numbers))
        .key_by(|bid| (bid.bidder, bid.auction))
        .max_by(|bid| (bid.date_time, bid.price))
        .at_end()
        .map(|(_, bid)| bid)
}
