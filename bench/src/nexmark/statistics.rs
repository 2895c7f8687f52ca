//! The twelve counts of q15 and q16, for whatever the bids are grouped by: bids, distinct bidders
//! and distinct auctions, each overall and by price rank.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::ops::AddAssign;

use rheos::engine::Key;
use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};

use super::events::Bid;
use super::ranks::ByRank;
use super::row::Fields;

/// A count overall and by rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Count {
    all: u32,
    by_rank: ByRank,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.all += other.all;
        self.by_rank += other.by_rank;
    }
}

impl Count {
    /// So many bids.
    fn bids(by_rank: ByRank) -> Self {
        Self { all: by_rank.total(), by_rank }
    }

    /// One bidder or auction, which has these bids.
    fn one(bids: ByRank) -> Self {
        Self { all: 1, by_rank: bids.present() }
    }
}

/// The counts of a group, and the latest bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Statistics {
    bids: Count,
    bidders: Count,
    auctions: Count,
    /// The latest time of a bid.
    pub(crate) latest: i64,
}

impl Statistics {
    /// Shows the twelve counts.
    pub(crate) fn fields(&self, to: &mut impl Fields) {
        for count in [self.bids, self.bidders, self.auctions] {
            to.integer(count.all);
            count.by_rank.fields(to);
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.bids += other.bids;
        self.bidders += other.bidders;
        self.auctions += other.auctions;
        self.latest = self.latest.max(other.latest);
        self
    }
}

/// What is counted of one bidder, or of one auction, in a group.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Part {
    bids: ByRank,
    latest: i64,
}

impl Part {
    fn of(bid: &Bid) -> Self {
        Self { bids: ByRank::of(bid.price), latest: bid.date_time }
    }

    fn and(mut self, other: Self) -> Self {
        self.bids += other.bids;
        self.latest = self.latest.max(other.latest);
        self
    }

    fn of_bidder(self) -> Statistics {
        let (bids, bidders) = (Count::bids(self.bids), Count::one(self.bids));
        Statistics { bids, bidders, auctions: Count::default(), latest: self.latest }
    }

    fn of_auction(self) -> Statistics {
        let (bids, bidders) = Default::default();
        Statistics { bids, bidders, auctions: Count::one(self.bids), latest: self.latest }
    }
}

/// Counts in two steps, so that no worker has all bids of a large group: first for each bidder and
/// for each auction of a group, then for the group, where these are distinct.
pub(crate) fn statistics<G: Key + Sync>(bids: Stream<(G, Bid)>) -> Stream<(G, Statistics)> {
    let per_auction = bids
        .clone()
        .map(|(group, bid)| ((group, bid.auction), Part::of(&bid)))
        .keyed()
        .reduce(Part::and)
        .at_end()
        .map(|((group, _), part)| (group, part.of_auction()));
    let per_bidder = bids
        .map(|(group, bid)| ((group, bid.bidder), Part::of(&bid)))
        .keyed()
        .reduce(Part::and)
        .at_end()
        .map(|((group, _), part)| (group, part.of_bidder()));
    per_bidder.union(per_auction).keyed().reduce(Statistics::and).at_end()
}

/// The counts by sets.
pub(crate) fn naive<G: Eq + Hash>(
    bids: impl Iterator<Item = (G, Bid)>,
) -> impl Iterator<Item = (G, Statistics)> {
    let mut groups: HashMap<G, Vec<Bid>> = HashMap::new();
    bids.for_each(|(group, bid)| groups.entry(group).or_default().push(bid));
    groups.into_iter().map(|(group, bids)| (group, count(&bids)))
}

fn count(bids: &[Bid]) -> Statistics {
    let of_rank = |rank: usize| {
        let ranks = [0..=9_999, 10_000..=999_999, 1_000_000..=u32::MAX];
        bids.iter().filter(move |bid| ranks[rank].contains(&bid.price))
    };
    let distinct = |what: fn(&Bid) -> u32| Count {
        all: bids.iter().map(what).collect::<HashSet<_>>().len() as u32,
        by_rank: ByRank(
            [0, 1, 2].map(|rank| of_rank(rank).map(what).collect::<HashSet<_>>().len() as u32),
        ),
    };
    Statistics {
        bids: Count {
            all: bids.len() as u32,
            by_rank: ByRank([0, 1, 2].map(|rank| of_rank(rank).count() as u32)),
        },
        bidders: distinct(|bid| bid.bidder),
        auctions: distinct(|bid| bid.auction),
        latest: bids.iter().map(|bid| bid.date_time).max().unwrap_or(i64::MIN),
    }
}
