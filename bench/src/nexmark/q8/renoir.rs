//! q8 on Renoir: people and sellers, one event in 12, meet by id and window and are folded there.
//! Folded where they are read, before they meet, they take up to twice as long.

use serde::{Deserialize, Serialize};

use super::{NewSeller, window_start};
use crate::nexmark::events::{Event, Events};
use crate::nexmark::form::Name;
use crate::nexmark::renoir::{self, tally_rows};
use crate::nexmark::tally::Tally;

/// What an event says of a person in a window, and what all of them say.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Known {
    name: Option<Name>,
    sold: bool,
}

impl Known {
    fn add(&mut self, other: Self) {
        self.name = self.name.or(other.name);
        self.sold |= other.sold;
    }
}

/// A person and the start of a window.
type Place = (u32, i64);

pub(crate) fn run(events: &Events) -> anyhow::Result<Tally> {
    renoir::run(events, sign, |signs, tally| {
        let people = signs
            .group_by(|(place, _)| *place)
            .fold(Known::default(), |known, (_, sign)| known.add(sign));
        tally_rows(people.unkey().filter_map(row), tally);
    })
}

fn sign(event: &Event) -> Option<(Place, Known)> {
    match event {
        Event::Person(person) => {
            let known = Known { name: Some(person.rest), sold: false };
            Some(((person.id, window_start(person.date_time)), known))
        }
        Event::Auction(auction) => {
            let known = Known { name: None, sold: true };
            Some(((auction.seller, window_start(auction.date_time)), known))
        }
        Event::Bid(_) => None,
    }
}

fn row(((id, window_start), known): (Place, Known)) -> Option<NewSeller> {
    let name = known.name.filter(|_| known.sold)?;
    Some(NewSeller { id, name, window_start })
}
