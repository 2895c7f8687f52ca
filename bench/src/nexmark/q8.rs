//! q8: in tumbling windows of 10 s, the people who registered and opened an auction in the same
//! window, once each: id, name, window start.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use foldhash::fast::FixedState;
use rheos::engine::EventTime;
use rheos::prelude::{Watermarks, Windows};
use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Exchange;

use super::bare_timely::{self, per_epoch, select, tally_rows};
use super::events::{Event, Events, Name};
use super::query::{Forms, run_job};
use super::tally::{Row, Tally, mix};
use crate::memory::Memory;

pub(crate) const FORMS: Forms = Forms { naive, timely, rheos };

/// Milliseconds in a window.
const LENGTH: i64 = 10_000;

/// Somebody who opened an auction soon after registering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct NewSeller {
    id: u32,
    name: Name,
    window_start: i64,
}

impl Row for NewSeller {
    fn digest(&self) -> u64 {
        mix([u64::from(self.id), u64::from(self.name.0), self.window_start as u64])
    }
}

fn naive(events: &Events) -> Tally {
    let window_start = |time: i64| time - time.rem_euclid(LENGTH);
    let mut people: HashMap<(u32, i64), Name> = HashMap::new();
    for event in events.iter() {
        if let Event::Person(person) = event {
            people.insert((person.id, window_start(person.date_time)), person.name);
        }
    }
    let mut rows = HashSet::new();
    for event in events.iter() {
        if let Event::Auction(auction) = event {
            let window_start = window_start(auction.date_time);
            if let Some(name) = people.get(&(auction.seller, window_start)) {
                rows.insert(NewSeller { id: auction.seller, name: *name, window_start });
            }
        }
    }
    Tally::of(rows)
}

fn rheos(events: &Events) -> anyhow::Result<Tally> {
    run_job(events, |job| {
        let events = job.source(Memory::new(events.shares()));
        let people = events
            .clone()
            .select(Event::person)
            .event_time(|person| EventTime::from_millis(person.date_time), Watermarks::monotone());
        let people = people.key_by(|person| person.id);
        let sellers = events.select(Event::auction).event_time(
            |auction| EventTime::from_millis(auction.date_time),
            Watermarks::monotone(),
        );
        let sellers = sellers.map(|auction| auction.seller);
        let tens = Windows::tumbling(Duration::from_millis(LENGTH.unsigned_abs()));
        people.window_join(sellers.key_by_self(), tens).semi().drop_late().map(|(id, person)| {
            let window_start = person.date_time - person.date_time.rem_euclid(LENGTH);
            NewSeller { id, name: person.name, window_start }
        })
    })
}

/// What the query reads of an event.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Sign {
    Registered(u32, Name),
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
        Event::Person(person) => Some(Sign::Registered(person.id, person.name)),
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
