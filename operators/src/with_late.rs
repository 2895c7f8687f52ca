//! Results that come with late records, which the program must use or drop by name.

use rheos_engine::{Consumer, EventTime, Flush, Next, Output, Run, Stamped, WorkerContext};

use crate::mapping::mapping_values;
use crate::{Stream, Timed};

/// What a step that judges lateness emits.
#[derive(Debug)]
pub(crate) enum Emitted<T, L> {
    /// A result.
    Result(T),
    /// A record that came too late to have any part in a result.
    Late(L),
}

/// What becomes of late records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lateness {
    /// They are emitted, each once, with their own time.
    Emit,
    /// They are counted and dropped.
    Drop,
}

impl Lateness {
    /// Counts a late record, and emits it if that is wanted.
    #[cold]
    pub(crate) fn take<R: 'static, L: 'static>(
        self,
        time: EventTime,
        record: impl FnOnce() -> L,
        out: &mut Output<'_, Stamped<Emitted<R, L>>>,
    ) {
        out.count_late(1);
        if self == Self::Emit {
            out.push(Stamped { time, value: Emitted::Late(record()) });
        }
    }
}

/// What becomes of late records, and what they are made into.
pub(crate) struct LateRecords<T, L> {
    pub(crate) lateness: Lateness,
    pub(crate) make: fn(T) -> L,
}

impl<T, L> Clone for LateRecords<T, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, L> Copy for LateRecords<T, L> {}

impl<T: 'static, L: 'static> LateRecords<T, L> {
    /// Counts a late record, and emits it if that is wanted.
    pub(crate) fn take<R: 'static>(
        self,
        time: EventTime,
        record: impl FnOnce() -> T,
        out: &mut Output<'_, Stamped<Emitted<R, L>>>,
    ) {
        self.lateness.take(time, || (self.make)(record()), out);
    }
}

/// Adds the step, once it is known what becomes of late records and how the step is called.
type Attach<T, L> = Box<dyn FnOnce(Lateness, Option<String>) -> Stream<Emitted<T, L>, Timed>>;

/// The results of a step, and the records that came too late for them. It runs once it is asked
/// for both with [`late`](Self::late) or for the results alone with [`drop_late`](Self::drop_late).
///
/// A record is late when everything that it could have a part in is over: judged by the watermark
/// as it was when the record's epoch began. Late records are counted in the report either way.
#[must_use = "say what becomes of late records with .late() or .drop_late()"]
pub struct WithLate<T: 'static, L: 'static> {
    attach: Attach<T, L>,
}

impl<T: 'static, L: 'static> WithLate<T, L> {
    pub(crate) fn new(
        attach: impl FnOnce(Lateness) -> Stream<Emitted<T, L>, Timed> + 'static,
    ) -> Self {
        let attach = move |lateness, name: Option<String>| {
            let emitted = attach(lateness);
            match name {
                Some(name) => emitted.named(&name),
                None => emitted,
            }
        };
        Self { attach: Box::new(attach) }
    }

    /// Names the step, for errors, reports, explanations and [`why`].
    ///
    /// # Panics
    /// When another step of the job has that name.
    ///
    /// [`why`]: rheos_engine::JobHandle::why
    ///
    /// ```
    /// # use rheos_operators::{Job, Watermarks, Windows, examples::given};
    /// # use rheos_engine::EventTime;
    /// # use std::time::Duration;
    /// let job = Job::new("visits");
    /// let visits = job.source(given([1, 2, 3i64]));
    /// let visits = visits.event_time(|n| EventTime::from_secs(*n), Watermarks::monotone());
    /// let minutes = visits.window(Windows::tumbling(Duration::from_secs(60))).count();
    /// let counts = minutes.named("visits a minute").drop_late();
    /// # drop(counts);
    /// assert!(job.explain().to_string().contains("visits a minute (window count)"));
    /// ```
    pub fn named(self, name: &str) -> Self {
        let name = name.to_owned();
        let attach = move |lateness, _| (self.attach)(lateness, Some(name));
        Self { attach: Box::new(attach) }
    }

