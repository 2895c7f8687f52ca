//! q3: the auctions of category 10, joined with their seller, whose state is or, id or ca: name,
//! city, state, auction id. Whichever comes first waits for the other, without limit.

#[cfg(feature = "peers")]
mod renoir;
mod steps;

use std::collections::HashMap;

use compact_str::CompactString;
use foldhash::fast::FixedState;
use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;

use super::bare_timely::{self, ENDLESS, select};
use super::events::{Event, Events, Person};
use super::form::{Form, Full, HasAddress, WithAddress};
use super::query::Versions;
use super::row::{Fields, Row};
use super::tally::Tally;
use super::version::{Input, Version};
use crate::engine::Engine;

pub(crate) fn versions() -> Versions {
    let lean = Version::new(naive::<WithAddress>, rheos)
        .on(Engine::Timely, timely)
        .on(Engine::TimelySteps, steps::run);
    #[cfg(feature = "peers")]
    let lean = lean.on(Engine::Renoir, renoir::run);
    Versions::new(lean, Version::new(naive::<Full>, rheos))
}

const CATEGORY: u32 = 10;
const STATES: [&str; 3] = ["or", "id", "ca"];

/// An auction and where its seller lives.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct LocalAuction {
    seller: Seller,
    auction: u32,
}

/// What the query keeps of a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Seller {
    name: CompactString,
    city: CompactString,
    state: CompactString,
}

impl Row for LocalAuction {
    fn fields(&self, to: &mut impl Fields) {
        to.text(&self.seller.name);
        to.text(&self.seller.city);
        to.text(&self.seller.state);
        to.integer(self.auction);
    }
}

/// The person as a seller, if the state is one of those wanted.
fn local_seller<R: HasAddress>(person: &Person<R>) -> Option<(u32, Seller)> {
    let rest = &person.rest;
    STATES.contains(&rest.state()).then(|| {
        let [name, city, state] = [rest.full_name(), rest.city(), rest.state()].map(Into::into);
        (person.id, Seller { name, city, state })
    })
}

fn naive<F: Form<Person: HasAddress>>(events: &Events<F>) -> Vec<LocalAuction> {
    let sellers: HashMap<u32, Seller> = events.people().filter_map(local_seller).collect();
    let auctions = events.auctions().filter(|auction| auction.category == CATEGORY);
    let row = |auction: u32, seller: &Seller| LocalAuction { seller: seller.clone(), auction };
    auctions.filter_map(|auction| Some(row(auction.id, sellers.get(&auction.seller)?))).collect()
}

/// What the query reads of an event.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Sign {
    Registered(u32, Seller),
    Opened { seller: u32, auction: u32 },
}

impl Sign {
    fn of<P: HasAddress, A, B>(event: &Event<P, A, B>) -> Option<Self> {
        match event {
            Event::Person(person) => {
                local_seller(person).map(|(id, seller)| Sign::Registered(id, seller))
            }
            Event::Auction(auction) if auction.category == CATEGORY => {
                Some(Sign::Opened { seller: auction.seller, auction: auction.id })
            }
            Event::Auction(_) | Event::Bid(_) => None,
        }
    }

    fn person(&self) -> u32 {
        match self {
            Sign::Registered(id, _) => *id,
            Sign::Opened { seller, .. } => *seller,
        }
    }
}

fn rheos<F: Form<Person: HasAddress>>(input: Input<'_, F>) -> Stream<LocalAuction> {
    let signs = input.events().select(Sign::of);
    let sellers = signs.clone().filter_map(|sign| match sign {
        Sign::Registered(id, seller) => Some((id, seller)),
        Sign::Opened { .. } => None,
    });
    let auctions = signs.filter_map(|sign| match sign {
        Sign::Opened { seller, auction } => Some((seller, auction)),
        Sign::Registered(..) => None,
    });
    let local = auctions.keyed().join_unbounded(sellers.keyed()).inner();
    local.map(|(_, auction, seller)| LocalAuction { seller, auction })
}

/// A person, as far as is known.
#[derive(Clone, Default)]
struct Known {
    seller: Option<Seller>,
    /// Auctions that came before their seller.
    waiting: Vec<u32>,
}

impl Known {
    /// Takes in what is said of the person, and gives the rows that follow from it to `row`.
    fn take(&mut self, sign: Sign, mut row: impl FnMut(LocalAuction)) {
        match sign {
            Sign::Registered(_, seller) => self.seller = Some(seller),
            Sign::Opened { auction, .. } => self.waiting.push(auction),
        }
        if let Some(seller) = &self.seller {
            let waiting = self.waiting.drain(..);
            waiting.for_each(|auction| row(LocalAuction { seller: seller.clone(), auction }));
        }
    }
}

/// What is selected, one event in 75, meets by the id of the person; the rows are counted where
/// they are made.
fn timely(events: &Events<WithAddress>) -> anyhow::Result<Tally> {
    bare_timely::run(events, ENDLESS, |batches, tally| {
        // Ids of busy sellers are multiples of 100: the upper bits of a product spread them.
        let by_person =
            Exchange::new(|sign: &Sign| u64::from(sign.person().wrapping_mul(0x9E37_79B1)) >> 16);
        let mut people: HashMap<u32, Known, FixedState> = HashMap::default();
        let mut rows = Vec::new();
        select(batches, Sign::of).sink(by_person, "join", move |(input, _)| {
            input.for_each(|_, signs| {
                for sign in signs.drain(..) {
                    people.entry(sign.person()).or_default().take(sign, |row| rows.push(row));
                }
                tally.add(rows.drain(..));
            });
        });
    })
}
