//! Results that come with late records, of which nothing is said.

use std::time::Duration;

use rheos::prelude::*;

fn counts(visits: Stream<u64, Timed>) {
    let minutes = Windows::tumbling(Duration::from_secs(60));
    visits.clone().window(minutes.clone()).count().print();
    visits.clone().window(minutes.clone()).count().sink(Null::new());
    visits.window(minutes).count().map(|pane| pane.value);
}

fn main() {}
