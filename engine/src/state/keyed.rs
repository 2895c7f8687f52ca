//! Keyed state: what an operator remembers for each key.
//!
//! Entries live in one vector; a table of indexes finds them by the hash that the record brought
//! along, which is stored and never computed again. The position of an entry is stable for as long
//! as its key is remembered, so that a timer or a list of changes can point to it; the place of a
//! key that was forgotten is given to the next new one.

use std::num::NonZeroU64;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use super::changes::Changes;
use super::marks::Marks;
use super::records::{self, GroupBuffers, StateChange, StateRecords};
use crate::failpoint;
use crate::key::{Key, hash_key};
use crate::state_parts::KeyedTable;
use crate::{Error, ErrorKind, Extent, Rewrite, Schema};

/// One key and what is remembered for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<K, S> {
    /// The hash of the key; never zero, so that an empty place costs no memory of its own.
    pub hash: NonZeroU64,
    /// The key.
    pub key: K,
    /// What is remembered.
    pub state: S,
}

/// What an operator remembers for each of its keys.
///
/// It notes its own changes for checkpoints. An operator therefore empties it
/// ([`clear`](Self::clear)) instead of putting another one in its place.
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
    entries: Vec<Option<Entry<K, S>>>,
    /// Places in `entries` that are empty.
    free: Vec<u32>,
    index: HashTable<u32>,
    /// What has changed, once a capture was begun.
    changes: Changes<K, S>,
}

impl<K, S> Default for KeyedState<K, S> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            changes: Changes::default(),
        }
    }
}

/// The hash as it is stored. One key in 2^64 shares its hash with another for it.
#[inline]
fn stored(hash: u64) -> NonZeroU64 {
    NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN)
}

/// The stored hash of the entry at a place that the index names.
#[inline]
fn hash_at<K, S>(entries: &[Option<Entry<K, S>>], at: u32) -> u64 {
    entries[at as usize].as_ref().map_or(0, |entry| entry.hash.get())
}

impl<K, S> KeyedState<K, S> {
    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether no key is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry at a position that [`find_or_insert`](Self::find_or_insert) gave.
    ///
    /// # Panics
    /// When there is none.
    #[inline]
    #[must_use]
    pub fn entry(&self, at: usize) -> &Entry<K, S> {
        self.at(at).expect("a position is used while its key is remembered")
    }

    /// As [`entry`](Self::entry), to change the state.
    ///
    /// # Panics
    /// When there is none.
    #[inline]
    pub fn entry_mut(&mut self, at: usize) -> &mut Entry<K, S> {
        let entry = self.entries[at].as_mut();
        let entry = entry.expect("a position is used while its key is remembered");
        self.changes.touch(at, entry);
        entry
    }

    /// The entry at a position, if a key is remembered there: for walks that pause, and for
    /// timers that may outlive their key.
    #[inline]
    #[must_use]
    pub fn at(&self, at: usize) -> Option<&Entry<K, S>> {
        self.entries.get(at)?.as_ref()
    }

    /// One more than the largest position in use.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.entries.len()
    }

    /// All entries by position: in the order in which their keys first came, while none was
    /// forgotten.
    pub fn iter(&self) -> impl Iterator<Item = &Entry<K, S>> {
        self.entries.iter().flatten()
    }

    /// Forgets all keys.
    pub fn clear(&mut self) {
        drop(self.take_entries());
    }

    /// Takes all entries out, with the places that were empty; keeps the room of the index.
    pub fn take_entries(&mut self) -> Vec<Option<Entry<K, S>>> {
        if self.changes.is_on() {
            let entries = self.entries.iter().enumerate();
            let entries = entries.filter_map(|(at, entry)| Some((at, entry.as_ref()?)));
            entries.for_each(|(at, entry)| self.changes.removing(at, entry));
        }
        self.index.clear();
        self.free.clear();
        std::mem::take(&mut self.entries)
    }

    /// All entries, with the places that are empty, of a table that is not needed any more, and the
    /// room of its index as an empty one.
    #[must_use]
    pub fn into_parts(mut self) -> (Vec<Option<Entry<K, S>>>, Self) {
        (std::mem::take(&mut self.entries), self.emptied())
    }

    /// An empty table that has forgotten everything, with the room of this one.
    #[must_use]
    pub fn emptied(mut self) -> Self {
        self.entries.clear();
        self.free.clear();
        self.index.clear();
        self.changes = Changes::default();
        self
    }

    /// Gives an emptied vector back to be filled again.
    pub fn recycle(&mut self, mut entries: Vec<Option<Entry<K, S>>>) {
        entries.clear();
        if self.entries.is_empty() && self.entries.capacity() < entries.capacity() {
            self.entries = entries;
        }
    }

    /// Bytes that keys and states occupy here, without what they own on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len() * size_of::<Entry<K, S>>()
    }

    /// Forgets the key at a position, which may be given to another key from now on.
    ///
    /// # Panics
    /// When there is none.
    pub fn remove_at(&mut self, at: usize) -> Entry<K, S> {
        let entry = self.entries[at].take();
        let entry = entry.expect("a position is used while its key is remembered");
        self.changes.removing(at, &entry);
        let place = self.index.find_entry(entry.hash.get(), |&place| place as usize == at);
        let (place, _) = place.expect("every entry is in the index").remove();
        self.free.push(place);
        if self.free.len() == self.entries.len() {
            self.free.clear();
            self.entries.clear();
        }
        entry
    }
}

