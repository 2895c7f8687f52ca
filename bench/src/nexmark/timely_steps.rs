//! What the forms on bare timely with an operator a step share: how events come in, and the
//! stateless steps.
//!
//! The usual way to write for timely, where [`bare_timely`](super::bare_timely) is the fastest:
//! events come in as vectors, every step is an operator that takes a vector from the one before it
//! and gives one to the next, and what has to meet is exchanged record by record. Nothing is
//! combined before an exchange but the maximum of q7, which each worker takes of its own bids.
//! Steps with state keep it by epoch, and answer when the frontier has passed.

use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;

use super::bare_timely::{Cut, Output, Records, run_on};
use super::events::{EventIn, Events};
use super::form::Form;
use super::tally::{SharedTally, Tally};

/// Events in a vector: of 256 to 16,384 by fours, that with which every query is fastest or as
/// fast as with the next smaller. With one worker an event of q0 takes 14.9, 11.2, 7.7 and 6.3 ns,
/// one of q5 27, 18, 14 and 11: what a vector costs each step, and each round of the worker's steps,
/// is more than what larger vectors miss the cache.
const BATCH: usize = 16_384;

/// Runs a dataflow with a worker a share, and gives what it tallied. The epoch of an event is its
/// time divided by `epoch` milliseconds.
pub(crate) fn run<F: Form>(
    events: &Events<F>,
    epoch: i64,
    dataflow: impl Fn(Records<'_, EventIn<F>>, SharedTally) + Send + Sync + 'static,
) -> anyhow::Result<Tally> {
    let cut = Cut { epoch, batch: BATCH };
    run_on(events, cut, |share, range| share[range].to_vec(), dataflow)
}

/// A step that makes a record of each, or none. The vector's memory goes on to the next step where
/// the records fit.
pub(crate) fn filter_map<'scope, D: 'static, R: Clone + 'static>(
    records: Records<'scope, D>,
    select: impl Fn(D) -> Option<R> + 'static,
) -> Records<'scope, R> {
    records.unary(Pipeline, "filter map", move |_, _| {
        move |input, output: &mut Output<'_, R>| {
            input.for_each(|capability, batch| {
                let records = std::mem::take(batch).into_iter();
                let mut selected = records.filter_map(&select).collect();
                output.session(&capability).give_container(&mut selected);
            });
        }
    })
}

/// A step that makes a record of each.
pub(crate) fn map<'scope, D: 'static, R: Clone + 'static>(
    records: Records<'scope, D>,
    change: impl Fn(D) -> R + 'static,
) -> Records<'scope, R> {
    filter_map(records, move |record| Some(change(record)))
}
