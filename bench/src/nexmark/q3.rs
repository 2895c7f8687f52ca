//! q3: the auctions of category 10, joined with their seller, whose state is or, id or ca: name,
//! city, state, auction id. Whichever comes first waits for the other, without limit.

use std::collections::HashMap;

use compact_str::CompactString;
use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};

use super::events::{Event, Events, Person};
use super::form::{Form, Full, HasAddress, WithAddress};
use super::query::Versions;
use super::row::{Fields, Row};
use super::version::{Input, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<WithAddress>, rheos), Version::new(naive::<Full>, rheos))
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
#[derive(Clone, Debug)]
enum Sign {
    Registered(u32, Seller),
    Opened { seller: u32, auction: u32 },
}

fn rheos<F: Form<Person: HasAddress>>(input: Input<'_, F>) -> Stream<LocalAuction> {
    let signs = input.events().filter_map(|event| match &event {
        Event::Person(person) => {
            local_seller(person).map(|(id, seller)| Sign::Registered(id, seller))
        }
        Event::Auction(auction) if auction.category == CATEGORY => {
            Some(Sign::Opened { seller: auction.seller, auction: auction.id })
        }
        Event::Auction(_) | Event::Bid(_) => None,
    });
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
