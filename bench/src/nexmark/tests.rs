//! All versions of all queries against the naive ones: on the generator's events, and on events
//! that have what the generator's lack.

use std::path::Path;

use clap::ValueEnum;
use nexmark::event::{Auction, Bid, Event, Person};
use rheos::prelude::Config;

use super::events::Extent;
use super::query::{Query, Versions};
use super::scratch::Scratch;
use super::version::{Prepared, Supply};
use crate::engine::Engine;

/// Runs a query on every engine for which it is written.
fn check_prepared(what: &str, query: Query, workers: usize, prepared: &dyn Prepared) {
    let expected = prepared.expected();
    for engine in Engine::value_variants() {
        if *engine != Engine::Rheos && !prepared.is_written_for(*engine) {
            continue;
        }
        let config = Config::default().workers(workers);
        let tally = prepared.run(*engine, config, None).unwrap().unwrap();
        let checked = expected.check(tally);
        assert!(checked.is_ok(), "{query:?} on {engine:?}, {workers} workers, {what}: {checked:?}");
    }
}

/// Checks every query over either form of the generator's events.
fn check_generated(what: &str, extent: Extent, supply: Supply) {
    for query in Query::value_variants() {
        let Versions { lean, full } = query.versions();
        for (form, version) in [("lean", lean), ("full", full)] {
            let prepared = version.prepare(extent, supply);
            check_prepared(&format!("{form} {what}"), *query, extent.workers, &*prepared);
        }
    }
}

/// Deals events out to 1, 2 and 3 workers and checks every query over them in either form.
fn check_dealt(what: &str, events: &[Event]) {
    for workers in 1..=3 {
        let share = |worker| events.iter().skip(worker).step_by(workers).cloned().collect();
        let shares: Vec<Vec<Event>> = (0..workers).map(share).collect();
        for query in Query::value_variants() {
            let Versions { lean, full } = query.versions();
            for (form, version) in [("lean", lean), ("full", full)] {
                let prepared = version.prepare_of(&shares);
                check_prepared(&format!("{form}, {what}"), *query, workers, &*prepared);
            }
        }
    }
}

fn bid(date_time: u64, auction: usize, price: usize) -> Event {
    bid_by(7, date_time, auction, price)
}

/// Every bidder has a channel and a URL, some of which lack parts.
fn bid_by(bidder: usize, date_time: u64, auction: usize, price: usize) -> Event {
    let (channel, url) = [
        ("Apple", "https://www.nexmark.com/a/b/c/item.htm?query=1"),
        ("channel-1", "https://www.nexmark.com/a/b&channel_id=5"),
        ("channel-2", "https://www.nexmark.com/a&channel_id=&x"),
        ("channel-3", ""),
    ][bidder % 4];
    let (channel, url, extra) = (channel.to_owned(), url.to_owned(), "abc\"c\n".to_owned());
    Event::Bid(Bid { auction, bidder, price, channel, url, date_time, extra })
}

fn auction(date_time: u64, id: usize, seller: usize) -> Event {
    Event::Auction(Auction {
        id,
        item_name: format!("item {id}"),
        description: String::new(),
        initial_bid: 0,
        reserve: 0,
        date_time,
        expires: date_time + 10,
        seller,
        category: 10 + id % 2,
        extra: String::new(),
    })
}

fn person(date_time: u64, id: usize) -> Event {
    Event::Person(Person {
        id,
        name: ["peter shultz", "paul white", "walter noris"][id % 3].into(),
        email_address: String::new(),
        credit_card: String::new(),
        city: "boise".into(),
        state: ["id", "az"][id % 2].into(),
        date_time,
        extra: String::new(),
    })
}

#[test]
fn versions_agree_on_generated_events() {
    for workers in 1..=2 {
        check_generated("in memory", Extent { events: 60_000, workers }, Supply::Memory);
    }
    check_generated("generated", Extent { events: 20_001, workers: 2 }, Supply::Generated(None));
}

#[test]
fn versions_agree_on_nothing_and_on_little() {
    check_dealt("no events", &[]);
    check_dealt("one bid", &[bid(12_345, 123, 1)]);
    check_dealt("bids of price zero", &[bid(0, 123, 0), bid(1, 246, 0)]);
}

