//! q13: every bid joined with a bounded side input, key = auction mod 10,000, value = the key as
//! text: auction, bidder, price, time of the bid, value.

use compact_str::{CompactString, ToCompactString};
use rheos::prelude::{Collection, Stream};
use serde::{Deserialize, Serialize};

use super::events::{Bid, Events};
use super::form::{Form, Full, Lean};
use super::query::Versions;
use super::row::{Fields, Row};
use super::version::{Input, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<Lean>, rheos), Version::new(naive::<Full>, rheos))
}

/// Keys of the side input: 0 up to this.
const KEYS: u32 = 10_000;

/// A bid with what the side input says of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Explained {
    bid: Bid,
    value: CompactString,
}

impl Row for Explained {
    fn fields(&self, to: &mut impl Fields) {
        self.bid.fields(to);
        to.text(&self.value);
    }
}

fn naive<F: Form>(events: &Events<F>) -> Vec<Explained> {
    let row = |bid: Bid| Explained { bid, value: (bid.auction % KEYS).to_compact_string() };
    events.bids().map(Bid::numbers).map(row).collect()
}

/// The side input is read completely before the first event.
fn rheos<F: Form>(input: Input<'_, F>) -> Stream<Explained> {
    let side: Collection<_> = (0..KEYS).map(|key| (key, key.to_compact_string())).collect();
    let side = input.job.source(side).named("side input").keyed();
    input
        .events()
        .select(|event| event.bid().map(Bid::numbers))
        .key_by(|bid| bid.auction % KEYS)
        .lookup(side)
        .filter_map(|(_, bid, value)| Some(Explained { bid, value: value? }))
}