    /// Adds a stateless step behind the results.
    pub(crate) fn flat_map_results<U: 'static, I>(
        self,
        map: impl Fn(T) -> I + Clone + Send + Sync + 'static,
    ) -> WithLate<U, L>
    where
        I: IntoIterator<Item = U> + 'static,
    {
        let attach = move |lateness, name| {
            (self.attach)(lateness, name).flat_map(move |emitted| match emitted {
                Emitted::Result(result) => Made::Results(map(result).into_iter()),
                Emitted::Late(late) => Made::Late(Some(late)),
            })
        };
        WithLate { attach: Box::new(attach) }
    }

    /// Makes one row of each result.
    pub(crate) fn map_results<U: 'static>(
        self,
        map: impl Fn(T) -> U + Clone + Send + Sync + 'static,
    ) -> WithLate<U, L> {
        self.flat_map_results(move |result| Some(map(result)))
    }

    /// The results, and the late records as a stream of their own. A late record keeps its event
    /// time, which is behind the watermark of that stream.
    ///
    /// # Semantics
    /// * **Order**: as the step says; between the two streams it is not fixed.
    /// * **Late records**: each comes once.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use std::time::Duration;
    /// # use rheos_engine::EventTime;
    /// # use rheos_operators::{Watermarks, Windows};
    /// let late = results([1_000u64, 2_000], |times| {
    ///     let time = |millis: &u64| EventTime::from_millis(*millis as i64);
    ///     let windows = Windows::tumbling(Duration::from_secs(1));
    ///     let (_counts, late) =
    ///         times.event_time(time, Watermarks::monotone()).window(windows).count().late();
    ///     late
    /// });
    /// assert!(late.is_empty());
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn late(self) -> (Stream<T, Timed>, Stream<L, Timed>) {
        let emitted = (self.attach)(Lateness::Emit, None);
        let make = |_: &WorkerContext, results, late| -> Next<Stamped<Emitted<T, L>>> {
            Box::new(Part { results, late, on_time: Vec::new(), too_late: Vec::new() })
        };
        let graph = emitted.port().graph();
        let (results, late) = graph.stage_with_two(emitted.port(), "part late", make);
        (Stream::new(results), Stream::new(late))
    }

    /// The results; late records are counted in the report and dropped.
    ///
    /// # Semantics
    /// * **Order**: as the step says.
    /// * **Late records**: counted and dropped.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use std::time::Duration;
    /// # use rheos_engine::EventTime;
    /// # use rheos_operators::{Watermarks, Windows};
    /// let counts = results([1_000u64, 2_000], |times| {
    ///     let time = |millis: &u64| EventTime::from_millis(*millis as i64);
    ///     let windows = Windows::tumbling(Duration::from_secs(10));
    ///     times.event_time(time, Watermarks::monotone()).window(windows).count().drop_late()
    /// });
    /// assert_eq!(counts[0].value, 2);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn drop_late(self) -> Stream<T, Timed> {
        // A map of records that mostly have one layout costs nothing; a filter copies them.
        let result = |emitted| match emitted {
            Emitted::Result(result) => result,
            Emitted::Late(_) => unreachable!("late records are dropped where they are found"),
        };
        let emitted = (self.attach)(Lateness::Drop, None);
        emitted.batchwise("drop late", move |_| mapping_values::<_, _, Timed>(result))
    }
}

/// What a step behind the results makes of one emitted record.
enum Made<I, L> {
    Results(I),
    Late(Option<L>),
}

impl<I: Iterator, L> Iterator for Made<I, L> {
    type Item = Emitted<I::Item, L>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Results(results) => results.next().map(Emitted::Result),
            Self::Late(late) => late.take().map(Emitted::Late),
        }
    }
}

/// Parts results from late records.
struct Part<T, L> {
    results: Next<Stamped<T>>,
    late: Next<Stamped<L>>,
    /// Results on their way; empty between batches.
    on_time: Vec<Stamped<T>>,
    /// Late records on their way; empty between batches.
    too_late: Vec<Stamped<L>>,
}

impl<T: 'static, L: 'static> Consumer<Stamped<Emitted<T, L>>> for Part<T, L> {
    fn batch(&mut self, batch: &mut Vec<Stamped<Emitted<T, L>>>, run: &mut Run) {
        for Stamped { time, value } in batch.drain(..) {
            match value {
                Emitted::Result(value) => self.on_time.push(Stamped { time, value }),
                Emitted::Late(value) => self.too_late.push(Stamped { time, value }),
            }
        }
        if !self.on_time.is_empty() {
            self.results.batch(&mut self.on_time, run);
        }
        if !self.too_late.is_empty() {
            self.late.batch(&mut self.too_late, run);
        }
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.results.flush(flush, run);
        self.late.flush(flush, run);
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.results.watermark(watermark, run);
        self.late.watermark(watermark, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.results.end(run);
        self.late.end(run);
    }
}
