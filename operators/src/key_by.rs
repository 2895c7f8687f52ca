//! `key_by`, `keyed` and `key_by_self`: from a stream to a keyed one.

use rheos_engine::{Key, Keyed};

use crate::mapping::mapping_values;
use crate::{KeyedStream, Stream, Timeline};

impl<T: 'static, M: Timeline> Stream<T, M> {
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
    /// # use rheos_operators::examples::results;
    /// let by_length = results(["to", "be", "not"], |words| {
    ///     words.key_by(|word| word.len()).count().at_end()
    /// });
    /// assert_eq!(by_length, [(2, 2), (3, 1)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn key_by<K: Key>(
        self,
        key: impl Fn(&T) -> K + Clone + Send + Sync + 'static,
    ) -> KeyedStream<K, T, M> {
        self.keying("key by", move |record| Keyed::new(key(&record), record))
    }

    fn keying<K: Key, V: 'static>(
        self,
        kind: &'static str,
        keyed: impl Fn(T) -> Keyed<K, V> + Clone + Send + Sync + 'static,
    ) -> KeyedStream<K, V, M> {
        KeyedStream::new(self.batchwise(kind, move |_| mapping_values::<_, _, M>(keyed.clone())))
    }
}

impl<K: Key, V: 'static, M: Timeline> Stream<(K, V), M> {
    /// Takes the first of each pair as the key of the second; nothing is cloned.
    ///
    /// # Semantics
    /// As for [`key_by`](Stream::key_by).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let totals = results([(1u32, 50u64), (2, 80), (1, 7)], |sales| sales.keyed().sum().at_end());
    /// assert_eq!(totals, [(1, 57), (2, 80)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn keyed(self) -> KeyedStream<K, V, M> {
        self.keying("keyed", |(key, value)| Keyed::new(key, value))
    }
}

impl<T: Key, M: Timeline> Stream<T, M> {
    /// Takes each record as its own key, with nothing as the value; nothing is cloned. For
    /// counting occurrences.
    ///
    /// # Semantics
    /// As for [`key_by`](Stream::key_by).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let words = ["to", "be", "to"].map(String::from);
    /// let occurrences = results(words, |words| words.key_by_self().count().at_end());
    /// assert_eq!(occurrences, [("to".to_owned(), 2), ("be".to_owned(), 1)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn key_by_self(self) -> KeyedStream<T, (), M> {
        self.keying("key by self", |record| Keyed::new(record, ()))
    }
}

#[cfg(test)]
mod tests {
    use rheos_engine::hash_key;

    use super::*;
    use crate::batchwise::through;
    use crate::mapping::mapping;

    #[test]
    fn a_keyed_record_carries_the_hash_of_its_key() {
        let words = [vec!["to", "be"], vec!["to"]];
        let keyed = through(mapping(|word: &str| Keyed::new(word.len(), word)), words).unwrap();
        let wanted = ["to", "be", "to"].map(|word| (hash_key(&2usize), 2, word));
        let got: Vec<_> = keyed.into_iter().map(|k| (k.hash, k.key, k.value)).collect();
        assert_eq!(got, wanted);
    }
}
