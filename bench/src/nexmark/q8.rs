//! q8: in tumbling windows of 10 s, the people who registered and opened an auction in the same
//! window, once each: id, name, window start.

#[cfg(feature = "peers")]
mod renoir;
mod steps;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use foldhash::fast::FixedState;
use rheos::engine::EventTime;
use rheos::prelude::{Stream, Timed, Windows};
use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Exchange;

use super::bare_timely::{self, per_epoch, select, tally_rows};
use super::events::{Event, EventIn, Events};
use super::form::{Form, Full, HasName, Lean, Name, NameText};
use super::query::Versions;
use super::row::{Fields, Row};
use super::tally::Tally;
use super::version::{Input, Version, watermarks};
use crate::engine::Engine;

pub(crate) fn versions() -> Versions {
    let lean = Version::new(naive::<Lean, _>, rheos)
        .on(Engine::Timely, timely)
        .on(Engine::TimelySteps, steps::run);
    #[cfg(feature = "peers")]
    let lean = lean.on(Engine::Renoir, renoir::run);
    Versions::new(lean, Version::new(naive::<Full, _>, rheos))
}

/// Milliseconds in a window.
const LENGTH: i64 = 10_000;

/// Somebody who opened an auction soon after registering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct NewSeller<N = Name> {
    id: u32,
    name: N,
    window_start: i64,
}

impl<N: NameText> Row for NewSeller<N> {
    fn fields(&self, to: &mut impl Fields) {
        to.integer(self.id);
        to.text(self.name.as_text());
        to.integer(self.window_start);
    }
}

fn window_start(time: i64) -> i64 {
    time - time.rem_euclid(LENGTH)
}

fn naive<F: Form<Person: HasName<Name = N>>, N: NameText>(events: &Events<F>) -> Vec<NewSeller<N>> {
    let mut people: HashMap<(u32, i64), N> = HashMap::new();
    for person in events.people() {
        people.insert((person.id, window_start(person.date_time)), person.rest.name());
    }
    let mut rows = HashSet::new();
    for auction in events.auctions() {
        let (id, window_start) = (auction.seller, window_start(auction.date_time));
        if let Some(name) = people.get(&(id, window_start)) {
            rows.insert(NewSeller { id, name: name.clone(), window_start });
        }
    }
    rows.into_iter().collect()
}

fn rheos<F: Form<Person: HasName<Name = N>>, N: NameText>(
    input: Input<'_, F>,
) -> Stream<NewSeller<N>, Timed> {
    let events = input.events();
    let registered = |event: &EventIn<F>| {
        event.person().map(|person| (person.id, (person.date_time, person.rest.name())))
    };
    let sold =
        |event: &EventIn<F>| event.auction().map(|auction| (auction.seller, auction.date_time));
    let people = events
        .clone()
        .select(registered)
        .event_time(|(_, (millis, _))| EventTime::from_millis(*millis), watermarks());
    let sellers =
        events.select(sold).event_time(|(_, millis)| EventTime::from_millis(*millis), watermarks());
    let tens = Windows::tumbling(Duration::from_millis(LENGTH.unsigned_abs()));
    let sellers = sellers.map(|(seller, _)| seller).key_by_self();
    people
        .keyed()
        .window_join(sellers, tens)
        .semi()
        .drop_late()
        .map(|(id, (millis, name))| NewSeller { id, name, window_start: window_start(millis) })
}

/// What the query reads of an event.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Sign<N = Name> {
    Registered(u32, N),
    Sold(u32),
}

/// The people and the sellers of a window.
#[derive(Default)]
struct Window {
    people: Vec<(u32, Name)>,
    sellers: HashSet<u32, FixedState>,
}

/// People and sellers meet by id: one event in 12, so that a combiner before the exchange would
/// save little.
fn timely(events: &Events) -> anyhow::Result<Tally> {
    let sign = |event: &Event| match event {
        Event::Person(person) => Some(Sign::Registered(person.id, person.rest)),
        Event::Auction(auction) => Some(Sign::Sold(auction.seller)),
        Event::Bid(_) => None,
    };
    bare_timely::run(events, LENGTH, move |batches, tally| {
        // Ids of busy sellers are multiples of 100: the upper bits of a product spread them.
        let by_id = Exchange::new(|sign: &Sign| {
            let (Sign::Registered(id, _) | Sign::Sold(id)) = sign;
            u64::from(id.wrapping_mul(0x9E37_79B1)) >> 16
        });
        let rows = per_epoch(select(batches, sign), by_id, Window::add, Window::finish);
        tally_rows(rows, tally);
    })
}

impl Window {
    fn add(&mut self, signs: &mut Vec<Sign>) {
        for sign in signs.drain(..) {
            match sign {
                Sign::Registered(id, name) => self.people.push((id, name)),
                Sign::Sold(id) => _ = self.sellers.insert(id),
            }
        }
    }

    fn finish(epoch: u64, window: &mut Self, rows: &mut Vec<NewSeller>) {
        let window_start = epoch as i64 * LENGTH;
        let sellers = &window.sellers;
        let new = window.people.drain(..).filter(|(id, _)| sellers.contains(id));
        rows.extend(new.map(|(id, name)| NewSeller { id, name, window_start }));
        window.sellers.clear();
    }
}
