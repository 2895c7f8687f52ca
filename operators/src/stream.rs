//! The handle of a stream: what steps are attached to. It holds no records.

use rheos_engine::plan::Port;
use rheos_engine::{ExchangeData, Next, Run, Sink, WorkerContext};

use crate::batchwise::Batchwise;
use crate::{SinkStep, Timeline, Untimed};

/// The records that a step gives: a handle without a lifetime, to be passed around freely.
///
/// A stream is read once; a clone is a second reader, which gets a copy of every record. A stream
/// that nobody reads is dropped, record by record.
///
/// `M` says whether its records have event time: [`Untimed`], which can be left out, or
/// [`Timed`](crate::Timed).
///
/// ```
/// # use rheos_operators::{Job, Stream, examples::given};
/// fn even(numbers: Stream<u64>) -> Stream<u64> {
///     numbers.filter(|n| n % 2 == 0)
/// }
/// let job = Job::new("even and all");
/// let numbers = job.source(given(0..10u64));
/// let both = even(numbers.clone()).union(numbers);
/// # drop(both);
/// ```
pub struct Stream<T: 'static, M: Timeline = Untimed> {
    port: Port<M::Record<T>>,
}

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// The stream of the records that leave `port`.
    pub(crate) fn new(port: Port<M::Record<T>>) -> Self {
        Self { port }
    }

    /// Gives up the handle for what it stands for.
    pub(crate) fn into_port(self) -> Port<M::Record<T>> {
        self.port
    }

    /// Where the records leave their step.
    pub(crate) fn port(&self) -> &Port<M::Record<T>> {
        &self.port
    }

    /// Names the step that gives this stream, for errors, reports and explanations.
    ///
    /// # Panics
    /// When another step of the job has that name.
    ///
    /// ```
    /// # use rheos_operators::{Job, examples::given};
    /// let job = Job::new("squares");
    /// let squares = job.source(given([1u64, 2])).map(|n| n * n).named("square");
    /// # drop(squares);
    /// assert!(job.explain().to_string().contains("square (map)"));
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn named(self, name: &str) -> Self {
        self.port.step().rename(name);
        self
    }

    /// Writes the records to a sink.
    ///
    /// # Semantics
    /// * **Order**: each worker writes its records in the order in which they come.
    /// * **State**: none.
    /// * **End of the input**: a staged sink publishes when all sinks of the job have written
    ///   everything; an immediate one has published as the records came.
    /// * **Workers**: every worker writes, unless the sink asks for all records on one.
    ///
    /// ```
    /// # use rheos_operators::{Job, examples::{Nowhere, given}};
    /// let job = Job::new("copy");
    /// job.source(given([1u64, 2])).sink(Nowhere::new()).named("nowhere");
    /// assert!(job.explain().to_string().contains("nowhere (sink)"));
    /// ```
    pub fn sink<S: Sink<Record = T>>(self, sink: S) -> SinkStep
    where
        T: ExchangeData,
    {
        let records = self.without_event_time();
        SinkStep::new(records.port.graph().sink(&records.port, sink))
    }

    /// Adds a stateless step. `make` makes the worker's own copy of what the step does with a
    /// batch.
    pub(crate) fn batchwise<U: 'static, N: Timeline, W>(
        self,
        kind: &'static str,
        make: impl Fn(&WorkerContext) -> W + Send + Sync + 'static,
    ) -> Stream<U, N>
    where
        W: FnMut(&mut Vec<M::Record<T>>, &mut Next<N::Record<U>>, &mut Run) + 'static,
    {
        let make = move |context: &WorkerContext, next| {
            Batchwise::boxed(make(context), next) as Next<M::Record<T>>
        };
        Stream::new(self.port.graph().stage(&self.port, kind, make))
    }
}

impl<T: 'static, M: Timeline> Clone for Stream<T, M>
where
    M::Record<T>: Clone,
{
    /// A second reader of the same stream.
    fn clone(&self) -> Self {
        Self::new(self.port.share())
    }
}

