//! `limit`: the first so many records.

use std::marker::PhantomData;

use rheos_engine::plan::Route;
use rheos_engine::{Error, ExchangeData, Next, Operator, Output, Run, StateParts};

use crate::{Stream, Timeline};

impl<T: 'static, M: Timeline> Stream<T, M>
where
    M::Record<T>: ExchangeData,
{
    /// Keeps `records` records, or all if there are fewer: exactly, over the whole job. What
    /// stands behind it runs on one worker.
    ///
    /// The sources are read on: a limit ends nothing.
    ///
    /// # Semantics
    /// * **Order**: the first that come to worker 0 are kept, in that order.
    /// * **State**: a count.
    /// * **End of the input**: passed on.
    /// * **Workers**: which records are kept depends on them and on timing; how many does not. A
    ///   worker sends no more than the limit.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let sample = results(0..1_000_000u64, |numbers| numbers.limit(3));
    /// assert_eq!(sample, [0, 1, 2]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn limit(self, records: usize) -> Self {
        let enough: Self = self.batchwise("enough", move |_| {
            let mut left = records;
            move |batch: &mut Vec<M::Record<T>>, next: &mut Next<M::Record<T>>, run: &mut Run| {
                take_up_to(&mut left, batch);
                if !batch.is_empty() {
                    next.batch(batch, run);
                }
            }
        });
        let make = move |_: &_| Limit { left: records, records: PhantomData };
        let route = Route::gather().timed(M::IS_TIMED);
        Stream::new(enough.port().graph().operator(enough.port(), route, "limit", make))
    }
}

/// Lets so many records pass.
struct Limit<T> {
    left: usize,
    records: PhantomData<fn(T)>,
}

impl<T: Send + 'static> Operator for Limit<T> {
    type In = T;
    type Out = T;

    fn on_batch(&mut self, batch: &mut Vec<T>, out: &mut Output<'_, T>) -> Result<(), Error> {
        take_up_to(&mut self.left, batch);
        if !batch.is_empty() {
            out.push_batch(batch);
        }
        Ok(())
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.singleton("left", &mut self.left)
    }
}

/// Cuts a batch to what is left, and takes it off that.
fn take_up_to<T>(left: &mut usize, batch: &mut Vec<T>) {
    batch.truncate(*left);
    *left -= batch.len();
}

#[cfg(test)]
mod tests {
    use rheos_engine::harness::Harness;

    use super::*;
    use crate::recovery::{To, check_recovery, keyed_steps};

    #[test]
    fn exactly_so_many_records_pass_over_all_batches() {
        for (limit, expected) in [(0, 0..0), (3, 0..3), (4, 0..4), (10, 0..6)] {
            let mut harness = Harness::new(Limit { left: limit, records: PhantomData });
            let mut got = harness.batch(vec![0, 1, 2]).unwrap();
            got.extend(harness.end_epoch().unwrap());
            got.extend(harness.batch(vec![3, 4, 5]).unwrap());
            got.extend(harness.end_input().unwrap());
            assert_eq!(got, expected.collect::<Vec<u64>>(), "limit {limit}");
        }
    }

    #[test]
    fn what_is_left_survives() {
        for seed in 0..6 {
            let limit = 10 * seed as usize;
            let make = |_, _| Harness::new(Limit { left: limit, records: PhantomData });
            check_recovery(seed, &keyed_steps(seed), make, |_, _| To::Worker(0));
        }
    }
}
