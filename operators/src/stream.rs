//! The handle of a stream: what steps are attached to. It holds no records.

use rheos_engine::plan::Port;
use rheos_engine::{ExchangeData, Next, Run, Sink, WorkerContext};

use crate::SinkStep;
use crate::batchwise::Batchwise;

/// The records that a step gives: a handle without a lifetime, to be passed around freely.
///
/// A stream is read once; a clone is a second reader, which gets a copy of every record. A stream
/// that nobody reads is dropped, record by record.
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
pub struct Stream<T> {
    port: Port<T>,
}

impl<T: 'static> Stream<T> {
    /// The stream of the records that leave `port`.
    pub(crate) fn new(port: Port<T>) -> Self {
        Self { port }
    }

    /// Gives up the handle for what it stands for.
    pub(crate) fn into_port(self) -> Port<T> {
        self.port
    }

    /// Where the records leave their step.
    pub(crate) fn port(&self) -> &Port<T> {
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
        SinkStep::new(self.port.graph().sink(&self.port, sink))
    }

    /// Adds a stateless step. `make` makes the worker's own copy of what the step does with a
    /// batch.
    pub(crate) fn batchwise<U: 'static, W>(
        self,
        kind: &'static str,
        make: impl Fn(&WorkerContext) -> W + Send + Sync + 'static,
    ) -> Stream<U>
    where
        W: FnMut(&mut Vec<T>, &mut Next<U>, &mut Run) + 'static,
    {
        let make =
            move |context: &WorkerContext, next| Batchwise::boxed(make(context), next) as Next<T>;
        Stream::new(self.port.graph().stage(&self.port, kind, make))
    }
}

impl<T: Clone + 'static> Clone for Stream<T> {
    /// A second reader of the same stream.
    fn clone(&self) -> Self {
        Self::new(self.port.share())
    }
}
