//! `map`, `map_batch` and `inspect`: one record for each record, one batch for each batch.

use rheos_engine::{Next, Run};

use crate::Stream;
use crate::recast::MapBatch;

impl<T: 'static> Stream<T> {
    /// Makes one record of each.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::{Job, Stream, examples::given};
    /// let job = Job::new("lengths");
    /// let lengths: Stream<usize> = job.source(given(["a", "bc"])).map(str::len);
    /// # drop(lengths);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn map<U: 'static>(
        self,
        map: impl Fn(T) -> U + Clone + Send + Sync + 'static,
    ) -> Stream<U> {
        self.batchwise("map", move |_| {
            let map = map.clone();
            let mut batches = MapBatch::default();
            move |batch: &mut Vec<T>, next: &mut Next<U>, run: &mut Run| {
                batches.map(batch, &map, |mapped| next.batch(mapped, run));
            }
        })
    }

    /// Makes one batch of each: for work that is cheaper done for many records at once.
    ///
    /// How records are cut into batches is the engine's affair and differs from run to run: the
    /// result should not depend on it. A batch is never empty.
    ///
    /// # Semantics
    /// * **Order**: kept between batches; within one it is the function's.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the cut into batches depends on them and on timing.
    ///
    /// ```
    /// # use rheos_operators::{Job, examples::given};
    /// let job = Job::new("sorted runs");
    /// let runs = job.source(given([3u64, 1, 2])).map_batch(|mut batch| {
    ///     batch.sort_unstable();
    ///     batch
    /// });
    /// # drop(runs);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn map_batch<U: 'static>(
        self,
        map: impl Fn(Vec<T>) -> Vec<U> + Clone + Send + Sync + 'static,
    ) -> Stream<U> {
        self.batchwise("map batch", move |_| {
            let map = map.clone();
            move |batch: &mut Vec<T>, next: &mut Next<U>, run: &mut Run| {
                if batch.is_empty() {
                    return;
                }
                let mut mapped = map(std::mem::take(batch));
                if !mapped.is_empty() {
                    next.batch(&mut mapped, run);
                }
            }
        })
    }

    /// Looks at each record and passes it on.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: each looks at its own records, in its own thread.
    ///
    /// ```
    /// # use rheos_operators::{Job, examples::given};
    /// let job = Job::new("look");
    /// let seen = job.source(given([1u64, 2])).inspect(|n| eprintln!("saw {n}"));
    /// # drop(seen);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn inspect(self, look: impl Fn(&T) + Clone + Send + Sync + 'static) -> Stream<T> {
        self.batchwise("inspect", move |_| {
            let look = look.clone();
            move |batch: &mut Vec<T>, next: &mut Next<T>, run: &mut Run| {
                batch.iter().for_each(&look);
                next.batch(batch, run);
            }
        })
    }
}
