//! `rebalance`, `broadcast`, `gather` and `partition_by`: which worker has which record.

use std::marker::PhantomData;

use rheos_engine::plan::Route;
use rheos_engine::{Error, ExchangeData, Operator, Output};

use crate::{Stream, Timeline};

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// Deals the records over all workers in turn: for a few large splits before costly steps.
    ///
    /// # Semantics
    /// * **Order**: kept between the records that one worker sends another.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: which worker gets which record is not fixed.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let spread = results(0..3u64, |numbers| numbers.rebalance());
    /// assert_eq!(spread, [0, 1, 2]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn rebalance(self) -> Self
    where
        M::Record<T>: ExchangeData,
    {
        self.redistribute("rebalance", Route::rebalance())
    }

    /// Gives every worker every record: for small tables that all need.
    ///
    /// # Semantics
    /// * **Order**: kept between the records that one worker sends another.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: each record comes once on each.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let rates = results([1.1f64, 0.9], |rates| rates.broadcast());
    /// assert_eq!(rates, [1.1, 0.9]); // once on each worker, of which there is one
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn broadcast(self) -> Self
    where
        M::Record<T>: ExchangeData + Clone,
    {
        self.redistribute("broadcast", Route::broadcast())
    }

    /// Brings all records to worker 0. What stands behind it runs on one worker.
    ///
    /// # Semantics
    /// * **Order**: kept between the records that one worker sends.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the order between the records of several is not fixed.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let together = results(0..3u64, |numbers| numbers.gather());
    /// assert_eq!(together, [0, 1, 2]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn gather(self) -> Self
    where
        M::Record<T>: ExchangeData,
    {
        self.redistribute("gather", Route::gather())
    }

    /// Brings each record to the worker whose number is `choose` modulo the number of workers:
    /// records of one number meet on one worker.
    ///
    /// # Semantics
    /// * **Order**: kept between the records that one worker sends another.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: which records meet depends on how many there are, unless they have the same
    ///   number.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let by_tens = results(0..3u64, |numbers| numbers.partition_by(|n| n / 10));
    /// assert_eq!(by_tens, [0, 1, 2]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn partition_by(self, choose: impl Fn(&T) -> u64 + Clone + Send + Sync + 'static) -> Self
    where
        M::Record<T>: ExchangeData,
    {
        let choose = move |record: &M::Record<T>| choose(M::value(record));
        self.redistribute("partition by", Route::custom(choose))
    }

    pub(crate) fn redistribute(self, kind: &'static str, route: Route<M::Record<T>>) -> Self
    where
        M::Record<T>: ExchangeData,
    {
        let route = route.timed(M::IS_TIMED);
        let make = |_: &_| PassOn(PhantomData);
        Stream::new(self.port().graph().operator(self.port(), route, kind, make))
    }
}

/// Passes on whatever came to its worker.
struct PassOn<T>(PhantomData<fn(T)>);

impl<T: Send + 'static> Operator for PassOn<T> {
    type In = T;
    type Out = T;

    fn on_batch(&mut self, batch: &mut Vec<T>, out: &mut Output<'_, T>) -> Result<(), Error> {
        out.push_batch(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rheos_engine::harness::Harness;

    use super::*;

    #[test]
    fn records_are_passed_on_at_once_and_unchanged() {
        let mut harness = Harness::new(PassOn(PhantomData));
        assert_eq!(harness.batch(vec![1, 2]).unwrap(), [1, 2]);
        assert!(harness.end_input().unwrap().is_empty());
    }
}
