//! Fallible steps: `try_map`, and what can be done with a stream of results.

use std::fmt::Display;
use std::marker::PhantomData;

use rheos_engine::{Consumer, Error, ErrorKind, EventTime, Flush, Next, Run, WorkerContext};

use crate::filter::filter_mapping;
use crate::timeline::{Batch, NextOf};
use crate::{Stream, Timeline};

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// Makes one record of each, and gives those for which that failed, with the reason, as a
    /// stream of their own: a dead-letter stream.
    ///
    /// Where the records are not needed any more, [`map`](Stream::map) to a `Result` and say with
    /// [`or_fail`](Stream::or_fail) or [`or_skip`](Stream::or_skip) what an error means.
    ///
    /// # Semantics
    /// * **Order**: kept within each of the two streams; between them it is not fixed.
    /// * **State**: none.
    /// * **End of the input**: passed on to both.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let texts = results(["1", "two"].map(String::from), |lines| {
    ///     let (numbers, bad) = lines.try_map(|line| line.parse::<u64>());
    ///     numbers.map(|n| format!("a {n}")).union(bad.map(|(line, why)| format!("{line}: {why}")))
    /// });
    /// assert_eq!(texts, ["a 1", "two: invalid digit found in string"]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn try_map<U: 'static, E: 'static>(
        self,
        map: impl Fn(&T) -> Result<U, E> + Clone + Send + Sync + 'static,
    ) -> (Stream<U, M>, Stream<(T, E), M>) {
        let make = move |_: &WorkerContext, good, bad| -> Next<M::Record<T>> {
            let map = map.clone();
            let try_map = move |record| map(&record).map_err(|reason| (record, reason));
            Box::new(Part::<_, T, U, (T, E), M>::new(try_map, good, bad))
        };
        let (good, bad) = self.port().graph().stage_with_two(self.port(), "try map", make);
        (Stream::new(good), Stream::new(bad))
    }
}

/// Parts what can be made of records from those of which nothing can.
struct Part<F, T, U: 'static, B: 'static, M: Timeline> {
    map: F,
    good: Next<M::Record<U>>,
    bad: Next<M::Record<B>>,
    /// What is on its way to `good`; empty between batches.
    made: Vec<M::Record<U>>,
    /// What is on its way to `bad`; empty between batches.
    failed: Vec<M::Record<B>>,
    records: PhantomData<fn(T)>,
}

impl<F, T, U, B, M: Timeline> Part<F, T, U, B, M> {
    fn new(map: F, good: Next<M::Record<U>>, bad: Next<M::Record<B>>) -> Self {
        Self { map, good, bad, made: Vec::new(), failed: Vec::new(), records: PhantomData }
    }
}

impl<T, U, B, F, M: Timeline> Consumer<M::Record<T>> for Part<F, T, U, B, M>
where
    T: 'static,
    U: 'static,
    B: 'static,
    F: Fn(T) -> Result<U, B> + 'static,
{
    fn batch(&mut self, batch: &mut Vec<M::Record<T>>, run: &mut Run) {
        for record in batch.drain(..) {
            let (stamp, record) = M::split(record);
            match (self.map)(record) {
                Ok(made) => self.made.push(M::join(stamp, made)),
                Err(bad) => self.failed.push(M::join(stamp, bad)),
            }
        }
        if !self.made.is_empty() {
            self.good.batch(&mut self.made, run);
        }
        if !self.failed.is_empty() {
            self.bad.batch(&mut self.failed, run);
        }
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.good.flush(flush, run);
        self.bad.flush(flush, run);
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.good.watermark(watermark, run);
        self.bad.watermark(watermark, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.good.end(run);
        self.bad.end(run);
    }
}

impl<T: 'static, E: 'static, M: Timeline> Stream<Result<T, E>, M> {
    /// Takes the values; the job fails at the first error, with the name of this step.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: which of several errors is reported depends on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let numbers: Vec<u64> =
    ///     results(["1", "2"], |lines| lines.map(|line| line.parse()).or_fail());
    /// assert_eq!(numbers, [1, 2]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn or_fail(self) -> Stream<T, M>
    where
        E: Display,
    {
        self.batchwise("or fail", |_| failing::<T, E, M>())
    }

    /// Takes the values and leaves the errors out. The report of the job shows how many: by so
    /// much fewer records leave the step than come in.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let numbers: Vec<u64> =
    ///     results(["1", "two"], |lines| lines.map(|line| line.parse()).or_skip());
    /// assert_eq!(numbers, [1]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn or_skip(self) -> Stream<T, M> {
        self.batchwise("or skip", |_| filter_mapping::<_, T, M>(Result::ok))
    }

    /// Takes the values, and gives the errors as a stream of their own: a dead-letter stream.
    ///
    /// # Semantics
    /// * **Order**: kept within each of the two streams; between them it is not fixed.
    /// * **State**: none.
    /// * **End of the input**: passed on to both.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let texts = results(["1", "two"], |lines| {
    ///     let numbers = lines.map(|line| line.parse::<u64>().map_err(|_| line.to_owned()));
    ///     let (numbers, bad) = numbers.or_dead_letter();
    ///     numbers.map(|n| format!("a {n}")).union(bad)
    /// });
    /// assert_eq!(texts, ["a 1", "two"]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn or_dead_letter(self) -> (Stream<T, M>, Stream<E, M>) {
        let make = |_: &WorkerContext, good, bad| -> Next<M::Record<Result<T, E>>> {
            Box::new(Part::<_, Result<T, E>, T, E, M>::new(|result| result, good, bad))
        };
        let graph = self.port().graph();
        let (good, bad) = graph.stage_with_two(self.port(), "or dead letter", make);
        (Stream::new(good), Stream::new(bad))
    }
}

