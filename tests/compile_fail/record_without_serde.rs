//! A record that cannot travel to another worker.

use rheos::prelude::*;

#[derive(Clone, Debug)]
struct Visit {
    page: String,
}

fn spread(visits: Stream<Visit>) {
    visits.clone().rebalance().print();
    visits.key_by(|visit| visit.page.clone()).scan(0, |_, _, visit| Some(visit));
}

fn main() {}
