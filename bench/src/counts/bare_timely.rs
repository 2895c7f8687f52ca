//! Counting by key and window on bare timely, in the fastest form found.
//!
//! Items are not copied into the dataflow: a batch is a range of the worker's share, which the
//! first operator counts in place, in a table a window. When the window has ended on that worker
//! the table's entries are exchanged, and summed on the worker of the key. The timely timestamp is
//! the number of the window. No flow control: a worker may be far ahead of another.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::FixedState;
use rheos::engine::hash_key;
use timely::container::{CapacityContainerBuilder, NoopBuilder};
use timely::dataflow::channels::pact::{Exchange, ParallelizationContract, Pipeline};
use timely::dataflow::operators::Input;
use timely::dataflow::operators::generic::{Operator, OutputBuilderSession};
use timely::dataflow::{InputHandle, Stream};
use timely::worker::Worker;
use timely::{Accountable, ExchangeData};

use super::tally::{Row, SharedTally, Tally};

/// Items in a batch: few enough that a worker's steps come often, many enough that they cost
/// nothing.
const BATCH: usize = 16_384;

/// The window of counts without windows: longer than all items.
pub(crate) const ENDLESS: i64 = i64::MAX;

/// How often each key occurs.
pub(crate) type Counts<K> = HashMap<K, u64, FixedState>;

/// Some items of a share, in place.
#[derive(Clone)]
struct Batch<T> {
    share: Arc<[T]>,
    range: Range<usize>,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self { share: Arc::from([]), range: 0..0 }
    }
}

impl<T> Accountable for Batch<T> {
    fn record_count(&self) -> i64 {
        self.range.len() as i64
    }
}

/// What is counted: items in order of time, a share a worker.
pub(crate) struct Items<'a, T> {
    pub(crate) shares: &'a [Arc<[T]>],
    /// Milliseconds of event time.
    pub(crate) time: fn(&T) -> i64,
    /// Milliseconds from the start of a window to its end.
    pub(crate) window: i64,
}

/// Counts what `add` makes of the items of each window, with a worker a share.
pub(crate) fn count<T, K>(
    items: Items<'_, T>,
    add: impl Fn(&mut Counts<K>, &[T]) + Clone + Send + Sync + 'static,
) -> anyhow::Result<Tally>
where
    T: Clone + Send + Sync + 'static,
    K: ExchangeData + Clone + Hash + Eq,
{
    let Items { shares, time, window } = items;
    let shares = shares.to_vec();
    let tally = SharedTally::default();
    let total = tally.clone();
    let config = timely::Config::process(shares.len());
    let workers = timely::execute(config, move |worker| {
        let (add, tally) = (add.clone(), tally.clone());
        let input = worker.dataflow(|scope| {
            let (input, batches) = scope.new_input_with_builder();
            let combined = per_window(batches, Pipeline, "combine", move |counts, batch| {
                let Batch { share, range } = std::mem::take(batch);
                add(counts, &share[range]);
            });
            let by_key = Exchange::new(|(key, _): &(K, u64)| hash_key(key));
            let rows = per_window(combined, by_key, "sum", |counts: &mut Counts<K>, batch| {
                batch.drain(..).for_each(|(key, count)| *counts.entry(key).or_default() += count);
            });
            rows.sink(Pipeline, "tally", move |(input, _)| {
                input.for_each(|capability, batch: &mut Vec<(K, u64)>| {
                    let number = capability.least().copied().unwrap_or_default();
                    let window_start = number as i64 * window;
                    let row = |(key, count)| Row { window_start, key, count };
                    tally.add(batch.drain(..).map(row));
                });
            });
            input
        });
        feed(worker, &shares[worker.index()], time, window, input);
        while worker.step_or_park(None) {}
    });
    let ended = workers.map_err(anyhow::Error::msg)?.join();
    ended.into_iter().collect::<Result<(), String>>().map_err(anyhow::Error::msg)?;
    Ok(total.total())
}

fn feed<T: Clone + 'static>(
    worker: &mut Worker,
    share: &Arc<[T]>,
    time: fn(&T) -> i64,
    window: i64,
    mut input: InputHandle<u64, NoopBuilder<Batch<T>>>,
) {
    let mut at = 0;
    let mut window_ends = i64::MIN;
    while let Some(first) = share.get(at) {
        if time(first) >= window_ends {
            let number = time(first) / window;
            window_ends = window.saturating_mul(number + 1);
            input.advance_to(number as u64);
        }
        let most = &share[at..share.len().min(at + BATCH)];
        let end = at + most.partition_point(|item| time(item) < window_ends);
        input.send_batch(&mut Batch { share: Arc::clone(share), range: at..end });
        at = end;
        worker.step();
    }
}

/// Counts what arrives for each window, and sends the counts when the window has ended on all
/// workers that send to this one.
fn per_window<'scope, C, K, P>(
    batches: Stream<'scope, u64, C>,
    pact: P,
    name: &str,
    mut add: impl FnMut(&mut Counts<K>, &mut C) + 'static,
) -> Stream<'scope, u64, Vec<(K, u64)>>
where
    C: Accountable + Default + Clone + 'static,
    K: ExchangeData + Clone + Hash + Eq,
    P: ParallelizationContract<u64, C>,
{
    type Output<'a, K> = OutputBuilderSession<'a, u64, CapacityContainerBuilder<Vec<(K, u64)>>>;
    batches.unary_frontier(pact, name, move |_, _| {
        let (mut open, mut spare) = (BTreeMap::new(), Vec::new());
        move |(input, frontier), output: &mut Output<'_, K>| {
            input.for_each(|capability, batch| {
                let Some(capability) = capability.retain_least(0) else { return };
                let window = *capability.time();
                let new = || (capability, spare.pop().unwrap_or_default());
                add(&mut open.entry(window).or_insert_with(new).1, batch);
            });
            while let Some(entry) = open.first_entry()
                && !frontier.less_equal(entry.key())
            {
                let (capability, mut counts): (_, Counts<K>) = entry.remove();
                output.session(&capability).give_iterator(counts.drain());
                spare.push(counts);
            }
        }
    })
}
