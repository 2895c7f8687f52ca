//! A table of which every worker has the same copy.

use rheos_engine::{Key, Keyed, KeyedState, hash_key};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeSeq, Serializer};

/// What a stream of changes has made of each key.
pub(crate) struct Table<K, W> {
    keys: KeyedState<K, W>,
}

impl<K, W> Default for Table<K, W> {
    fn default() -> Self {
        Self { keys: KeyedState::default() }
    }
}

impl<K: Key, W> Table<K, W> {
    /// Sets the value of a key, or removes the key.
    pub(crate) fn change(&mut self, Keyed { hash, key, value }: Keyed<K, Option<W>>) {
        let Some(value) = value else {
            self.keys.remove(hash, &key);
            return;
        };
        let mut value = Some(value);
        let at = self.keys.find_or_insert(hash, key, || value.take().expect("it is taken once"));
        if let Some(value) = value {
            self.keys.entry_mut(at).state = value;
        }
    }

    pub(crate) fn get(&self, hash: u64, key: &K) -> Option<&W> {
        self.keys.get(hash, key)
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.keys.bytes()
    }
}

impl<K: Key, W: Serialize> Serialize for Table<K, W> {
    /// As a sequence of keys and values.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entries = serializer.serialize_seq(Some(self.keys.len()))?;
        for entry in self.keys.iter() {
            entries.serialize_element(&(&entry.key, &entry.state))?;
        }
        entries.end()
    }
}

impl<'de, K: Key, W: Deserialize<'de>> Deserialize<'de> for Table<K, W> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Self::default();
        for (key, value) in Vec::<(K, W)>::deserialize(deserializer)? {
            table.keys.find_or_insert(hash_key(&key), key, || value);
        }
        Ok(table)
    }
}
