//! q10: every bid, written to files by day and minute of event time, as
//! `2015-07-15/00:16/part-000-00000.jsonl`; rows as in q0, from the files.
//!
//! Without `--output` the files go to a folder that is removed after the run.

use compact_str::format_compact;

use super::calendar::{day, day_text, minute, minute_text};
use super::events::{Bid, Event, Events};
use super::form::{Form, Full, Lean, RowExtra};
use super::partitioned::{PartitionedFiles, Partitions};
use super::query::Versions;
use super::row::RowLines;
use super::version::{Input, Results, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::writing(naive::<Lean>, rheos), Version::writing(naive::<Full>, rheos))
}

fn naive<F: Form<Bid: RowExtra>>(events: &Events<F>) -> Vec<Bid<F::Bid>> {
    events.bids().cloned().collect()
}

/// The bids are counted beside the sink, which costs a copy of each.
fn rheos<F: Form<Bid: RowExtra>>(input: Input<'_, F>, results: &Results<'_>) {
    let bids = input.events().filter_map(Event::into_bid);
    results.tally(bids.clone());
    let partitions = Partitions {
        of: |bid: &Bid<F::Bid>| minute(bid.date_time),
        folder: |minute| {
            let day = day_text(day(minute * 60_000));
            format_compact!("{day}/{}", minute_text(minute))
        },
    };
    bids.sink(PartitionedFiles::new(results.folder_or_scratch(), RowLines::new(), partitions));
}
