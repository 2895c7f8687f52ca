//! Fallible steps: `try_map`, and what can be done with a stream of results.

use std::fmt::Display;

use rheos_engine::{Consumer, Error, ErrorKind, Flush, Next, Run, WorkerContext};

use crate::Stream;

impl<T: 'static> Stream<T> {
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
    /// # use rheos_operators::{Job, examples::{Nowhere, given}};
    /// let job = Job::new("numbers");
    /// let lines = job.source(given(["1", "two"].map(String::from)));
    /// let (numbers, bad) = lines.try_map(|line| line.parse::<u64>());
    /// bad.map(|(line, reason)| format!("{line}: {reason}")).sink(Nowhere::new());
    /// # drop(numbers);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn try_map<U: 'static, E: 'static>(
        self,
        map: impl Fn(&T) -> Result<U, E> + Clone + Send + Sync + 'static,
    ) -> (Stream<U>, Stream<(T, E)>) {
        let make = move |_: &WorkerContext, good, bad| -> Next<T> {
            Box::new(TryMap {
                map: map.clone(),
                good,
                bad,
                made: Vec::new(),
                failed: Vec::new(),
            })
        };
        let (good, bad) = self.port().graph().stage_with_two(self.port(), "try map", make);
        (Stream::new(good), Stream::new(bad))
    }
}

struct TryMap<F, T, U, E> {
    map: F,
    good: Next<U>,
    bad: Next<(T, E)>,
    /// What is on its way to `good`; empty between batches.
    made: Vec<U>,
    /// What is on its way to `bad`; empty between batches.
    failed: Vec<(T, E)>,
}

impl<T, U, E, F> Consumer<T> for TryMap<F, T, U, E>
where
    T: 'static,
    U: 'static,
    E: 'static,
    F: Fn(&T) -> Result<U, E> + 'static,
{
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        for record in batch.drain(..) {
            match (self.map)(&record) {
                Ok(made) => self.made.push(made),
                Err(reason) => self.failed.push((record, reason)),
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

    fn end(&mut self, run: &mut Run) {
        self.good.end(run);
        self.bad.end(run);
    }
}

impl<T: 'static, E: 'static> Stream<Result<T, E>> {
    /// Takes the values; the job fails at the first error, with the name of this step.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: which of several errors is reported depends on them.
    ///
    /// ```
    /// # use rheos_operators::{Job, Stream, examples::given};
    /// let job = Job::new("numbers");
    /// let numbers: Stream<u64> =
    ///     job.source(given(["1", "2"])).map(|line| line.parse()).or_fail();
    /// # drop(numbers);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn or_fail(self) -> Stream<T>
    where
        E: Display,
    {
        self.batchwise("or fail", move |_| {
            let mut values: Vec<T> = Vec::new();
            move |batch: &mut Vec<Result<T, E>>, next: &mut Next<T>, run: &mut Run| {
                for result in batch.drain(..) {
                    match result {
                        Ok(value) => values.push(value),
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
        })
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
    /// # use rheos_operators::{Job, Stream, examples::given};
    /// let job = Job::new("numbers");
    /// let numbers: Stream<u64> =
    ///     job.source(given(["1", "two"])).map(|line| line.parse()).or_skip();
    /// # drop(numbers);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn or_skip(self) -> Stream<T> {
        self.batchwise("or skip", move |_| {
            let mut values: Vec<T> = Vec::new();
            move |batch: &mut Vec<Result<T, E>>, next: &mut Next<T>, run: &mut Run| {
                values.extend(batch.drain(..).filter_map(Result::ok));
                if !values.is_empty() {
                    next.batch(&mut values, run);
                }
            }
        })
    }
}

fn failed(reason: &impl Display) -> Error {
    Error::new(ErrorKind::UserCode, "process a record", reason.to_string())
        .advise("leave such records out with .or_skip(), or keep them with .try_map(..)")
}
