//! `pattern`: finds sequences of records of a key, and says where one did not come to its end.

mod find;
mod outcome;
mod partial;
mod steps;
#[cfg(test)]
mod tests;

pub use outcome::PatternOutcome;
pub use steps::{Pattern, PatternSteps};

use std::sync::Arc;

use rheos_engine::{ExchangeData, Key, Keyed, Stamped, WorkerContext};

use crate::apply::by_key;
use crate::{HasEventTime, KeyedStream, Stream, Timed, Timeline, WithLate};
use find::Find;

impl<K: Key, V: Clone + ExchangeData, M: Timeline> KeyedStream<K, V, M>
where
    Stamped<Keyed<K, V>>: ExchangeData,
{
    /// Finds the sequences of each key's records that a [`Pattern`] describes.
    ///
    /// Records are taken in the order of their event times, whatever the order in which they come.
    /// Every record that the first step takes begins an attempt. An attempt takes the first record
    /// that its next step takes; where that step is strict ([`PatternSteps::next`]) and the next
    /// record is another one, the attempt is over without a result. The first attempt that has
    /// taken a record for each step is a match. All other attempts of its key are given up with it,
    /// without a result, and the search goes on behind its last record, so that matches do not
    /// overlap; of attempts that come to their end with the same record the one that began first
    /// is the match. An attempt whose last record would be more than the pattern's
    /// [`within`](PatternSteps::within) after its first one is a time-out.
    ///
    /// # Semantics
    /// * **Order**: outcomes of a key come in the order of their event times.
    /// * **Watermarks**: a record is looked at when the watermark is later than its time; a
    ///   time-out comes when the watermark is later than the last moment of its attempt. A match
    ///   has the event time of its last record, a time-out that last moment.
    /// * **Late records**: behind the watermark; they have no part in any attempt.
    /// * **State**: for each key the records that have not been looked at, and its attempts, each
    ///   for as long as `within` says; a key that has neither is forgotten. More than
    ///   [`Limits::partial_matches`](rheos_engine::Limits::partial_matches) attempts of a key fail
    ///   the job.
    /// * **End of the input**: everything is looked at; attempts that are left time out.
    /// * **Workers**: the result does not depend on them, except that of records of a key with the
    ///   same time the one that comes first is taken first.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use std::time::Duration;
    /// use rheos_engine::EventTime;
    /// use rheos_operators::{Pattern, PatternOutcome, Watermarks};
    ///
    /// // Card, second, amount: a small payment to try a card out, then a large one.
    /// let payments = [(1, 0, 1), (2, 5, 2), (1, 7, 900), (1, 9, 30), (2, 100, 800)];
    /// let minute = Duration::from_secs(60);
    /// let tried = results(payments, |payments| {
    ///     let time = |payment: &(u32, i64, u32)| EventTime::from_millis(payment.1 * 1_000);
    ///     let fraud = Pattern::begin(|amount: &u32| *amount < 5)
    ///         .followed_by(|amount| *amount > 500)
    ///         .within(minute);
    ///     payments
    ///         .event_time(time, Watermarks::bounded(minute))
    ///         .key_by(|payment| payment.0)
    ///         .map_values(|payment| payment.2)
    ///         .pattern(fraud)
    ///         .drop_late()
    ///         .without_event_time()
    ///         .map(|outcome| match outcome {
    ///             PatternOutcome::Match { key, records } => (key, records.len()),
    ///             PatternOutcome::Timeout { key, .. } => (key, 0),
    ///         })
    /// });
    /// assert_eq!(tried, [(1, 2), (2, 0)]);
    /// ```
    pub fn pattern(self, pattern: Pattern<V>) -> WithLate<PatternOutcome<K, V>, (K, V)>
    where
        M: HasEventTime,
    {
        let pattern = Arc::new(pattern);
        let records = self.timed().into_keyed();
        WithLate::new(move |lateness| {
            let make = move |context: &WorkerContext| {
                Find::new(Arc::clone(&pattern), lateness, context.limits().partial_matches)
            };
            let graph = records.port().graph();
            let route = by_key::<K, V, Timed>();
            Stream::new(graph.operator(records.port(), route, "pattern", make))
        })
    }
}