impl<K: Eq, S> KeyedState<K, S> {
    /// What is remembered for a key.
    #[must_use]
    pub fn get(&self, hash: u64, key: &K) -> Option<&S> {
        self.find(hash, key).map(|at| &self.entry(at).state)
    }

    /// The position of a key's entry.
    #[inline]
    #[must_use]
    pub fn find(&self, hash: u64, key: &K) -> Option<usize> {
        let (entries, hash) = (&self.entries, stored(hash));
        let matches = |&at: &u32| {
            let entry = entries[at as usize].as_ref();
            entry.is_some_and(|entry| entry.hash == hash && entry.key == *key)
        };
        self.index.find(hash.get(), matches).map(|&at| at as usize)
    }

    /// The position of a key's entry, which is made with `state` if there is none.
    ///
    /// # Panics
    /// When a worker holds more than 2^32 - 1 keys in one step.
    #[inline]
    pub fn find_or_insert(&mut self, hash: u64, key: K, state: impl FnOnce() -> S) -> usize {
        match self.find(hash, &key) {
            Some(at) => at,
            None => self.insert(Entry { hash: stored(hash), key, state: state() }),
        }
    }

    fn insert(&mut self, entry: Entry<K, S>) -> usize {
        let hash = entry.hash.get();
        let at = match self.free.pop() {
            Some(at) => {
                self.entries[at as usize] = Some(entry);
                at
            }
            None => {
                let at = u32::try_from(self.entries.len());
                self.entries.push(Some(entry));
                at.expect("a worker holds fewer than 2^32 keys in one step")
            }
        };
        self.changes.inserted(at as usize);
        let entries = &self.entries;
        self.index.insert_unique(hash, at, |&at| hash_at(entries, at));
        at as usize
    }

    /// Forgets a key.
    pub fn remove(&mut self, hash: u64, key: &K) -> Option<S> {
        self.find(hash, key).map(|at| self.remove_at(at).state)
    }
}

impl<K: Key, S: Serialize> KeyedState<K, S> {
    /// Begins a capture, as [`KeyedTable::begin_capture`], of one of several tables that make up a
    /// part: `table` is its number, which stands before the key in each record and is the same
    /// for all captures.
    ///
    /// # Panics
    /// When changes are asked for though the capture before was not completed.
    pub fn begin_capture_of(&mut self, table: i64, extent: Extent) {
        self.begin(extent, || records::table(table));
    }

    fn begin(&mut self, extent: Extent, table: impl FnOnce() -> Vec<u8>) {
        let Self { entries, free, .. } = self;
        let occupied = || {
            let mut occupied = Marks::below(entries.len());
            for at in free.iter() {
                occupied.remove(*at as usize);
            }
            occupied
        };
        if self.changes.is_on() {
            return self.changes.begin(extent, occupied);
        }
        // Nothing has been captured of it yet: everything has changed.
        self.changes.turn_on(table());
        self.changes.begin(Extent::Whole, occupied);
    }

    /// Whether the capture that was begun last has written everything.
    #[must_use]
    pub fn is_captured(&self) -> bool {
        self.changes.is_captured()
    }

