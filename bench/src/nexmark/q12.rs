//! q12: the bids of each bidder in tumbling windows of 10 s of processing time: bidder, number of
//! bids.
//!
//! The windows depend on the clock, so only sums over all rows can be compared: a row's digest
//! grows with its number of bids, and the number of rows does not count.

use std::collections::HashMap;
use std::time::Duration;

use rheos::prelude::{Stream, Windows};
use serde::{Deserialize, Serialize};

use super::events::Events;
use super::form::{Form, Full, Lean};
use super::query::Versions;
use super::row::{Fields, Row, digest_of};
use super::version::{Input, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<Lean>, rheos), Version::new(naive::<Full>, rheos))
}

/// How often somebody bid in a window.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Activity {
    bidder: u32,
    bids: u32,
}

impl Row for Activity {
    const HAS_FIXED_COUNT: bool = false;

    fn fields(&self, to: &mut impl Fields) {
        to.integer(self.bidder);
        to.integer(self.bids);
    }

    fn digest(&self) -> u64 {
        digest_of(self.bidder).wrapping_mul(self.bids.into())
    }
}

fn naive<F: Form>(events: &Events<F>) -> Vec<Activity> {
    let mut bids: HashMap<u32, u32> = HashMap::new();
    events.bids().for_each(|bid| *bids.entry(bid.bidder).or_default() += 1);
    bids.into_iter().map(|(bidder, bids)| Activity { bidder, bids }).collect()
}

fn rheos<F: Form>(input: Input<'_, F>) -> Stream<Activity> {
    input
        .events()
        .select(|event| event.bid().map(|bid| bid.bidder))
        .key_by_self()
        .processing_time_window(Windows::tumbling(Duration::from_secs(10)))
        .count()
        .map(|pane| Activity { bidder: pane.key, bids: pane.value as u32 })
}
