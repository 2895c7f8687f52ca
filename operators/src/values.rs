//! Steps on the values of a keyed stream, and the ways back to a plain stream.

use rheos_engine::Keyed;

use crate::mapping::mapping_values;
use crate::{KeyedStream, Stream, Timeline};

impl<K: 'static, V: 'static, M: Timeline> KeyedStream<K, V, M> {
    /// Makes one value of each; the keys stay, and are not hashed again.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let lengths = results([(1u32, "to"), (2, "not")], |words| {
    ///     words.keyed().map_values(|word| word.len()).entries()
    /// });
    /// assert_eq!(lengths, [(1, 2), (2, 3)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn map_values<U: 'static>(
        self,
        map: impl Fn(V) -> U + Clone + Send + Sync + 'static,
    ) -> KeyedStream<K, U, M> {
        KeyedStream::new(self.mapped("map values", on_value(map)))
    }

    /// Keeps the records for whose value `keep` holds.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let long = results([(1u32, "to"), (2, "not")], |words| {
    ///     words.keyed().filter_values(|word| word.len() > 2).keys()
    /// });
    /// assert_eq!(long, [2]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn filter_values(self, keep: impl Fn(&V) -> bool + Clone + Send + Sync + 'static) -> Self {
        let records = self.into_keyed().filter(move |keyed| keep(&keyed.value));
        KeyedStream::new(records)
    }

    /// The values, without their keys: after [`key_by`](Stream::key_by), the records themselves.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: records stay where they are.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let values = results([(1u32, 10u64), (2, 20)], |pairs| pairs.keyed().values());
    /// assert_eq!(values, [10, 20]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn values(self) -> Stream<V, M> {
        self.mapped("values", |keyed| keyed.value)
    }

    /// The keys, without their values; a key comes as often as it has values.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: records stay where they are.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let keys = results([(1u32, 10u64), (2, 20)], |pairs| pairs.keyed().keys());
    /// assert_eq!(keys, [1, 2]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn keys(self) -> Stream<K, M> {
        self.mapped("keys", |keyed| keyed.key)
    }

    /// Keys and values as pairs.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: records stay where they are.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let entries = results([10u64, 25], |numbers| numbers.key_by(|n| n % 10).entries());
    /// assert_eq!(entries, [(0, 10), (5, 25)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn entries(self) -> Stream<(K, V), M> {
        self.mapped("entries", |keyed| (keyed.key, keyed.value))
    }

    fn mapped<U: 'static>(
        self,
        kind: &'static str,
        map: impl Fn(Keyed<K, V>) -> U + Clone + Send + Sync + 'static,
    ) -> Stream<U, M> {
        self.into_keyed().batchwise(kind, move |_| mapping_values::<_, U, M>(map.clone()))
    }
}

/// A function of values as one of keyed records.
fn on_value<K, V, U>(
    map: impl Fn(V) -> U + Clone + Send + Sync + 'static,
) -> impl Fn(Keyed<K, V>) -> Keyed<K, U> + Clone + Send + Sync + 'static {
    move |Keyed { hash, key, value }| Keyed { hash, key, value: map(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batchwise::through;
    use crate::mapping::mapping;

    #[test]
    fn map_values_leaves_keys_and_hashes_alone() {
        let records = vec![Keyed { hash: 7, key: 'a', value: 1u64 }, Keyed::new('b', 2)];
        let hash = records[1].hash;
        let mapped = through(mapping(on_value(|n: u64| n.to_string())), [records]).unwrap();
        let wanted = [(7, 'a', "1"), (hash, 'b', "2")];
        let got: Vec<_> = mapped.iter().map(|k| (k.hash, k.key, k.value.as_str())).collect();
        assert_eq!(got, wanted);
    }
}
