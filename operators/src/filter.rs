//! `filter` and `filter_map`: at most one record for each record.

use rheos_engine::{Next, Run};

use crate::Stream;

impl<T: 'static> Stream<T> {
    /// Keeps the records for which `keep` holds.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::{Job, examples::given};
    /// let job = Job::new("even");
    /// let even = job.source(given(0..10u64)).filter(|n| n % 2 == 0);
    /// # drop(even);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn filter(self, keep: impl Fn(&T) -> bool + Clone + Send + Sync + 'static) -> Stream<T> {
        self.batchwise("filter", move |_| {
            let keep = keep.clone();
            move |batch: &mut Vec<T>, next: &mut Next<T>, run: &mut Run| {
                batch.retain(&keep);
                if !batch.is_empty() {
                    next.batch(batch, run);
                }
            }
        })
    }

    /// Makes a record of each, or none.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::{Job, Stream, examples::given};
    /// let job = Job::new("numbers");
    /// let numbers: Stream<u64> =
    ///     job.source(given(["1", "two", "3"])).filter_map(|text| text.parse().ok());
    /// # drop(numbers);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn filter_map<U: 'static>(
        self,
        map: impl Fn(T) -> Option<U> + Clone + Send + Sync + 'static,
    ) -> Stream<U> {
        self.batchwise("filter map", move |_| {
            let map = map.clone();
            let mut spare: Vec<U> = Vec::new();
            move |batch: &mut Vec<T>, next: &mut Next<U>, run: &mut Run| {
                spare.extend(batch.drain(..).filter_map(&map));
                if !spare.is_empty() {
                    next.batch(&mut spare, run);
                }
            }
        })
    }
}
