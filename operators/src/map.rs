//! `map`, `map_batch` and `inspect`: one record for each record, one batch for each batch.

use rheos_engine::{Next, Run};

use crate::mapping::mapping_values;
use crate::timeline::{Batch, NextOf};
use crate::{Stream, Timeline};

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// Makes one record of each.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let lengths = results(["a", "bc"], |words| words.map(str::len));
    /// assert_eq!(lengths, [1, 2]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn map<U: 'static>(
        self,
        map: impl Fn(T) -> U + Clone + Send + Sync + 'static,
    ) -> Stream<U, M> {
        self.batchwise("map", move |_| mapping_values::<T, U, M>(map.clone()))
    }

    /// Makes one batch of each: for work that is cheaper done for many records at once.
    ///
    /// How records are cut into batches is the engine's affair and differs from run to run: the
    /// result should not depend on it. A batch is never empty.
    ///
    /// # Semantics
    /// * **Order**: kept between batches; within one it is the function's.
    /// * **Event time**: gone; which record a result belongs to is the function's secret.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the cut into batches depends on them and on timing.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let runs = results([3u64, 1, 2], |numbers| {
    ///     numbers.map_batch(|mut batch| {
    ///         batch.sort_unstable();
    ///         batch
    ///     })
    /// });
    /// assert_eq!(runs, [1, 2, 3]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn map_batch<U: 'static>(
        self,
        map: impl Fn(Vec<T>) -> Vec<U> + Clone + Send + Sync + 'static,
    ) -> Stream<U> {
        self.without_event_time().batchwise("map batch", move |_| mapping_batches(map.clone()))
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
    /// # use rheos_operators::examples::results;
    /// let seen = results([1u64, 2], |numbers| numbers.inspect(|n| eprintln!("saw {n}")));
    /// assert_eq!(seen, [1, 2]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn inspect(self, look: impl Fn(&T) + Clone + Send + Sync + 'static) -> Self {
        self.batchwise("inspect", move |_| inspecting::<T, M>(look.clone()))
    }
}

fn mapping_batches<T, U: 'static>(
    map: impl Fn(Vec<T>) -> Vec<U>,
) -> impl FnMut(&mut Vec<T>, &mut Next<U>, &mut Run) {
    move |batch, next, run| {
        if batch.is_empty() {
            return;
        }
        let mut mapped = map(std::mem::take(batch));
        if !mapped.is_empty() {
            next.batch(&mut mapped, run);
        }
    }
}

fn inspecting<T: 'static, M: Timeline>(
    look: impl Fn(&T),
) -> impl FnMut(&mut Batch<M, T>, &mut NextOf<M, T>, &mut Run) {
    move |batch, next, run| {
        batch.iter().map(M::value).for_each(&look);
        next.batch(batch, run);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::Untimed;
    use crate::batchwise::through;
    use crate::mapping::mapping;

    #[test]
    fn map_makes_one_record_of_each_in_order() {
        let input = [vec![1u64, 2, 3], vec![], vec![4]];
        assert_eq!(through(mapping(|n: u64| n * n), input.clone()).unwrap(), [1, 4, 9, 16]);
        let wider = through(mapping(|n: u64| (n, 0u8)), input).unwrap();
        assert_eq!(wider, [(1, 0), (2, 0), (3, 0), (4, 0)]);
    }

    #[test]
    fn map_batch_sees_whole_batches_and_no_empty_one() {
        let lengths = mapping_batches(|batch: Vec<u64>| vec![batch.len()]);
        assert_eq!(through(lengths, [vec![1, 2], vec![], vec![3]]).unwrap(), [2, 1]);
        let nothing = mapping_batches(|_: Vec<u64>| Vec::<u64>::new());
        assert!(through(nothing, [vec![1, 2]]).unwrap().is_empty());
    }

    #[test]
    fn inspect_sees_every_record_and_changes_none() {
        let seen = Rc::new(Cell::new(0));
        let look = Rc::clone(&seen);
        let step = inspecting::<u64, Untimed>(move |n: &u64| look.set(look.get() + n));
        assert_eq!(through(step, [vec![1, 2], vec![3]]).unwrap(), [1, 2, 3]);
        assert_eq!(seen.get(), 6);
    }
}
