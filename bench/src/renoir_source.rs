//! A source for Renoir: each worker goes through its share of what lies in memory.
//!
//! It selects what is wanted where it lies, as an iterator over a file of one's own would, because
//! that is the fastest: q3 takes 6 ns an event so, and 16 if the source copies every event for a
//! `filter_map` after it.

use std::sync::Arc;

use renoir::operator::source::{IntoParallelSource, ParallelIteratorSource};
use renoir::{BatchMode, RuntimeConfig, Stream, StreamContext};

/// Records in a batch before an exchange: of 1,024 to 65,536 by fours, that with which the queries
/// that exchange most are fastest. Renoir's own NEXMark takes as many.
const BATCH: usize = 16_384;

/// What is selected, as a stream.
pub(crate) type Selected<T, S> = Stream<ParallelIteratorSource<Shares<T, S>>>;

/// Runs what `query` makes of a stream of what `select` makes of the items, with a worker a share.
pub(crate) fn run<T, R, S>(
    shares: &[Arc<[T]>],
    select: S,
    query: impl FnOnce(Selected<T, S>),
) -> anyhow::Result<()>
where
    T: Clone + Send + Sync + 'static,
    R: Send + 'static,
    S: Fn(&T) -> Option<R> + Clone + Send + 'static,
{
    let context = StreamContext::new(RuntimeConfig::local(shares.len() as u64)?);
    let shares = Shares { shares: shares.to_vec(), select };
    query(context.stream_par_iter(shares).batch_mode(BatchMode::fixed(BATCH)));
    context.execute_blocking();
    Ok(())
}

/// The shares of all workers, and what is selected from them.
#[derive(Clone)]
pub(crate) struct Shares<T, S> {
    shares: Vec<Arc<[T]>>,
    select: S,
}

impl<T, R, S> IntoParallelSource for Shares<T, S>
where
    T: Clone + Send + Sync + 'static,
    S: Fn(&T) -> Option<R> + Clone + Send + 'static,
{
    type Iter = Share<T, S>;

    fn generate_iterator(self, worker: u64, _workers: u64) -> Share<T, S> {
        let items = Arc::clone(&self.shares[worker as usize]);
        Share { items, at: 0, select: self.select }
    }
}

/// The share of one worker.
pub(crate) struct Share<T, S> {
    items: Arc<[T]>,
    at: usize,
    select: S,
}

impl<T, R, S: Fn(&T) -> Option<R>> Iterator for Share<T, S> {
    type Item = R;

    #[inline]
    fn next(&mut self) -> Option<R> {
        loop {
            let item = self.items.get(self.at)?;
            self.at += 1;
            if let Some(selected) = (self.select)(item) {
                return Some(selected);
            }
        }
    }
}
