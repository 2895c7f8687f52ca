//! `sessionize`: gives each record the session that it belongs to.

use std::time::Duration;

use rheos_engine::{EventTime, ExchangeData, Key};
use serde::{Deserialize, Serialize};

use super::sort::attach_sorter;
use super::sorter::Release;
use crate::{HasEventTime, KeyedStream, Timeline, WithLate};

/// A record of a key with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InSession<K, V> {
    /// The key.
    pub key: K,
    /// The event time of the session's first record, which tells it from the key's other sessions.
    pub session: EventTime,
    /// How many records of the session came before it.
    pub position: u64,
    /// The record.
    pub value: V,
}

impl<K: Key, V: ExchangeData, M: Timeline> KeyedStream<K, V, M> {
    /// Cuts the records of each key into sessions, which end where nothing comes for longer than
    /// `gap`, and gives each record with its session, in order of event time.
    ///
    /// # Semantics
    /// * **Order**: the records of a key by event time, those with the same time as they came. A
    ///   record is released at the end of the epoch in which the watermark passes it. A record
    ///   that is exactly `gap` after the one before it belongs to its session.
    /// * **Watermarks**: passed on as they come: everything before them has been released.
    /// * **Late records**: those that come behind the watermark; they change no session.
    /// * **State**: the records that wait, up to the limit
    ///   [`sorted_records`](rheos_engine::Limits::sorted_records), beyond which the job fails, and
    ///   a session for each key until the watermark proves that it has ended.
    /// * **End of the input**: releases everything.
    /// * **Workers**: the result does not depend on them, but for the order of records of one key
    ///   with the same time that come through several workers.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use std::time::Duration;
    /// use rheos_engine::EventTime;
    /// use rheos_operators::Watermarks;
    ///
    /// let clicks = [(5, "ann"), (0, "ann"), (8, "bob"), (60, "ann")];
    /// let sessions = results(clicks, |clicks| {
    ///     clicks
    ///         .event_time(
    ///             |(second, _)| EventTime::from_millis(1_000 * second),
    ///             Watermarks::bounded(Duration::from_secs(10)),
    ///         )
    ///         .map(|(second, name)| (name.to_owned(), second))
    ///         .keyed()
    ///         .sessionize(Duration::from_secs(30))
    ///         .drop_late()
    ///         .without_event_time()
    ///         .map(|click| (click.key, click.session.as_millis() / 1_000, click.value))
    /// });
    /// let wanted = [("ann", 0, 0), ("ann", 0, 5), ("bob", 8, 8), ("ann", 60, 60)];
    /// assert_eq!(sessions, wanted.map(|(name, session, at)| (name.to_owned(), session, at)));
    /// ```
    pub fn sessionize(self, gap: Duration) -> WithLate<InSession<K, V>, (K, V)>
    where
        M: HasEventTime,
    {
        attach_sorter("sessionize", self.timed(), Sessions { gap })
    }
}

/// Releases records with their sessions.
#[derive(Clone)]
pub(super) struct Sessions {
    pub(super) gap: Duration,
}

/// The session that a key is in.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Session {
    start: EventTime,
    /// Until when records belong to it.
    until: EventTime,
    records: u64,
}

impl<K: Clone + Send + 'static, V: Send + 'static> Release<K, V> for Sessions {
    type State = Session;
    type Out = InSession<K, V>;
    type Late = (K, V);

    fn release(
        &self,
        session: &mut Session,
        key: &K,
        time: EventTime,
        value: V,
    ) -> (InSession<K, V>, Option<EventTime>) {
        if session.records == 0 || time > session.until {
            *session = Session { start: time, until: time, records: 0 };
        }
        let Session { start, records: position, .. } = *session;
        session.records += 1;
        session.until = time.plus(self.gap);
        (InSession { key: key.clone(), session: start, position, value }, Some(session.until))
    }

    fn late(&self, key: K, value: V) -> (K, V) {
        (key, value)
    }
}
