//! `filter` and `filter_map`: at most one record for each record.

use rheos_engine::Run;

use crate::timeline::{Batch, NextOf};
use crate::{Stream, Timeline};

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// Keeps the records for which `keep` holds.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let even = results(0..10u64, |numbers| numbers.filter(|n| n % 2 == 0));
    /// assert_eq!(even, [0, 2, 4, 6, 8]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn filter(self, keep: impl Fn(&T) -> bool + Clone + Send + Sync + 'static) -> Self {
        self.batchwise("filter", move |_| filtering::<T, M>(keep.clone()))
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
    /// # use rheos_operators::examples::results;
    /// let numbers: Vec<u64> = results(["1", "two", "3"], |texts| {
    ///     texts.filter_map(|text| text.parse().ok())
    /// });
    /// assert_eq!(numbers, [1, 3]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn filter_map<U: 'static>(
        self,
        map: impl Fn(T) -> Option<U> + Clone + Send + Sync + 'static,
    ) -> Stream<U, M> {
        self.batchwise("filter map", move |_| filter_mapping::<T, U, M>(map.clone()))
    }
}

fn filtering<T: 'static, M: Timeline>(
    keep: impl Fn(&T) -> bool,
) -> impl FnMut(&mut Batch<M, T>, &mut NextOf<M, T>, &mut Run) {
    move |batch, next, run| {
        batch.retain(|record| keep(M::value(record)));
        if !batch.is_empty() {
            next.batch(batch, run);
        }
    }
}

/// The work of a step that makes at most one record of each.
pub(crate) fn filter_mapping<T: 'static, U: 'static, M: Timeline>(
    map: impl Fn(T) -> Option<U>,
) -> impl FnMut(&mut Batch<M, T>, &mut NextOf<M, U>, &mut Run) {
    // What is on its way to the next step; empty between batches.
    let mut made = Vec::new();
    move |batch, next, run| {
        // Not `extend` of a `filter_map`: that moves each record once more on its way.
        for record in batch.drain(..) {
            let (stamp, value) = M::split(record);
            if let Some(value) = map(value) {
                made.push(M::join(stamp, value));
            }
        }
        if !made.is_empty() {
            next.batch(&mut made, run);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Untimed;
    use crate::batchwise::through;

    #[test]
    fn filter_keeps_what_the_test_says_in_order() {
        let step = filtering::<u64, Untimed>(|n| *n > 2);
        assert_eq!(through(step, [vec![4, 1, 3], vec![], vec![2], vec![6]]).unwrap(), [4, 3, 6]);
    }

    #[test]
    fn filter_map_keeps_what_is_made() {
        let step = filter_mapping::<&str, u8, Untimed>(|text| text.parse().ok());
        assert_eq!(through(step, [vec!["1", "two"], vec!["x"], vec!["3"]]).unwrap(), [1, 3]);
    }
}
