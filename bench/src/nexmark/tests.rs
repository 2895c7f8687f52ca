//! All forms of all queries against the naive ones: on the generator's events, and on events that
//! have what the generator's lack.

use clap::ValueEnum;

use super::events::{Auction, Bid, Event, Events, Name, Person};
use super::query::Query;

/// Checks every form of every query.
fn check(what: &str, events: &Events) {
    for query in Query::value_variants() {
        let forms = query.forms();
        let right = (forms.naive)(events);
        let workers = events.shares().len();
        let timely = (forms.timely)(events).unwrap();
        assert_eq!(timely, right, "{query:?} on timely, {workers} workers, {what}");
        let rheos = (forms.rheos)(events).unwrap();
        assert_eq!(rheos, right, "{query:?} on Rheos, {workers} workers, {what}");
    }
}

/// Deals events out to 1, 2 and 3 workers and checks each.
fn check_dealt(what: &str, events: &[Event]) {
    for workers in 1..=3 {
        let share = |worker| events.iter().skip(worker).step_by(workers).copied().collect();
        check(what, &Events::of((0..workers).map(share).collect()));
    }
}

fn bid(date_time: i64, auction: u32, price: u32) -> Event {
    Event::Bid(Bid { date_time, auction, bidder: 7, price })
}

#[test]
fn forms_agree_on_generated_events() {
    for workers in 1..=3 {
        check("generated", &Events::generate(500_000, workers));
    }
}

#[test]
fn forms_agree_on_nothing_and_on_little() {
    check_dealt("no events", &[]);
    check_dealt("one bid", &[bid(12_345, 123, 1)]);
    check_dealt("bids of price zero", &[bid(0, 123, 0), bid(1, 246, 0)]);
}

#[test]
fn forms_agree_on_ties_and_gaps() {
    let mut events = Vec::new();
    // Ends exactly at window bounds; a tie at each; gaps shorter and longer than a window.
    for start in [0, 2_000, 9_999, 10_000, 14_000, 40_000, 1_000_000, 1_010_000] {
        for auction in 1..=5 {
            events.push(bid(start, auction * 123, 100 + auction % 2));
        }
    }
    check_dealt("ties and gaps", &events);
}

#[test]
fn forms_agree_on_people_who_sell_twice_or_in_another_window() {
    let person = |date_time, id| Event::Person(Person { date_time, id, name: Name(id as u8) });
    let auction = |date_time, seller| Event::Auction(Auction { date_time, seller });
    let events = [
        auction(1, 1), // before registering, in the same window
        person(2, 1),
        person(3, 2),
        auction(4, 2),
        auction(5, 2), // a second one
        person(6, 3),
        auction(9_999, 4),
        auction(10_000, 3), // in the next window
        person(10_001, 4),
    ];
    check_dealt("people and auctions", &events);
    let rows = (Query::Q8.forms().naive)(&Events::of(vec![events.to_vec()])).rows;
    assert_eq!(rows, 2);
}
