//! Putting records in order of an event time that they do not have.

use rheos::prelude::*;

fn sorted(readings: Stream<u64>) {
    readings.sort_by_event_time().drop_late().print();
}

fn main() {}
