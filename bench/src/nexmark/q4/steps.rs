//! q4 on bare timely with an operator a step: auctions and bids are exchanged by the auction's id
//! and wait for the end of their epoch; an auction's price is sent when it closes, to its
//! category's worker, which says the averages at the end.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::core::OkErr;
use timely::dataflow::operators::generic::Operator;

use super::CategoryPrice;
use crate::nexmark::bare_timely::{Output, Records, tally_rows};
use crate::nexmark::events::{Auction, Bid, Event, Events};
use crate::nexmark::tally::Tally;
use crate::nexmark::timely_steps::{self, filter_map};

/// Milliseconds in an epoch.
const EPOCH: i64 = 1_000;

pub(crate) fn run(events: &Events) -> anyhow::Result<Tally> {
    timely_steps::run(events, EPOCH, |events, tally| {
        let (bids, others) = events.ok_err::<Vec<_>, _, Vec<_>, _, _>(|event| match event {
            Event::Bid(bid) => Ok(bid),
            Event::Person(_) | Event::Auction(_) => Err(event),
        });
        let auctions = filter_map(others, |event| event.auction().copied());
        tally_rows(averages(prices(auctions, bids)), tally);
    })
}

/// An auction that is open.
struct Open {
    auction: Auction,
    highest: Option<u32>,
}

/// What came in an epoch.
struct Stash {
    capability: Capability<u64>,
    auctions: Vec<Auction>,
    bids: Vec<Bid>,
}

impl Stash {
    fn new(capability: Capability<u64>) -> Self {
        Self { capability, auctions: Vec::new(), bids: Vec::new() }
    }
}

/// The category and highest price of every auction with a bid in its time, when it has closed.
fn prices<'scope>(
    auctions: Records<'scope, Auction>,
    bids: Records<'scope, Bid>,
) -> Records<'scope, (u32, u32)> {
    // Ids of hot auctions are multiples of 100: the upper bits of a product spread them.
    let spread = |auction: u32| u64::from(auction.wrapping_mul(0x9E37_79B1)) >> 16;
    let by_id = Exchange::new(move |auction: &Auction| spread(auction.id));
    let by_auction = Exchange::new(move |bid: &Bid| spread(bid.auction));
    auctions.binary_frontier(bids, by_id, by_auction, "prices", |_, _| {
        let mut stashed: BTreeMap<u64, Stash> = BTreeMap::new();
        let mut open: HashMap<u32, Open, FixedState> = HashMap::default();
        // The auctions that close in an epoch.
        let mut closing: BTreeMap<u64, (Capability<u64>, Vec<u32>)> = BTreeMap::new();
        move |(auctions, frontier), (bids, bids_frontier), output: &mut Output<'_, _>| {
            auctions.for_each(|capability, batch| {
                let Some(capability) = capability.retain_least(0) else { return };
                let epoch = *capability.time();
                let stash = stashed.entry(epoch).or_insert_with(|| Stash::new(capability));
                stash.auctions.append(batch);
            });
            bids.for_each(|capability, batch| {
                let Some(capability) = capability.retain_least(0) else { return };
                let epoch = *capability.time();
                let stash = stashed.entry(epoch).or_insert_with(|| Stash::new(capability));
                stash.bids.append(batch);
            });
            let has_ended =
                |epoch: &u64| !frontier.less_equal(epoch) && !bids_frontier.less_equal(epoch);
            while let Some(epoch) = stashed.keys().chain(closing.keys()).min().copied()
                && has_ended(&epoch)
            {
                if let Some(Stash { capability, auctions, bids }) = stashed.remove(&epoch) {
                    for auction in auctions {
                        let closes = (auction.expires() / EPOCH) as u64;
                        let new = || (capability.delayed(&closes), Vec::new());
                        closing.entry(closes).or_insert_with(new).1.push(auction.id);
                        open.insert(auction.id, Open { auction, highest: None });
                    }
                    // Bids on what is not open yet are too early.
                    for bid in bids {
                        if let Some(Open { auction, highest }) = open.get_mut(&bid.auction)
                            && (auction.date_time..=auction.expires()).contains(&bid.date_time)
                        {
                            *highest = (*highest).max(Some(bid.price));
                        }
                    }
                }
                if let Some((capability, closed)) = closing.remove(&epoch) {
                    let closed = closed.iter().filter_map(|id| open.remove(id));
                    let price = |open: Open| Some((open.auction.category, open.highest?));
                    output.session(&capability).give_iterator(closed.filter_map(price));
                }
            }
        }
    })
}

/// The average price of each category, when all prices have come.
fn averages(prices: Records<'_, (u32, u32)>) -> Records<'_, CategoryPrice> {
    let by_category = Exchange::new(|(category, _): &(u32, u32)| u64::from(*category));
    prices.unary_frontier(by_category, "averages", |_, _| {
        let mut sums: HashMap<u32, (i64, i64), FixedState> = HashMap::default();
        // Held until the end.
        let mut first: Option<Capability<u64>> = None;
        move |(input, frontier), output: &mut Output<'_, _>| {
            input.for_each(|capability, batch| {
                if first.is_none() {
                    first = capability.retain_least(0);
                }
                for (category, price) in batch.drain(..) {
                    let (sum, count) = sums.entry(category).or_default();
                    (*sum, *count) = (*sum + i64::from(price), *count + 1);
                }
            });
            if frontier.is_empty()
                && let Some(capability) = first.take()
            {
                let average =
                    |(category, (sum, count))| CategoryPrice { category, average: sum / count };
                output.session(&capability).give_iterator(sums.drain().map(average));
            }
        }
    })
}