    /// Goes on with a capture, as [`KeyedTable::capture`].
    ///
    /// # Errors
    /// When a key or a state cannot be serialized.
    pub fn capture(&mut self, bytes: usize, into: &mut GroupBuffers) -> Result<bool, Error> {
        self.changes.capture(&self.entries, bytes, into)
    }

    /// Makes room for so many more keys.
    pub fn reserve(&mut self, keys: usize) {
        let new = keys.saturating_sub(self.free.len());
        self.entries.reserve(new);
        let entries = &self.entries;
        self.index.reserve(keys, |&at| hash_at(entries, at));
    }

    /// Remembers `state` for a key, in place of what may be remembered for it.
    pub fn put(&mut self, hash: u64, key: K, state: S) {
        match self.find(hash, &key) {
            Some(at) => self.entry_mut(at).state = state,
            None => drop(self.insert(Entry { hash: stored(hash), key, state })),
        }
    }
}

impl<K: Key, S: Serialize + for<'de> Deserialize<'de>> KeyedTable for KeyedState<K, S> {
    fn begin_capture(&mut self, extent: Extent) {
        let is_another = extent == Extent::Changes && !self.changes.is_on();
        self.begin(extent, Vec::new);
        if is_another {
            self.changes.fail(replaced());
        }
    }

    fn capture(&mut self, bytes: usize, into: &mut GroupBuffers) -> Result<bool, Error> {
        match self.changes.is_on() {
            true => self.changes.capture(&self.entries, bytes, into),
            false => Err(replaced()),
        }
    }

    fn reserve(&mut self, entries: usize) {
        self.reserve(entries);
    }

    /// The hashes are computed anew: a build that hashes differently regroups the keys rather
    /// than trusting the old groups.
    fn restore(
        &mut self,
        bytes: &[u8],
        keep: &dyn Fn(u64) -> bool,
        rewrite: &Rewrite,
    ) -> Result<(), Error> {
        let mut records = StateRecords::new(bytes)?;
        while let Some(change) = records.next_change()? {
            let key: K = records.read()?;
            let hash = hash_key(&key);
            match change {
                StateChange::Put => {
                    let state = records.read_rewritten(rewrite)?;
                    if keep(hash) {
                        self.put(hash, key, state);
                    }
                }
                StateChange::Remove if failpoint::is_broken("forget-removed-keys") => {}
                StateChange::Remove => drop(self.remove(hash, &key)),
            }
        }
        Ok(())
    }

    fn schema_before(&self, rewrite: &Rewrite) -> Schema {
        Schema::table(&Schema::of::<K>(), &rewrite.schema_before::<S>())
    }
}

/// The error of an operator whose table is not the one that was captured before.
fn replaced() -> Error {
    let reason = "the step has put another table in the place of the one that was captured before";
    Error::new(ErrorKind::UserCode, "capture keyed state", reason)
        .advise("empty the table with `KeyedState::clear` instead")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_key;
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
    fn an_emptied_table_has_forgotten_everything() {
        let mut state = KeyedState::<u64, u64>::default();
        for key in 0..10 {
            let _ = state.find_or_insert(hash_key(&key), key, || key);
        }
        assert_eq!(state.remove(hash_key(&3u64), &3), Some(3));
        let (entries, mut state) = state.into_parts();
        assert_eq!(entries.iter().flatten().count(), 9);
        assert!(state.is_empty() && state.find(hash_key(&4u64), &4).is_none());
        for key in 20..23 {
            assert_eq!(state.find_or_insert(hash_key(&key), key, || key), key as usize - 20);
        }
        assert_eq!((state.len(), state.iter().map(|entry| entry.key).sum()), (3, 63u64));
    }

    #[test]
    fn positions_stay_while_their_key_is_remembered() {
        let mut state = KeyedState::<u64, u64>::default();
        let at: Vec<usize> =
            (0..100).map(|key| state.find_or_insert(hash_key(&key), key, || key)).collect();
        for key in (0..100).step_by(3) {
            assert_eq!(state.remove_at(at[key as usize]).key, key);
        }
        for key in 200..210u64 {
            state.find_or_insert(hash_key(&key), key, || key);
        }
        assert_eq!(state.positions(), 100, "empty places are used again");
        for key in (0..100).filter(|key| key % 3 != 0) {
            assert_eq!(state.entry(at[key as usize]).key, key);
            assert_eq!(state.find(hash_key(&key), &key), Some(at[key as usize]));
        }
    }
}
