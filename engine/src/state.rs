//! Keyed state: what an operator remembers for each key.
//!
//! Entries live in one vector in the order of their arrival; a table of indexes finds them by the
//! hash that the record brought along, which is stored and never computed again. Positions in the
//! vector are stable while nothing is removed, so a caller can mark entries and come back to them,
//! and a walk over them can pause and continue.

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use crate::key::{Key, key_group};
use crate::{Error, ErrorKind};

/// One key and what is remembered for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<K, S> {
    /// The hash of the key.
    pub hash: u64,
    /// The key.
    pub key: K,
    /// What is remembered.
    pub state: S,
}

/// What an operator remembers for each of its keys.
///
/// ```
/// use rheos_engine::{KeyedState, hash_key};
/// let mut totals = KeyedState::<&str, u64>::default();
/// for word in ["a", "b", "a"] {
///     let at = totals.find_or_insert(hash_key(word), word, || 0);
///     totals.entry_mut(at).state += 1;
/// }
/// assert_eq!(totals.get(hash_key("a"), &"a"), Some(&2));
/// ```
#[derive(Debug)]
pub struct KeyedState<K, S> {
    entries: Vec<Entry<K, S>>,
    index: HashTable<u32>,
}

impl<K, S> Default for KeyedState<K, S> {
    fn default() -> Self {
        Self { entries: Vec::new(), index: HashTable::new() }
    }
}

impl<K, S> KeyedState<K, S> {
    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no key is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry at a position that [`find_or_insert`](Self::find_or_insert) gave.
    ///
    /// # Panics
    /// When there is none.
    #[inline]
    #[must_use]
    pub fn entry(&self, at: usize) -> &Entry<K, S> {
        &self.entries[at]
    }

    /// As [`entry`](Self::entry), to change the state.
    ///
    /// # Panics
    /// When there is none.
    #[inline]
    pub fn entry_mut(&mut self, at: usize) -> &mut Entry<K, S> {
        &mut self.entries[at]
    }

    /// All entries, in the order in which their keys first came.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry<K, S>> {
        self.entries.iter()
    }

    /// Takes all entries out; keeps the room of the index.
    pub fn take_entries(&mut self) -> Vec<Entry<K, S>> {
        self.index.clear();
        std::mem::take(&mut self.entries)
    }

    /// Gives an emptied vector back to be filled again.
    pub fn recycle(&mut self, mut entries: Vec<Entry<K, S>>) {
        entries.clear();
        if self.entries.is_empty() && self.entries.capacity() < entries.capacity() {
            self.entries = entries;
        }
    }
}

impl<K: Eq, S> KeyedState<K, S> {
    /// What is remembered for a key.
    #[must_use]
    pub fn get(&self, hash: u64, key: &K) -> Option<&S> {
        self.find(hash, key).map(|at| &self.entries[at].state)
    }

    /// The position of a key's entry.
    #[inline]
    #[must_use]
    pub fn find(&self, hash: u64, key: &K) -> Option<usize> {
        let entries = &self.entries;
        let matches = |&at: &u32| {
            let entry = &entries[at as usize];
            entry.hash == hash && entry.key == *key
        };
        self.index.find(hash, matches).map(|&at| at as usize)
    }

    /// The position of a key's entry, which is made with `state` if there is none.
    ///
    /// # Panics
    /// When a worker holds more than 2^32 - 1 keys in one step.
    #[inline]
    pub fn find_or_insert(&mut self, hash: u64, key: K, state: impl FnOnce() -> S) -> usize {
        if let Some(at) = self.find(hash, &key) {
            return at;
        }
        let at = self.entries.len();
        let slot = u32::try_from(at).expect("a worker holds fewer than 2^32 keys in one step");
        self.entries.push(Entry { hash, key, state: state() });
        let entries = &self.entries;
        self.index.insert_unique(hash, slot, |&at| entries[at as usize].hash);
        at
    }

    /// Forgets a key. The last entry moves to its position.
    pub fn remove(&mut self, hash: u64, key: &K) -> Option<S> {
        let at = self.find(hash, key)?;
        let last = self.entries.len() - 1;
        self.unlink(hash, at);
        if at != last {
            let moved = self.entries[last].hash;
            self.unlink(moved, last);
            let slot = u32::try_from(at).expect("positions were checked when they were given");
            let entries = &self.entries;
            self.index.insert_unique(moved, slot, |&at| entries[at as usize].hash);
        }
        Some(self.entries.swap_remove(at).state)
    }

