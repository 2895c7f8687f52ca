//! q9: the winning bid of each auction, as in `winning.rs`: auction id, bidder, price, time of
//! the bid.

use rheos::prelude::Stream;

use super::events::{Bid, Events};
use super::form::{Form, Full, Lean};
use super::query::Versions;
use super::version::{Input, Version};
use super::winning;

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<Lean>, rheos), Version::new(naive::<Full>, rheos))
}

fn naive<F: Form>(events: &Events<F>) -> Vec<Bid> {
    winning::naive(events).map(|won| won.bid).collect()
}

fn rheos<F: Form>(input: Input<'_, F>) -> Stream<Bid> {
    winning::won(input).map(|won| won.bid)
}
