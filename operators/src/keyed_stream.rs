//! The handle of a keyed stream: records with a key and the key's hash.

use rheos_engine::Keyed;

use crate::{HasEventTime, Stream, Timed, Timeline, Untimed};

/// Records that each belong to a key. Steps on it treat each key for itself, on the one worker
/// that owns the key.
///
/// Keying moves nothing: records travel to their worker where a step first needs it.
///
/// `M` says whether the records have event time, as for [`Stream`].
pub struct KeyedStream<K: 'static, V: 'static, M: Timeline = Untimed> {
    records: Stream<Keyed<K, V>, M>,
}

impl<K: 'static, V: 'static, M: Timeline> KeyedStream<K, V, M> {
    pub(crate) fn new(records: Stream<Keyed<K, V>, M>) -> Self {
        Self { records }
    }

    /// The records with their keys and hashes.
    pub(crate) fn into_keyed(self) -> Stream<Keyed<K, V>, M> {
        self.records
    }

    /// The stream, which is known to have event time.
    pub(crate) fn timed(self) -> KeyedStream<K, V, Timed>
    where
        M: HasEventTime,
    {
        KeyedStream::new(M::timed(self.records))
    }

    /// Names the step that gives this stream, for errors, reports and explanations.
    ///
    /// # Panics
    /// When another step of the job has that name.
    #[must_use = "without a reader the records are dropped"]
    pub fn named(self, name: &str) -> Self {
        Self::new(self.records.named(name))
    }
}

impl<K: 'static, V: 'static, M: Timeline> Clone for KeyedStream<K, V, M>
where
    M::Record<Keyed<K, V>>: Clone,
{
    /// A second reader of the same stream.
    fn clone(&self) -> Self {
        Self::new(self.records.clone())
    }
}
