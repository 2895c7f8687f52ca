//! `key_by`, `keyed` and `key_by_self`: from a stream to a keyed one.

use rheos_engine::{Key, Keyed};

use crate::mapping::mapping;
use crate::{KeyedStream, Stream};

impl<T: 'static> Stream<T> {
    /// Gives each record a key.
    ///
    /// The key is hashed once, here, for routing and for every table behind. Where the key is the
    /// record, or a part that the record does not need any more, [`key_by_self`] and [`keyed`]
    /// spare the clone.
    ///
    /// [`key_by_self`]: Stream::key_by_self
    /// [`keyed`]: Stream::keyed
    ///
    /// # Semantics
    /// * **Order**: kept; records move to another worker only where a step on the keyed stream
    ///   needs it, and the records that one worker sends for a key keep their order then.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::{Job, KeyedStream, examples::given};
    /// let job = Job::new("by length");
    /// let by_length: KeyedStream<usize, &str> =
    ///     job.source(given(["to", "be", "or", "not"])).key_by(|word| word.len());
    /// # drop(by_length);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn key_by<K: Key>(
        self,
        key: impl Fn(&T) -> K + Clone + Send + Sync + 'static,
    ) -> KeyedStream<K, T> {
        self.keying("key by", move |record| Keyed::new(key(&record), record))
    }

    fn keying<K: Key, V: 'static>(
        self,
        kind: &'static str,
        keyed: impl Fn(T) -> Keyed<K, V> + Clone + Send + Sync + 'static,
    ) -> KeyedStream<K, V> {
        KeyedStream::new(self.batchwise(kind, move |_| mapping(keyed.clone())))
    }
}

impl<K: Key, V: 'static> Stream<(K, V)> {
    /// Takes the first of each pair as the key of the second; nothing is cloned.
    ///
    /// # Semantics
    /// As for [`key_by`](Stream::key_by).
    ///
    /// ```
    /// # use rheos_operators::{Job, KeyedStream, examples::given};
    /// let job = Job::new("pairs");
    /// let prices: KeyedStream<u32, f64> = job.source(given([(1, 0.5), (2, 0.8)])).keyed();
    /// # drop(prices);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn keyed(self) -> KeyedStream<K, V> {
        self.keying("keyed", |(key, value)| Keyed::new(key, value))
    }
}

impl<T: Key> Stream<T> {
    /// Takes each record as its own key, with nothing as the value; nothing is cloned. For
    /// counting occurrences.
    ///
    /// # Semantics
    /// As for [`key_by`](Stream::key_by).
    ///
    /// ```
    /// # use rheos_operators::{Job, Stream, examples::given};
    /// let job = Job::new("occurrences");
    /// let words = job.source(given(["to", "be", "to"].map(String::from)));
    /// let occurrences: Stream<(String, u64)> = words.key_by_self().count().at_end();
    /// # drop(occurrences);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn key_by_self(self) -> KeyedStream<T, ()> {
        self.keying("key by self", |record| Keyed::new(record, ()))
    }
}

#[cfg(test)]
mod tests {
    use rheos_engine::hash_key;

    use super::*;
    use crate::batchwise::through;

    #[test]
    fn a_keyed_record_carries_the_hash_of_its_key() {
        let words = [vec!["to", "be"], vec!["to"]];
        let keyed = through(mapping(|word: &str| Keyed::new(word.len(), word)), words).unwrap();
        let wanted = ["to", "be", "to"].map(|word| (hash_key(&2usize), 2, word));
        let got: Vec<_> = keyed.into_iter().map(|k| (k.hash, k.key, k.value)).collect();
        assert_eq!(got, wanted);
    }
}
