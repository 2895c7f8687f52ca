//! q7 on Renoir: each worker folds the highest bids of its windows, and one those of all. Folded by
//! the window's start as the key it takes 1.4 times as long.

use std::iter::once;

use super::{HighestBid, keep_highest, window_start};
use crate::nexmark::events::{Bid, Events};
use crate::nexmark::renoir::{self, tally_rows};
use crate::nexmark::tally::Tally;

/// Windows by their starts, with their highest bids.
type Windows = Vec<(i64, Vec<Bid>)>;

pub(crate) fn run(events: &Events) -> anyhow::Result<Tally> {
    renoir::run(
        events,
        |event| event.bid().copied(),
        |bids, tally| {
            let windows = bids.fold_assoc(Windows::new(), add, merge).flatten();
            let rows = windows.flat_map(|(window_start, bids)| {
                bids.into_iter().map(move |bid| HighestBid { window_start, bid })
            });
            tally_rows(rows, tally);
        },
    )
}

/// Adds a bid of this worker, whose bids are in order of time.
fn add(windows: &mut Windows, bid: Bid) {
    let start = window_start(&bid);
    match windows.last_mut() {
        Some((last, highest)) if *last == start => keep_highest(highest, once(bid)),
        _ => windows.push((start, vec![bid])),
    }
}

/// Adds the windows of another worker.
fn merge(windows: &mut Windows, others: Windows) {
    for (start, bids) in others {
        match windows.binary_search_by_key(&start, |(start, _)| *start) {
            Ok(at) => keep_highest(&mut windows[at].1, bids.into_iter()),
            Err(at) => windows.insert(at, (start, bids)),
        }
    }
}
