//! The events of the auction site, as crate `nexmark` generates them, without what no query reads.
//!
//! The stream is the events 0 to N-1. With W workers, worker w has those whose number is w modulo
//! W, in order, so that the set of events does not depend on W. Of every 50 events 1 is a person,
//! 3 are auctions and 46 are bids; 10,000 make a second of event time.

use std::sync::Arc;

use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;
use serde::{Deserialize, Serialize};

/// 2015-07-15T00:00:00Z, when the first event happens, in milliseconds of the Unix epoch.
const BASE_TIME: u64 = 1_436_918_400_000;

/// What happens on the site. Times are milliseconds of the Unix epoch, prices are cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Event {
    Person(Person),
    Auction(Auction),
    Bid(Bid),
}

/// Somebody registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) date_time: i64,
    pub(crate) id: u32,
    pub(crate) name: Name,
}

/// Somebody opens an auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Auction {
    pub(crate) date_time: i64,
    pub(crate) seller: u32,
}

/// Somebody bids in an auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Bid {
    pub(crate) date_time: i64,
    pub(crate) auction: u32,
    pub(crate) bidder: u32,
    pub(crate) price: u32,
}

/// A person's name: its number among the few that the generator makes, so that it is copied
/// without touching the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Name(pub(crate) u8);

impl Event {
    /// The event time.
    #[inline]
    pub(crate) fn date_time(&self) -> i64 {
        match self {
            Event::Person(person) => person.date_time,
            Event::Auction(auction) => auction.date_time,
            Event::Bid(bid) => bid.date_time,
        }
    }

    /// The person, if it is one.
    #[inline]
    pub(crate) fn person(&self) -> Option<Person> {
        match self {
            Event::Person(person) => Some(*person),
            Event::Auction(_) | Event::Bid(_) => None,
        }
    }

    /// The auction, if it is one.
    #[inline]
    pub(crate) fn auction(&self) -> Option<Auction> {
        match self {
            Event::Auction(auction) => Some(*auction),
            Event::Person(_) | Event::Bid(_) => None,
        }
    }

    /// The bid, if it is one.
    #[inline]
    pub(crate) fn bid(&self) -> Option<Bid> {
        match self {
            Event::Bid(bid) => Some(*bid),
            Event::Person(_) | Event::Auction(_) => None,
        }
    }
}

/// The stream, as shares of the workers.
#[derive(Clone)]
pub(crate) struct Events {
    shares: Vec<Arc<[Event]>>,
}

impl Events {
    /// The events 0 to `total` - 1, in a share for each of `workers`.
    pub(crate) fn generate(total: usize, workers: usize) -> Self {
        let config = NexmarkConfig { base_time: BASE_TIME, ..NexmarkConfig::default() };
        let share = |worker: usize| {
            let generator = EventGenerator::new(config.clone())
                .with_offset(worker as u64)
                .with_step(workers as u64);
            let events = generator.take((total + workers - 1 - worker) / workers);
            events.map(|event| lean(&event, &config)).collect()
        };
        Self { shares: (0..workers).map(share).collect() }
    }

    /// Any events, as long as every share is in order of time.
    #[cfg(test)]
    pub(crate) fn of(shares: Vec<Vec<Event>>) -> Self {
        Self { shares: shares.into_iter().map(Arc::from).collect() }
    }

    /// The share of each worker.
    pub(crate) fn shares(&self) -> &[Arc<[Event]>] {
        &self.shares
    }

    /// All events, one share after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Event> {
        self.shares.iter().flat_map(|share| share.iter())
    }

    /// All bids, one share after the other.
    pub(crate) fn bids(&self) -> impl Iterator<Item = Bid> {
        self.iter().filter_map(Event::bid)
    }
}

fn lean(event: &nexmark::event::Event, config: &NexmarkConfig) -> Event {
    use nexmark::event::Event as Full;
    match event {
        Full::Person(person) => Event::Person(Person {
            date_time: time(person.date_time),
            id: small(person.id),
            name: number(&person.name, config),
        }),
        Full::Auction(auction) => Event::Auction(Auction {
            date_time: time(auction.date_time),
            seller: small(auction.seller),
        }),
        Full::Bid(bid) => Event::Bid(Bid {
            date_time: time(bid.date_time),
            auction: small(bid.auction),
            bidder: small(bid.bidder),
            price: small(bid.price),
        }),
    }
}

fn time(millis: u64) -> i64 {
    i64::try_from(millis).expect("the generator's times are of this century")
}

/// Ids count from 1,000, a few in 50 events, and prices end at a hundred million.
fn small(number: usize) -> u32 {
    u32::try_from(number).expect("the generator's ids and prices are below 2^32")
}

/// First names times last names: 99.
fn number(name: &str, config: &NexmarkConfig) -> Name {
    let place = |names: &[String], name: &str| names.iter().position(|other| other == name);
    let number = name.split_once(' ').and_then(|(first, last)| {
        let (first, last) = (place(&config.first_names, first)?, place(&config.last_names, last)?);
        u8::try_from(first * config.last_names.len() + last).ok()
    });
    Name(number.expect("the generator makes names from its own lists"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_of_events_does_not_depend_on_the_workers() {
        let all = Events::generate(1_000, 1);
        for workers in [2, 3, 7] {
            let events = Events::generate(1_000, workers);
            for (number, event) in all.iter().enumerate() {
                assert_eq!(events.shares[number % workers][number / workers], *event);
            }
            assert_eq!(events.iter().count(), 1_000);
        }
    }

    #[test]
    fn events_are_in_order_and_in_proportion() {
        let events = Events::generate(10_000, 1);
        let times: Vec<i64> = events.iter().map(Event::date_time).collect();
        assert!(times.is_sorted());
        assert_eq!((times[0], times[9_999]), (BASE_TIME as i64, BASE_TIME as i64 + 1_000));
        assert_eq!(events.bids().count(), 9_200);
        let people = events.iter().filter(|event| matches!(event, Event::Person(_))).count();
        assert_eq!(people, 200);
    }

    #[test]
    fn the_first_person_is_the_generators() {
        let events = Events::generate(1, 1);
        // "vicky noris": the sixth of the first names and the last of the nine last names.
        let expected = Person { date_time: BASE_TIME as i64, id: 1_000, name: Name(5 * 9 + 8) };
        assert_eq!(events.iter().next(), Some(&Event::Person(expected)));
    }
}
