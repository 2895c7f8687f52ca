//! A stream with event time and one without, as one.

use rheos::prelude::*;

fn both(live: Stream<u64, Timed>, old: Stream<u64>) {
    live.union(old).print();
}

fn main() {}