#[test]
fn versions_agree_on_ties_and_gaps() {
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
fn versions_agree_on_people_who_sell_twice_or_in_another_window() {
    let events = [
        auction(1, 1, 1), // before registering, in the same window
        person(2, 1),
        person(3, 2),
        auction(4, 2, 2),
        auction(5, 3, 2), // a second one
        person(6, 3),
        auction(9_999, 4, 4),
        auction(10_000, 5, 3), // in the next window
        person(10_001, 4),
    ];
    check_dealt("people and auctions", &events);
    let Versions { lean, .. } = Query::Q8.versions();
    let mut lines = lean.prepare_of(&[events.to_vec()]).expected_lines();
    lines.sort();
    assert_eq!(lines, [r#"[1,"paul white",0]"#, r#"[2,"walter noris",0]"#]);
}

#[test]
fn versions_agree_on_bids_before_their_auction_and_outside_its_life() {
    let events = [
        bid_by(1, 5, 2, 900),
        bid_by(2, 99, 2, 800),
        bid_by(3, 100, 2, 10),
        auction(100, 2, 1), // until 110
        auction(100, 4, 1), // without a bid
        person(100, 1),
        person(100, 0),
        auction(100, 6, 0),
        bid_by(4, 100, 6, 50),
        bid_by(4, 105, 2, 30), // as high as the next: the earlier one wins
        bid_by(2, 106, 2, 30),
        bid_by(9, 106, 6, 50),
        bid_by(8, 106, 6, 60), // at the same time: the lower bidder wins
        bid_by(7, 106, 6, 60),
        bid_by(6, 110, 6, 20),
        bid_by(6, 111, 2, 950), // too late
        bid_by(6, 111, 8, 950), // on an auction that never opens
    ];
    check_dealt("bids outside an auction's life", &events);
    let won = Query::Q9.versions().lean;
    let mut lines = won.prepare_of(&[events.to_vec()]).expected_lines();
    lines.sort();
    assert_eq!(lines, ["[2,4,30,105]", "[6,7,60,106]"]);
}

#[test]
fn versions_agree_on_many_auctions_of_a_seller() {
    let mut events = Vec::new();
    // 25 auctions of two sellers, of which pairs expire together, and more than ten bids on each.
    for number in 0..25 {
        let (time, id) = (100 * (number as u64 / 2), 10 + number);
        events.push(auction(time, id, number % 2));
        events.extend((0..13).map(|n| bid_by(n, time + n as u64 / 2, id, 100 * (n * 7 % 5))));
    }
    events.sort_by_key(Event::timestamp);
    check_dealt("many auctions of a seller", &events);
}

#[test]
fn versions_agree_on_sessions_and_days() {
    const HOUR: u64 = 3_600_000;
    let mut events = Vec::new();
    for hour in [0, 6, 7, 8, 18, 19, 20, 23, 24, 26, 32, 49, 24 * 400] {
        for second in [0, 10, 20, 21, 32] {
            let time = 1_436_918_400_000 + hour * HOUR + second * 1_000;
            for (bidder, price) in [(1, 9_999), (2, 10_000), (2, 999_999), (3, 1_000_000)] {
                events.push(bid_by(bidder, time, 1 + bidder % 2, price));
                events.push(bid_by(bidder, time + 1, 3, 2_000_000));
            }
            // Bidder 4 comes back exactly 10 s later, or one millisecond too late.
            events.push(bid_by(4, time + 7, 4, 54_000_000));
            events.push(bid_by(4, time + 10_008, 4, 1_102_000));
        }
    }
    events.sort_by_key(Event::timestamp);
    check_dealt("sessions and days", &events);
}

/// The lines of all files below a folder.
fn lines_below(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => lines.extend(lines_below(&path)),
            false => lines.extend(std::fs::read_to_string(path).unwrap().lines().map(Into::into)),
        }
    }
    lines
}

#[test]
fn files_hold_the_rows_and_nothing_else() {
    let extent = Extent { events: 3_000, workers: 2 };
    for query in Query::value_variants() {
        let Versions { lean, full } = query.versions();
        for version in [lean, full] {
            let scratch = Scratch::new();
            let prepared = version.prepare(extent, Supply::Memory);
            let config = Config::default().workers(extent.workers);
            let tally = prepared.run(Engine::Rheos, config, Some(scratch.path())).unwrap();
            prepared.expected().check(tally.unwrap()).unwrap();
            let (mut written, mut expected) =
                (lines_below(scratch.path()), prepared.expected_lines());
            written.sort();
            expected.sort();
            match query {
                Query::Q12 => assert!(!written.is_empty(), "its windows depend on the clock"),
                _ => assert_eq!(written, expected, "{query:?}"),
            }
        }
    }
}

#[test]
fn bids_are_written_by_day_and_minute() {
    let scratch = Scratch::new();
    let base = 1_436_918_400_000;
    let times = [base, base + 59_999, base + 16 * 60_000, base + 86_400_000];
    let events = times.map(|time| bid(time, 1, 2)).to_vec();
    let version = Query::Q10.versions().lean;
    let config = Config::default().workers(1);
    version.prepare_of(&[events]).run(Engine::Rheos, config, Some(scratch.path())).unwrap();
    for (folder, bids) in
        [("2015-07-15/00:00", 2), ("2015-07-15/00:16", 1), ("2015-07-16/00:00", 1)]
    {
        assert_eq!(lines_below(&scratch.path().join(folder)).len(), bids, "{folder}");
    }
}