#[cfg(test)]
mod tests {
    use crate::examples::{Nowhere, given};
    use crate::{Job, Stream};

    /// Builds a job on a stream of numbers and compares its plan, a step a line: what it is and
    /// where its records come from.
    fn check(build: impl FnOnce(Stream<u64>), expected: &[&str]) {
        let job = Job::new("plan");
        build(job.source(given(0..10)));
        let text = job.explain().to_string();
        let steps = text.lines().skip(2).take_while(|line| !line.contains(": "));
        assert_eq!(steps.map(str::trim).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn stateless_steps_fuse_with_what_stands_before_them() {
        check(
            |numbers| {
                let (even, odd) = numbers
                    .map(|n| n + 1)
                    .filter(|n| *n > 3)
                    .filter_map(Some)
                    .flat_map(|n| [n, n])
                    .inspect(|_| ())
                    .map_batch(|batch| batch)
                    .branch(|n| n % 2 == 0);
                let _ = even.union(odd).key_by(|n| n % 3).map_values(|n| n + 1).values();
            },
            &[
                "1  map  <- 0 fused",
                "2  filter  <- 1 fused",
                "3  filter map  <- 2 fused",
                "4  flat map  <- 3 fused",
                "5  inspect  <- 4 fused",
                "6  map batch  <- 5 fused",
                "7  branch  <- 6 fused",
                "8  union  <- 7 fused, 7 fused",
                "9  key by  <- 8 fused",
                "10  map values  <- 9 fused",
                "11  values  <- 10 fused",
            ],
        );
    }

    #[test]
    fn steps_that_move_records_say_how() {
        check(
            |numbers| {
                let _ = numbers.rebalance().broadcast().gather().partition_by(|n| *n).limit(3);
            },
            &[
                "1  rebalance  <- 0 in turn",
                "2  broadcast  <- 1 to every worker",
                "3  gather  <- 2 to worker 0",
                "4  partition by  <- 3 by the program's function",
                "5  enough  <- 4 fused",
                "6  limit  <- 5 to worker 0",
            ],
        );
    }

    #[test]
    fn keyed_steps_move_records_by_key_and_combine_them_before() {
        check(
            |numbers| {
                let keyed = numbers.key_by(|n| n % 3);
                let _ = keyed.clone().sum().updates();
                let _ = keyed.clone().fold(0, |sum, n| *sum += n).at_end();
                let _ = keyed.clone().scan(0, |_, _, n| Some(n));
                let _ = keyed.distinct().entries();
            },
            &[
                "1  key by  <- 0 fused",
                "2  combine  <- 1 fused",
                "3  sum  <- 2 by key",
                "4  fold  <- 1 by key",
                "5  scan  <- 1 by key",
                "6  combine 2 (combine)  <- 1 fused",
                "7  distinct  <- 6 by key",
                "8  entries  <- 7 fused",
            ],
        );
    }

    #[test]
    fn an_aggregate_that_was_not_asked_when_to_answer_adds_no_step() {
        check(
            |numbers| {
                let _ = numbers.clone().count();
                let _ = numbers.key_by_self().count();
            },
            &["1  key by self  <- 0 fused"],
        );
    }

    #[test]
    fn names_are_those_of_the_steps() {
        check(
            |numbers| {
                let totals = numbers.max().at_end().named("largest");
                totals.clone().sink(Nowhere::new()).named("here");
                totals.for_each_epoch(|_, _| Ok::<_, std::fmt::Error>(()));
            },
            &[
                "1  combine  <- 0 fused",
                "2  largest (max)  <- 1 to worker 0",
                "3  here (sink)  <- 2 local",
                "4  sink  <- 2 local",
            ],
        );
    }

    #[test]
    #[should_panic(expected = "different jobs")]
    fn streams_of_different_jobs_do_not_meet() {
        let (one, other) = (Job::new("one"), Job::new("other"));
        let _ = one.source(given([1])).union(other.source(given([2])));
    }
}
