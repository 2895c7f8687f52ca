//! A record that cannot travel to another worker.

use rheos::prelude::*;

#[derive(Clone, Debug)]
struct Visit {
    page: String,
}

fn spread(visits: Stream<Visit>) {
    visits.clone().rebalance().print();
    let by_page = visits.key_by(|visit| visit.page.clone());
    by_page.clone().scan(0, |_, _, visit| Some(visit));
    by_page.process_with(0, |seen, _, _| *seen += 1, |_, context| context.emit(1));
}

fn main() {}