/// A batch of results.
type Results<M, T, E> = Batch<M, Result<T, E>>;

fn failing<T: 'static, E: Display + 'static, M: Timeline>()
-> impl FnMut(&mut Results<M, T, E>, &mut NextOf<M, T>, &mut Run) {
    // What is on its way to the next step; empty between batches.
    let mut values = Vec::new();
    move |batch, next, run| {
        for record in batch.drain(..) {
            let (stamp, result) = M::split(record);
            match result {
                Ok(value) => values.push(M::join(stamp, value)),
                Err(reason) => {
                    run.fail(failed(&reason));
                    break;
                }
            }
        }
        if !values.is_empty() {
            next.batch(&mut values, run);
        }
    }
}

fn failed(reason: &impl Display) -> Error {
    Error::new(ErrorKind::UserCode, "process a record", reason.to_string())
        .advise("leave such records out with .or_skip(), or keep them with .try_map(..)")
}

#[cfg(test)]
mod tests {
    use rheos_engine::harness::{self, Collected};

    use super::*;
    use crate::Untimed;
    use crate::batchwise::through;

    type Parsed = Result<u8, std::num::ParseIntError>;

    fn parsed(texts: &[&str]) -> Vec<Parsed> {
        texts.iter().map(|text| text.parse()).collect()
    }

    #[test]
    fn try_map_gives_values_and_failures_with_their_records() {
        let ((good, values), (bad, failures)) = (Collected::consumer(), Collected::consumer());
        let parse = |text: &'static str| text.parse::<u8>().map_err(|_| (text, ()));
        let mut step = Part::<_, &str, u8, (&str, ()), Untimed>::new(parse, good, bad);
        let mut run = harness::run();
        for mut batch in [vec!["1", "two", "3"], vec!["x"], vec!["4"]] {
            step.batch(&mut batch, &mut run);
            assert!(batch.is_empty());
        }
        step.end(&mut run);
        assert_eq!(values.take(), [1, 3, 4]);
        assert_eq!(failures.take(), [("two", ()), ("x", ())]);
        assert!(values.has_ended() && failures.has_ended());
    }

    #[test]
    fn or_fail_fails_the_job_with_the_step_and_the_reason() {
        let failing = || failing::<u8, std::num::ParseIntError, Untimed>();
        assert_eq!(through(failing(), [parsed(&["1", "2"])]).unwrap(), [1, 2]);
        let error = through(failing(), [parsed(&["1", "two", "3"])]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UserCode);
        assert!(error.to_string().contains("invalid digit"), "{error}");
        assert_eq!(error.step(), Some("step under test"));
    }

    #[test]
    fn or_skip_leaves_errors_out() {
        let step = filter_mapping::<Parsed, u8, Untimed>(Result::ok);
        assert_eq!(through(step, [parsed(&["1", "two"]), parsed(&["3"])]).unwrap(), [1, 3]);
    }
}
