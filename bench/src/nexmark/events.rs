//! The events of the auction site, as crate `nexmark` generates them, in one of the
//! [forms](super::form).
//!
//! The stream is the events 0 to N-1. With W workers, worker w has those whose number is w modulo
//! W, in order, so that the set of events does not depend on W. Of every 50 events 1 is a person,
//! 3 are auctions and 46 are bids; 10,000 make a second of event time.

use std::sync::Arc;

use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;
use nexmark::event::Event as WholeEvent;
use serde::{Deserialize, Serialize};

use super::form::{Form, Lean, Name, Rest};

/// 2015-07-15T00:00:00Z, when the first event happens, in milliseconds of the Unix epoch.
pub(crate) const BASE_TIME: u64 = 1_436_918_400_000;

/// What happens on the site. Times are milliseconds of the Unix epoch, prices are cents.
///
/// Without further parameters it is the lean event of the queries that read no text: 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Event<P = Name, A = (), B = ()> {
    Person(Person<P>),
    Auction(Auction<A>),
    Bid(Bid<B>),
}

/// The events of a form.
pub(crate) type EventIn<F> = Event<<F as Form>::Person, <F as Form>::Auction, <F as Form>::Bid>;

/// Somebody registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Person<R = Name> {
    pub(crate) date_time: i64,
    pub(crate) id: u32,
    pub(crate) rest: R,
}

/// Somebody opens an auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Auction<R = ()> {
    pub(crate) date_time: i64,
    pub(crate) id: u32,
    pub(crate) seller: u32,
    pub(crate) category: u32,
    /// Milliseconds for which it is open; see [`expires`](Auction::expires).
    pub(crate) open_for: u32,
    pub(crate) rest: R,
}

/// Somebody bids in an auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Bid<R = ()> {
    pub(crate) date_time: i64,
    pub(crate) auction: u32,
    pub(crate) bidder: u32,
    pub(crate) price: u32,
    pub(crate) rest: R,
}

impl<R> Auction<R> {
    /// The last moment for a bid.
    #[inline]
    pub(crate) fn expires(&self) -> i64 {
        self.date_time + i64::from(self.open_for)
    }

    /// The auction without the texts that came with it.
    #[inline]
    pub(crate) fn numbers(&self) -> Auction {
        let Self { date_time, id, seller, category, open_for, .. } = *self;
        Auction { date_time, id, seller, category, open_for, rest: () }
    }
}

impl<R> Bid<R> {
    /// The bid without the texts that came with it.
    #[inline]
    pub(crate) fn numbers(&self) -> Bid {
        let Self { date_time, auction, bidder, price, .. } = *self;
        Bid { date_time, auction, bidder, price, rest: () }
    }
}

impl<P, A, B> Event<P, A, B> {
    /// Makes it of the generator's.
    pub(crate) fn of(whole: WholeEvent) -> Self
    where
        P: Rest<nexmark::event::Person>,
        A: Rest<nexmark::event::Auction>,
        B: Rest<nexmark::event::Bid>,
    {
        match whole {
            WholeEvent::Person(person) => Event::Person(Person {
                date_time: time(person.date_time),
                id: small(person.id),
                rest: P::of(person),
            }),
            WholeEvent::Auction(auction) => Event::Auction(Auction {
                date_time: time(auction.date_time),
                id: small(auction.id),
                seller: small(auction.seller),
                category: small(auction.category),
                open_for: u32::try_from(auction.expires - auction.date_time)
                    .expect("auctions of the generator are open for seconds"),
                rest: A::of(auction),
            }),
            WholeEvent::Bid(bid) => Event::Bid(Bid {
                date_time: time(bid.date_time),
                auction: small(bid.auction),
                bidder: small(bid.bidder),
                price: small(bid.price),
                rest: B::of(bid),
            }),
        }
    }

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
    pub(crate) fn person(&self) -> Option<&Person<P>> {
        match self {
            Event::Person(person) => Some(person),
            Event::Auction(_) | Event::Bid(_) => None,
        }
    }

    /// The auction, if it is one.
    #[inline]
    pub(crate) fn auction(&self) -> Option<&Auction<A>> {
        match self {
            Event::Auction(auction) => Some(auction),
            Event::Person(_) | Event::Bid(_) => None,
        }
    }

    /// The bid, if it is one.
    #[inline]
    pub(crate) fn bid(&self) -> Option<&Bid<B>> {
        match self {
            Event::Bid(bid) => Some(bid),
            Event::Person(_) | Event::Auction(_) => None,
        }
    }

