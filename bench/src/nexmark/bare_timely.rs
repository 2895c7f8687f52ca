//! What the bare-timely forms share: workers that feed their shares into a dataflow, and the
//! operator that gathers an epoch.
//!
//! The fastest form found. Events are not copied into the dataflow: a batch is a range of the
//! worker's share, which its first operator reads in place, so that a query's stateless steps, and
//! its combiner, run in one loop over the memory. (Batches as vectors of what a query selects took
//! about twice as long on q0 to q2.) The timely timestamp is coarse, a window or a slide, because
//! each share is in order. No flow control: a worker may be far ahead of another.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use timely::container::{CapacityContainerBuilder, NoopBuilder};
use timely::dataflow::channels::pact::{ParallelizationContract, Pipeline};
use timely::dataflow::operators::Input;
use timely::dataflow::operators::generic::{Operator, OutputBuilderSession};
use timely::dataflow::{InputHandle, Stream};
use timely::worker::Worker;
use timely::{Accountable, Container};

use super::events::{Event, EventIn, Events};
use super::form::Form;
use super::row::Row;
use super::tally::{SharedTally, Tally};

/// Events in a batch: of 1,024 to 262,144 by fours, the least with which no query is much slower than
/// with its best; at 1,024 the worker's steps take as long as the events.
const BATCH: usize = 16_384;

/// The epoch of queries that never wait for the end of one: longer than all events.
pub(crate) const ENDLESS: i64 = i64::MAX;

/// Records of one type on a timely stream.
pub(crate) type Records<'scope, R> = Stream<'scope, u64, Vec<R>>;

/// Events on a timely stream, in place.
pub(crate) type Batches<'scope, E = Event> = Stream<'scope, u64, Batch<E>>;

/// What an operator sends records to.
pub(crate) type Output<'a, R> = OutputBuilderSession<'a, u64, CapacityContainerBuilder<Vec<R>>>;

/// Some events of a share, in place.
pub(crate) struct Batch<E = Event> {
    share: Arc<[E]>,
    range: Range<usize>,
}

impl<E> Batch<E> {
    /// The events, in order of time.
    #[inline]
    pub(crate) fn events(&self) -> &[E] {
        &self.share[self.range.clone()]
    }
}

impl<E> Clone for Batch<E> {
    fn clone(&self) -> Self {
        Self { share: Arc::clone(&self.share), range: self.range.clone() }
    }
}

impl<E> Default for Batch<E> {
    fn default() -> Self {
        Self { share: Arc::new([]), range: 0..0 }
    }
}

impl<E: 'static> Accountable for Batch<E> {
    fn record_count(&self) -> i64 {
        self.range.len() as i64
    }
}

/// How a share is cut into batches.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    /// Milliseconds; the epoch of an event is its time divided by them.
    pub(crate) epoch: i64,
    /// Events in a batch at most.
    pub(crate) batch: usize,
}

