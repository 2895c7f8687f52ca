//! The winning bid of each auction, which q4, q6 and q9 build on: the highest price, then the
//! earliest, then the lowest bidder, among the bids within the auction's life. An auction without
//! such a bid has none.

use std::cmp::Reverse;
use std::collections::HashMap;

use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};

use super::events::{Auction, Bid, Event, Events};
use super::form::Form;
use super::version::Input;

/// An auction and its winning bid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Won {
    pub(crate) auction: Auction,
    pub(crate) bid: Bid,
}

/// Whether a bid came within an auction's life, both ends included.
fn is_within(auction: &Auction, bid: &Bid) -> bool {
    (auction.date_time..=auction.expires()).contains(&bid.date_time)
}

/// The better of two bids has the larger rank.
fn rank(bid: &Bid) -> impl Ord + use<> {
    (bid.price, Reverse(bid.date_time), Reverse(bid.bidder))
}

/// The winning bids, by looking at each pair.
pub(crate) fn naive<F: Form>(events: &Events<F>) -> impl Iterator<Item = Won> + use<F> {
    let mut bids: HashMap<u32, Vec<Bid>> = HashMap::new();
    for bid in events.bids() {
        bids.entry(bid.auction).or_default().push(bid.numbers());
    }
    let won = |auction: Auction| {
        let within = bids.get(&auction.id)?.iter().filter(|bid| is_within(&auction, bid));
        Some(Won { auction, bid: *within.max_by_key(|bid| rank(bid))? })
    };
    let won: Vec<_> = events.auctions().map(Auction::numbers).filter_map(won).collect();
    won.into_iter()
}

/// What is said about an auction: that it was opened, or a bid.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Said {
    Opened(Auction),
    Bid(Bid),
}

impl Said {
    fn auction(&self) -> u32 {
        match self {
            Said::Opened(auction) => auction.id,
            Said::Bid(bid) => bid.auction,
        }
    }
}

/// What is known of an auction.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Known {
    auction: Option<Auction>,
    best: Option<Bid>,
    /// Bids that came before it was known when the auction was open.
    early: Vec<Bid>,
}

impl Known {
    fn take(&mut self, said: Said) {
        match (said, self.auction) {
            (Said::Opened(auction), _) => {
                self.auction = Some(auction);
                let early = std::mem::take(&mut self.early);
                early.into_iter().for_each(|bid| self.offer(&auction, bid));
            }
            (Said::Bid(bid), Some(auction)) => self.offer(&auction, bid),
            (Said::Bid(bid), None) => self.early.push(bid),
        }
    }

    fn offer(&mut self, auction: &Auction, bid: Bid) {
        let is_better = self.best.is_none_or(|best| rank(&best) < rank(&bid));
        if is_better && is_within(auction, &bid) {
            self.best = Some(bid);
        }
    }
}

/// The winning bids, at the end of the input.
pub(crate) fn won<F: Form>(input: Input<'_, F>) -> Stream<Won> {
    input
        .events()
        .select(|event| match event {
            Event::Person(_) => None,
            Event::Auction(auction) => Some(Said::Opened(auction.numbers())),
            Event::Bid(bid) => Some(Said::Bid(bid.numbers())),
        })
        .key_by(Said::auction)
        .fold(Known::default(), Known::take)
        .at_end()
        .filter_map(|(_, known)| Some(Won { auction: known.auction?, bid: known.best? }))
}
