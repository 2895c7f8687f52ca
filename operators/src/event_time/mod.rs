//! `event_time`: says when the records of a stream happened, and how far the stream has come.

mod assign;
mod lanes;
#[cfg(test)]
mod recovery_tests;
#[cfg(test)]
mod tests;
mod watermarks;

pub use watermarks::{WatermarkGenerator, Watermarks};

use rheos_engine::{EventTime, Next, WorkerContext};

use crate::{Stream, Timed, Timeline};
use assign::Assign;
use lanes::Place;

/// What `explain` says of a step that sees the records of each split by themselves.
const PER_SPLIT: &str = "a watermark for each split of the source";

/// What it says of one that does not.
const PER_WORKER: &str = "one watermark for each worker: records of several splits are mixed here";

/// What it says of one that was to align splits and does not see them.
const NOT_ALIGNED: &str = "no alignment: records of several splits are mixed here";

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// Gives each record its event time, and the stream a watermark as `watermarks` says.
    ///
    /// Best right behind the source or behind stateless steps on it: the engine then knows which
    /// split a record comes from, and a split that lags behind, or reads old data, makes nothing
    /// late. Behind a step that moves records there is one watermark a worker, and
    /// [`explain`](crate::Job::explain) says so.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **Watermarks**: one for each split, as [`Watermarks`] says; that of the stream is the
    ///   earliest over all splits that have not ended and are not idle, on all workers. A split
    ///   that is known and not opened yet holds it at the beginning of time. It moves at the end
    ///   of each epoch and never goes back. An earlier event time of the stream is forgotten.
    /// * **Alignment**, see [`Watermarks::align_within`]: off unless said.
    /// * **Records from the future**, see [`Watermarks::max_future`]: left out and counted.
    /// * **State**: a generator for each split. A job that goes on from a checkpoint goes on with the
    ///   latest time and the promise of each split, whoever reads it then; a program's own generator
    ///   begins anew with that time.
    /// * **End of the input**: the watermark becomes the end of time.
    /// * **Workers**: which records a split has does not depend on them, so its watermark does not.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use std::time::Duration;
    /// use rheos_engine::EventTime;
    /// use rheos_operators::{Watermarks, Windows};
    ///
    /// let readings = [(1_000, 20.5), (61_000, 22.0), (3_000, 21.5)];
    /// let means = results(readings, |readings| {
    ///     readings
    ///         .event_time(
    ///             |reading| EventTime::from_millis(reading.0),
    ///             Watermarks::bounded(Duration::from_secs(60)),
    ///         )
    ///         .map(|(_, degrees)| degrees)
    ///         .window(Windows::tumbling(Duration::from_secs(60)))
    ///         .average()
    ///         .drop_late()
    ///         .map(|pane| pane.value)
    /// });
    /// assert_eq!(means, [21.0, 22.0]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn event_time(
        self,
        time: impl Fn(&T) -> EventTime + Clone + Send + Sync + 'static,
        watermarks: Watermarks,
    ) -> Stream<T, Timed> {
        let records = self.without_event_time();
        let notes = notes(&records, &watermarks);
        let make = move |context: &WorkerContext, next| -> Next<T> {
            Box::new(Assign::new(time.clone(), &watermarks, place(context), next, None))
        };
        let timed = records.port().graph().stage(records.port(), "event time", make);
        notes.into_iter().for_each(|note| timed.step().note(note));
        Stream::new(timed)
    }

    /// As [`event_time`](Stream::event_time), and gives the records that claim to come from the
    /// future as a stream of their own.
    ///
    /// # Semantics
    /// As for [`event_time`](Stream::event_time).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use std::time::Duration;
    /// use rheos_engine::EventTime;
    /// use rheos_operators::Watermarks;
    ///
    /// let year_9999 = 253_370_764_800_000;
    /// let wrong = results([1_000, year_9999], |times| {
    ///     let watermarks = Watermarks::monotone().max_future(Duration::from_secs(3600));
    ///     let time = |millis: &i64| EventTime::from_millis(*millis);
    ///     let (_, future) = times.event_time_or_future(time, watermarks);
    ///     future
    /// });
    /// assert_eq!(wrong, [year_9999]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn event_time_or_future(
        self,
        time: impl Fn(&T) -> EventTime + Clone + Send + Sync + 'static,
        watermarks: Watermarks,
    ) -> (Stream<T, Timed>, Stream<T>) {
        let records = self.without_event_time();
        let notes = notes(&records, &watermarks);
        let make = move |context: &WorkerContext, next, future| -> Next<T> {
            Box::new(Assign::new(time.clone(), &watermarks, place(context), next, Some(future)))
        };
        let graph = records.port().graph();
        let (timed, future) = graph.stage_with_two(records.port(), "event time", make);
        notes.into_iter().for_each(|note| timed.step().note(note));
        (Stream::new(timed), Stream::new(future))
    }
}

fn place(context: &WorkerContext) -> Place {
    Place { worker: context.worker(), workers: context.workers() }
}

/// What `explain` says of the step.
fn notes<T: 'static>(records: &Stream<T>, watermarks: &Watermarks) -> Vec<String> {
    let reads_splits = records.port().reads_splits();
    let mut notes = vec![if reads_splits { PER_SPLIT } else { PER_WORKER }.to_owned()];
    notes.extend(watermarks.max_drift.map(|max_drift| match reads_splits {
        true => format!("no split is read more than {max_drift:?} ahead of another"),
        false => NOT_ALIGNED.to_owned(),
    }));
    notes
}