/// Runs a dataflow over events in place, with a worker a share, and gives what it tallied. The
/// epoch of an event is its time divided by `epoch` milliseconds.
pub(crate) fn run<F: Form>(
    events: &Events<F>,
    epoch: i64,
    dataflow: impl Fn(Batches<'_, EventIn<F>>, SharedTally) + Send + Sync + 'static,
) -> anyhow::Result<Tally> {
    let batch_of = |share: &Arc<[_]>, range| Batch { share: Arc::clone(share), range };
    run_on(events, Cut { epoch, batch: BATCH }, batch_of, dataflow)
}

/// Runs a dataflow over batches that `batch_of` makes of ranges of the shares.
pub(crate) fn run_on<F: Form, C: Container + Clone>(
    events: &Events<F>,
    cut: Cut,
    batch_of: impl Fn(&Arc<[EventIn<F>]>, Range<usize>) -> C + Send + Sync + 'static,
    dataflow: impl Fn(Stream<'_, u64, C>, SharedTally) + Send + Sync + 'static,
) -> anyhow::Result<Tally> {
    let shares = events.shares().to_vec();
    let tally = SharedTally::default();
    let total = tally.clone();
    let config = timely::Config::process(shares.len());
    let workers = timely::execute(config, move |worker| {
        let share = &shares[worker.index()];
        let input = worker.dataflow(|scope| {
            let (input, batches) = scope.new_input_with_builder();
            dataflow(batches, tally.clone());
            input
        });
        feed(worker, share, cut, &batch_of, input);
        while worker.step_or_park(None) {}
    });
    let ended = workers.map_err(anyhow::Error::msg)?.join();
    ended.into_iter().collect::<Result<(), String>>().map_err(anyhow::Error::msg)?;
    Ok(total.total())
}

fn feed<P, A, B, C: Container + Clone>(
    worker: &mut Worker,
    share: &Arc<[Event<P, A, B>]>,
    Cut { epoch, batch }: Cut,
    batch_of: impl Fn(&Arc<[Event<P, A, B>]>, Range<usize>) -> C,
    mut input: InputHandle<u64, NoopBuilder<C>>,
) {
    let mut at = 0;
    let mut epoch_ends = i64::MIN;
    while let Some(first) = share.get(at) {
        if first.date_time() >= epoch_ends {
            let number = first.date_time() / epoch;
            epoch_ends = epoch.saturating_mul(number + 1);
            input.advance_to(number as u64);
        }
        let most = &share[at..share.len().min(at + batch)];
        let end = at + most.partition_point(|event| event.date_time() < epoch_ends);
        input.send_batch(&mut batch_of(share, at..end));
        at = end;
        worker.step();
    }
}

/// Counts the rows that `select` makes of the events, in place.
pub(crate) fn tally_selected<R: Row>(
    batches: Batches<'_>,
    tally: SharedTally,
    select: impl Fn(&Event) -> Option<R> + 'static,
) {
    batches.sink(Pipeline, "tally selected", move |(input, _)| {
        input.for_each(|_, batch| tally.add(batch.events().iter().filter_map(&select)));
    });
}

/// Copies what `select` makes of the events, for an exchange.
pub(crate) fn select<'scope, E: 'static, R: Clone + 'static>(
    batches: Batches<'scope, E>,
    select: impl Fn(&E) -> Option<R> + 'static,
) -> Records<'scope, R> {
    batches.unary(Pipeline, "select", move |_, _| {
        move |input, output: &mut Output<'_, R>| {
            input.for_each(|capability, batch| {
                let selected = batch.events().iter().filter_map(&select);
                output.session(&capability).give_iterator(selected);
            });
        }
    })
}

/// Counts rows.
pub(crate) fn tally_rows<R: Row + Clone>(rows: Records<'_, R>, tally: SharedTally) {
    rows.sink(Pipeline, "tally", move |(input, _)| {
        input.for_each(|_, batch| tally.add(batch.drain(..)));
    });
}

/// Gathers what arrives for each epoch in one state, and when the epoch has ended on all workers
/// sends what `finish` makes of it. `finish` leaves the state empty, to be filled again.
pub(crate) fn per_epoch<'scope, C, S, O, P>(
    batches: Stream<'scope, u64, C>,
    pact: P,
    mut add: impl FnMut(&mut S, &mut C) + 'static,
    mut finish: impl FnMut(u64, &mut S, &mut Vec<O>) + 'static,
) -> Records<'scope, O>
where
    C: Accountable + Default + Clone + 'static,
    S: Default + 'static,
    O: Clone + 'static,
    P: ParallelizationContract<u64, C>,
{
    batches.unary_frontier(pact, "per epoch", move |_, _| {
        let (mut open, mut spare) = (BTreeMap::new(), Vec::new());
        let mut rows = Vec::new();
        move |(input, frontier), output: &mut Output<'_, O>| {
            input.for_each(|capability, batch| {
                let Some(capability) = capability.retain_least(0) else { return };
                let epoch = *capability.time();
                let new = || (capability, spare.pop().unwrap_or_default());
                add(&mut open.entry(epoch).or_insert_with(new).1, batch);
            });
            while let Some(entry) = open.first_entry()
                && !frontier.less_equal(entry.key())
            {
                let (epoch, (capability, mut state)) = entry.remove_entry();
                finish(epoch, &mut state, &mut rows);
                spare.push(state);
                output.session(&capability).give_container(&mut rows);
                rows.clear();
            }
        }
    })
}
