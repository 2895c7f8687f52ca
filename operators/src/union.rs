//! `union`: several streams as one.

use crate::{Stream, Timeline};

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// The records of this stream and of another one.
    ///
    /// # Semantics
    /// * **Order**: kept within each of the two; between them it is not fixed.
    /// * **Watermarks**: the earlier of the two, where both have event time.
    /// * **State**: none.
    /// * **End of the input**: when both have ended.
    /// * **Workers**: records stay on their worker.
    ///
    /// # Panics
    /// When the streams belong to different jobs.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let both = results(0..3u64, |numbers| {
    ///     let squares = numbers.clone().map(|n| n * n);
    ///     numbers.union(squares.map(|n| n + 100))
    /// });
    /// assert_eq!(both.len(), 6);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn union(self, other: Self) -> Self {
        self.union_all([other])
    }

    /// The records of this stream and of any number of others; see [`union`](Stream::union).
    ///
    /// # Semantics
    /// As for [`union`](Stream::union).
    ///
    /// # Panics
    /// When the streams belong to different jobs.
    ///
    /// ```
    /// # use rheos_operators::{Job, examples::given};
    /// let job = Job::new("all");
    /// let parts = (1..4u64).map(|n| job.source(given([n])));
    /// let all = job.source(given([0u64])).union_all(parts);
    /// # drop(all);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn union_all(self, others: impl IntoIterator<Item = Self>) -> Self {
        let graph = self.port().graph().clone();
        let inputs: Vec<_> = std::iter::once(self).chain(others).map(Stream::into_port).collect();
        Stream::new(graph.union(&inputs))
    }
}