    /// The bid with all that came with it, if it is one.
    #[inline]
    pub(crate) fn into_bid(self) -> Option<Bid<B>> {
        match self {
            Event::Bid(bid) => Some(bid),
            Event::Person(_) | Event::Auction(_) => None,
        }
    }
}

fn time(millis: u64) -> i64 {
    i64::try_from(millis).expect("the generator's times are of this century")
}

/// Ids count from 1,000, a few in 50 events, and prices end at a hundred million.
fn small(number: usize) -> u32 {
    u32::try_from(number).expect("the generator's ids and prices are below 2^32")
}

/// How many events there are, and how many workers share them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) events: usize,
    pub(crate) workers: usize,
}

impl Extent {
    /// Generates the share of a worker.
    pub(crate) fn share(self, worker: usize) -> impl Iterator<Item = WholeEvent> {
        let config = NexmarkConfig { base_time: BASE_TIME, ..NexmarkConfig::default() };
        let generator =
            EventGenerator::new(config).with_offset(worker as u64).with_step(self.workers as u64);
        generator.take((self.events + self.workers - 1 - worker) / self.workers)
    }
}

/// The stream in memory, as shares of the workers.
pub(crate) struct Events<F: Form = Lean> {
    shares: Vec<Arc<[EventIn<F>]>>,
}

impl<F: Form> Events<F> {
    /// The generator's events.
    pub(crate) fn generate(extent: Extent) -> Self {
        let share = |worker| extent.share(worker).map(Event::of).collect();
        Self { shares: (0..extent.workers).map(share).collect() }
    }

    /// Any events, as long as every share is in order of time.
    #[cfg(test)]
    pub(crate) fn of(shares: &[Vec<WholeEvent>]) -> Self {
        let share = |share: &Vec<WholeEvent>| share.iter().cloned().map(Event::of).collect();
        Self { shares: shares.iter().map(share).collect() }
    }

    /// The share of each worker.
    pub(crate) fn shares(&self) -> &[Arc<[EventIn<F>]>] {
        &self.shares
    }

    /// All events, one share after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &EventIn<F>> {
        self.shares.iter().flat_map(|share| share.iter())
    }

    /// All people, one share after the other.
    pub(crate) fn people(&self) -> impl Iterator<Item = &Person<F::Person>> {
        self.iter().filter_map(Event::person)
    }

    /// All auctions, one share after the other.
    pub(crate) fn auctions(&self) -> impl Iterator<Item = &Auction<F::Auction>> {
        self.iter().filter_map(Event::auction)
    }

    /// All bids, one share after the other.
    pub(crate) fn bids(&self) -> impl Iterator<Item = &Bid<F::Bid>> {
        self.iter().filter_map(Event::bid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nexmark::form::{NameText, WithAddress, WithChannel};

    fn generate(events: usize, workers: usize) -> Events {
        Events::generate(Extent { events, workers })
    }

    #[test]
    fn the_set_of_events_does_not_depend_on_the_workers() {
        let all = generate(1_000, 1);
        for workers in [2, 3, 7] {
            let events = generate(1_000, workers);
            for (number, event) in all.iter().enumerate() {
                assert_eq!(events.shares[number % workers][number / workers], *event);
            }
            assert_eq!(events.iter().count(), 1_000);
        }
    }

    #[test]
    fn events_are_in_order_and_in_proportion() {
        let events = generate(10_000, 1);
        let times: Vec<i64> = events.iter().map(Event::date_time).collect();
        assert!(times.is_sorted());
        assert_eq!((times[0], times[9_999]), (BASE_TIME as i64, BASE_TIME as i64 + 1_000));
        assert_eq!(events.bids().count(), 9_200);
        assert_eq!(events.auctions().count(), 600);
        assert_eq!(events.people().count(), 200);
    }

    #[test]
    fn the_first_person_is_the_generators() {
        let events = generate(1, 1);
        let person = events.people().next().unwrap();
        assert_eq!((person.date_time, person.id), (BASE_TIME as i64, 1_000));
        // The sixth of the first names and the last of the nine last names.
        assert_eq!((person.rest, person.rest.as_text()), (Name(5 * 9 + 8), "vicky noris"));
    }

    #[test]
    fn lean_events_are_small() {
        assert_eq!(size_of::<Event>(), 32);
        assert_eq!(size_of::<EventIn<WithAddress>>(), 32);
        assert_eq!(size_of::<EventIn<WithChannel>>(), 48);
    }
}