    fn unlink(&mut self, hash: u64, at: usize) {
        if let Ok(slot) = self.index.find_entry(hash, |&slot| slot as usize == at) {
            slot.remove();
        }
    }
}

/// The version of the bytes that [`KeyedState::snapshot_group`] makes.
const SNAPSHOT_VERSION: u8 = 1;

impl<K: Key, S: Serialize + for<'de> Deserialize<'de>> KeyedState<K, S> {
    /// The entries of one key group as bytes: a version, then keys and states in postcard form.
    ///
    /// # Errors
    /// When a key or a state cannot be serialized.
    pub fn snapshot_group(&self, group: usize) -> Result<Vec<u8>, Error> {
        let of_group: Vec<(&K, &S)> = self
            .entries
            .iter()
            .filter(|entry| key_group(entry.hash) == group)
            .map(|entry| (&entry.key, &entry.state))
            .collect();
        postcard::to_extend(&of_group, vec![SNAPSHOT_VERSION]).map_err(|cause| {
            Error::new(ErrorKind::UserCode, format!("write key group {group}"), cause.to_string())
                .advise("keys and states must be serializable without borrowed data")
        })
    }

    /// Adds the entries of a snapshot. The hashes are computed anew: a build that hashes
    /// differently regroups the keys rather than trusting the old groups.
    ///
    /// # Errors
    /// When the bytes are of another version or damaged.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let refused = |reason: String| Error::new(ErrorKind::Data, "restore keyed state", reason);
        let Some((&version, body)) = bytes.split_first() else {
            return Err(refused("the snapshot is empty".into()));
        };
        if version != SNAPSHOT_VERSION {
            return Err(refused(format!("version {version} is not known to this build")));
        }
        let entries: Vec<(K, S)> =
            postcard::from_bytes(body).map_err(|cause| refused(cause.to_string()))?;
        for (key, state) in entries {
            let at = self.find_or_insert(crate::hash_key(&key), key, || state);
            debug_assert!(at < self.len());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KEY_GROUPS, hash_key};
    use std::collections::HashMap;

    /// A deterministic sequence (SplitMix64) for the random walks below.
    fn numbers(seed: u64) -> impl Iterator<Item = u64> {
        let mut state = seed;
        std::iter::from_fn(move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            Some(mixed ^ (mixed >> 27))
        })
    }

    #[test]
    fn behaves_like_a_map_under_inserts_and_removals() {
        for seed in 0..20 {
            let mut ours = KeyedState::<u64, u64>::default();
            let mut reference = HashMap::<u64, u64>::new();
            for number in numbers(seed).take(2_000) {
                let key = number % 97;
                if number % 5 == 0 {
                    assert_eq!(ours.remove(hash_key(&key), &key), reference.remove(&key), "{seed}");
                } else {
                    let at = ours.find_or_insert(hash_key(&key), key, || 0);
                    let theirs = reference.entry(key).or_default();
                    *theirs = theirs.wrapping_add(number);
                    ours.entry_mut(at).state = *theirs;
                }
                assert_eq!(ours.len(), reference.len(), "seed {seed}");
            }
            for (key, state) in &reference {
                assert_eq!(ours.get(hash_key(key), key), Some(state), "seed {seed}");
            }
        }
    }

    #[test]
    fn a_snapshot_by_groups_restores_every_entry() {
        let mut state = KeyedState::<String, u64>::default();
        for number in 0..1_000u64 {
            let key = format!("key {number}");
            state.find_or_insert(hash_key(&key), key, || number);
        }
        let mut restored = KeyedState::<String, u64>::default();
        for group in 0..KEY_GROUPS {
            restored.restore(&state.snapshot_group(group).unwrap()).unwrap();
        }
        assert_eq!(restored.len(), 1_000);
        for entry in state.iter() {
            assert_eq!(restored.get(entry.hash, &entry.key), Some(&entry.state));
        }
    }

    #[test]
    fn unknown_and_damaged_snapshots_are_refused() {
        let mut state = KeyedState::<u64, u64>::default();
        assert!(state.restore(&[]).is_err());
        assert!(state.restore(&[99, 0]).unwrap_err().to_string().contains("version 99"));
        assert!(state.restore(&[SNAPSHOT_VERSION, 200]).is_err());
    }
}
