//! q20: the bids joined with their auction, where its category is 10: auction, bidder, price, time
//! of the bid, seller, category, item name. Whichever comes first waits for the other.

use std::collections::HashMap;

use compact_str::CompactString;
use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};

use super::events::{Auction, Bid, Event, Events};
use super::form::{Form, Full, HasItem, WithItem};
use super::query::Versions;
use super::row::{Fields, Row};
use super::version::{Input, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<WithItem>, rheos), Version::new(naive::<Full>, rheos))
}

const CATEGORY: u32 = 10;

/// A bid and what it is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ItemBid {
    bid: Bid,
    item: Item,
}

/// What the query keeps of an auction.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Item {
    seller: u32,
    category: u32,
    name: CompactString,
}

impl<R: HasItem> From<&Auction<R>> for Item {
    fn from(auction: &Auction<R>) -> Self {
        let name = CompactString::from(auction.rest.item());
        Self { seller: auction.seller, category: auction.category, name }
    }
}

impl Row for ItemBid {
    fn fields(&self, to: &mut impl Fields) {
        self.bid.fields(to);
        to.integer(self.item.seller);
        to.integer(self.item.category);
        to.text(&self.item.name);
    }
}

fn naive<F: Form<Auction: HasItem>>(events: &Events<F>) -> Vec<ItemBid> {
    let auctions = events.auctions().filter(|auction| auction.category == CATEGORY);
    let items: HashMap<u32, Item> = auctions.map(|auction| (auction.id, auction.into())).collect();
    let row = |bid: Bid| Some(ItemBid { bid, item: items.get(&bid.auction)?.clone() });
    events.bids().map(Bid::numbers).filter_map(row).collect()
}

/// What is said about an auction.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Said {
    /// It was opened, in another category.
    Unwanted(u32),
    /// It was opened, in the category.
    Wanted(u32, Item),
    Bid(Bid),
}

impl Said {
    fn auction(&self) -> u32 {
        match self {
            Said::Unwanted(auction) | Said::Wanted(auction, _) => *auction,
            Said::Bid(bid) => bid.auction,
        }
    }
}

/// What is known of an auction.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Known {
    /// Nothing but bids, which wait.
    Bids(Vec<Bid>),
    /// What it sells.
    Item(Item),
    /// That its bids are not wanted.
    Unwanted,
}

impl Known {
    /// Takes in what is said, and gives the rows that follow from it.
    fn take(&mut self, said: Said) -> Vec<ItemBid> {
        let mut waiting = Vec::new();
        match said {
            Said::Unwanted(_) => *self = Known::Unwanted,
            Said::Wanted(_, item) => {
                if let Known::Bids(bids) = std::mem::replace(self, Known::Item(item)) {
                    waiting = bids;
                }
            }
            Said::Bid(bid) => match self {
                Known::Bids(bids) => bids.push(bid),
                Known::Item(_) => waiting.push(bid),
                Known::Unwanted => {}
            },
        }
        match self {
            Known::Item(item) => {
                waiting.into_iter().map(|bid| ItemBid { bid, item: item.clone() }).collect()
            }
            Known::Bids(_) | Known::Unwanted => Vec::new(),
        }
    }
}

/// All auctions are told of, also those of other categories, so that their bids need not be kept
/// for ever: a plain join of the bids with the auctions of the category would.
fn rheos<F: Form<Auction: HasItem>>(input: Input<'_, F>) -> Stream<ItemBid> {
    input
        .events()
        .select(|event| match event {
            Event::Person(_) => None,
            Event::Auction(auction) if auction.category == CATEGORY => {
                Some(Said::Wanted(auction.id, auction.into()))
            }
            Event::Auction(auction) => Some(Said::Unwanted(auction.id)),
            Event::Bid(bid) => Some(Said::Bid(bid.numbers())),
        })
        .key_by(Said::auction)
        .scan(Known::Bids(Vec::new()), |known, _, said| known.take(said))
}
