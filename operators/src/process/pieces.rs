//! Pieces of a state that can expire: a value, a list, a map.
//!
//! They are ordinary fields of a program's state. How long they are kept is not theirs to know:
//! [`ProcessFunction::time_to_live`](crate::ProcessFunction::time_to_live) says it, and with it
//! which pieces there are, so that what nobody reads any more can be found and dropped.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is kept for ever.
const FOR_EVER: i64 = i64::MAX;

/// A piece of a state that can expire: [`ValueState`], [`ListState`] or [`MapState`].
pub trait Piece: sealed::Piece {}
impl<T> Piece for ValueState<T> {}
impl<T> Piece for ListState<T> {}
impl<K: Ord, V> Piece for MapState<K, V> {}

pub(crate) mod sealed {
    /// What the step does with a piece. Times are milliseconds of the time in which it expires.
    pub trait Piece {
        /// Before it is used at `now`: what is written is kept until `until`.
        fn arm(&mut self, now: i64, until: i64);
        /// After it was used: what was written into a piece that was replaced by a new one is
        /// kept until `until`, too.
        fn settle(&mut self, until: i64);
        /// Drops what was to be kept until `now` or earlier.
        fn sweep(&mut self, now: i64);
        /// When the first part of it expires, or earlier; the end of time if none does.
        fn earliest(&self) -> i64;
    }
}

/// The time as a piece sees it while it is used.
#[derive(Clone, Copy, Debug)]
struct PieceClock {
    now: i64,
    /// Until when what is written is kept.
    until: i64,
}

impl Default for PieceClock {
    fn default() -> Self {
        Self { now: i64::MIN, until: FOR_EVER }
    }
}

impl PieceClock {
    fn keep<T>(self, value: T) -> Kept<T> {
        Kept { value, until: self.until }
    }

    /// Whether nobody has told the piece the time: it is new.
    fn is_unset(self) -> bool {
        self.now == i64::MIN && self.until == FOR_EVER
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Kept<T> {
    value: T,
    until: i64,
}

impl<T> Kept<T> {
    fn is_kept(&self, now: i64) -> bool {
        self.until > now
    }

    fn settle(&mut self, until: i64) {
        if self.until == FOR_EVER {
            self.until = until;
        }
    }
}

/// A value that can expire; absent at first.
///
/// ```
/// use rheos_operators::ValueState;
/// let mut last = ValueState::default();
/// last.set("Berlin");
/// assert_eq!(last.get(), Some(&"Berlin"));
/// assert_eq!(last.take(), Some("Berlin"));
/// assert!(last.is_empty());
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ValueState<T> {
    kept: Option<Kept<T>>,
    #[serde(skip)]
    clock: PieceClock,
}

impl<T> Default for ValueState<T> {
    fn default() -> Self {
        Self { kept: None, clock: PieceClock::default() }
    }
}

impl<T: PartialEq> PartialEq for ValueState<T> {
    fn eq(&self, other: &Self) -> bool {
        self.kept == other.kept
    }
}

impl<T> ValueState<T> {
    /// The value, unless it is absent or has expired.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        let kept = self.kept.as_ref().filter(|kept| kept.is_kept(self.clock.now));
        kept.map(|kept| &kept.value)
    }

    /// Sets the value and begins its time to live anew.
    pub fn set(&mut self, value: T) {
        self.kept = Some(self.clock.keep(value));
    }

    /// Takes the value out.
    pub fn take(&mut self) -> Option<T> {
        let now = self.clock.now;
        self.kept.take().filter(|kept| kept.is_kept(now)).map(|kept| kept.value)
    }

    /// Whether it is absent or has expired.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.get().is_none()
    }
}

impl<T: Default> ValueState<T> {
    /// The value, to be changed, which begins its time to live anew; the type's default if it is
    /// absent.
    pub fn get_or_default(&mut self) -> &mut T {
        let value = self.take().unwrap_or_default();
        &mut self.kept.insert(self.clock.keep(value)).value
    }
}

impl<T> sealed::Piece for ValueState<T> {
    fn arm(&mut self, now: i64, until: i64) {
        self.clock = PieceClock { now, until };
    }

    fn settle(&mut self, until: i64) {
        if self.clock.is_unset() {
            self.kept.iter_mut().for_each(|kept| kept.settle(until));
        }
    }

    fn sweep(&mut self, now: i64) {
        self.kept = self.kept.take().filter(|kept| kept.is_kept(now));
    }

    fn earliest(&self) -> i64 {
        self.kept.as_ref().map_or(FOR_EVER, |kept| kept.until)
    }
}

/// A list whose items can expire, each by itself; empty at first.
///
/// ```
/// use rheos_operators::ListState;
/// let mut amounts = ListState::default();
/// amounts.push(20);
/// amounts.push(35);
/// assert_eq!(amounts.iter().sum::<u32>(), 55);
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListState<T> {
    items: Vec<Kept<T>>,
    earliest: i64,
    #[serde(skip)]
    clock: PieceClock,
}

impl<T> Default for ListState<T> {
    fn default() -> Self {
        Self { items: Vec::new(), earliest: FOR_EVER, clock: PieceClock::default() }
    }
}

impl<T: PartialEq> PartialEq for ListState<T> {
    fn eq(&self, other: &Self) -> bool {
        self.items == other.items
    }
}

impl<T> ListState<T> {
    /// Adds an item at the end.
    pub fn push(&mut self, item: T) {
        self.items.push(self.clock.keep(item));
        self.earliest = self.earliest.min(self.clock.until);
    }

    /// The items that have not expired, in the order in which they were added.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        let now = self.clock.now;
        self.items.iter().filter(move |item| item.is_kept(now)).map(|item| &item.value)
    }

    /// How many items have not expired; looks at each.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no item that has not expired.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Keeps the items for which `keep` holds. Their time to live goes on.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let now = self.clock.now;
        self.items.retain(|item| item.is_kept(now) && keep(&item.value));
    }

    /// Takes all items out.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        let now = self.clock.now;
        self.earliest = FOR_EVER;
        self.items.drain(..).filter(move |item| item.is_kept(now)).map(|item| item.value)
    }

    /// Removes all items.
    pub fn clear(&mut self) {
        self.items.clear();
        self.earliest = FOR_EVER;
    }
}

impl<T> sealed::Piece for ListState<T> {
    fn arm(&mut self, now: i64, until: i64) {
        self.clock = PieceClock { now, until };
    }

    fn settle(&mut self, until: i64) {
        if self.clock.is_unset() && !self.items.is_empty() {
            self.items.iter_mut().for_each(|item| item.settle(until));
            self.earliest = self.earliest.min(until);
        }
    }

    fn sweep(&mut self, now: i64) {
        self.items.retain(|item| item.is_kept(now));
        self.items.shrink_to(2 * self.items.len());
        self.earliest = self.items.iter().map(|item| item.until).min().unwrap_or(FOR_EVER);
    }

    fn earliest(&self) -> i64 {
        self.earliest
    }
}

/// A map whose entries can expire, each by itself; empty at first.
///
/// ```
/// use rheos_operators::MapState;
/// let mut visits = MapState::default();
/// visits.insert("home", 1);
/// *visits.get_mut(&"home").unwrap() += 1;
/// assert_eq!(visits.get(&"home"), Some(&2));
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(
    serialize = "K: Ord + Serialize, V: Serialize",
    deserialize = "K: Ord + Deserialize<'de>, V: Deserialize<'de>"
))]
pub struct MapState<K, V> {
    entries: BTreeMap<K, Kept<V>>,
    earliest: i64,
    #[serde(skip)]
    clock: PieceClock,
}

impl<K, V> Default for MapState<K, V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), earliest: FOR_EVER, clock: PieceClock::default() }
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for MapState<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl<K: Ord, V> MapState<K, V> {
    /// Sets the value of a key, whose time to live begins anew; gives the value before, unless it
    /// has expired.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.earliest = self.earliest.min(self.clock.until);
        let before = self.entries.insert(key, self.clock.keep(value));
        before.filter(|kept| kept.is_kept(self.clock.now)).map(|kept| kept.value)
    }

    /// The value of a key, unless it is absent or has expired.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        let kept = self.entries.get(key).filter(|kept| kept.is_kept(self.clock.now));
        kept.map(|kept| &kept.value)
    }

    /// The value of a key, to be changed, which begins its time to live anew.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let clock = self.clock;
        let kept = self.entries.get_mut(key).filter(|kept| kept.is_kept(clock.now))?;
        kept.until = clock.until;
        self.earliest = self.earliest.min(clock.until);
        Some(&mut kept.value)
    }

    /// Whether a key has a value that has not expired.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Removes a key; gives its value, unless it has expired.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let kept = self.entries.remove(key);
        kept.filter(|kept| kept.is_kept(self.clock.now)).map(|kept| kept.value)
    }

    /// The entries that have not expired, in the order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        let now = self.clock.now;
        let kept = self.entries.iter().filter(move |(_, kept)| kept.is_kept(now));
        kept.map(|(key, kept)| (key, &kept.value))
    }

    /// How many entries have not expired; looks at each.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no entry that has not expired.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Keeps the entries for which `keep` holds. Their time to live goes on.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        let now = self.clock.now;
        self.entries.retain(|key, kept| kept.is_kept(now) && keep(key, &kept.value));
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.earliest = FOR_EVER;
    }
}

impl<K: Ord, V> sealed::Piece for MapState<K, V> {
    fn arm(&mut self, now: i64, until: i64) {
        self.clock = PieceClock { now, until };
    }

    fn settle(&mut self, until: i64) {
        if self.clock.is_unset() && !self.entries.is_empty() {
            self.entries.values_mut().for_each(|kept| kept.settle(until));
            self.earliest = self.earliest.min(until);
        }
    }

    fn sweep(&mut self, now: i64) {
        self.entries.retain(|_, kept| kept.is_kept(now));
        let until = self.entries.values().map(|kept| kept.until);
        self.earliest = until.min().unwrap_or(FOR_EVER);
    }

    fn earliest(&self) -> i64 {
        self.earliest
    }
}

#[cfg(test)]
mod tests {
    use super::sealed::Piece as _;
    use super::*;

    #[test]
    fn a_value_is_absent_once_it_has_expired() {
        let mut value = ValueState::default();
        value.arm(0, 10);
        value.set('a');
        for (now, wanted) in [(9, Some(&'a')), (10, None)] {
            value.arm(now, now + 10);
            assert_eq!(value.get(), wanted, "at {now}");
        }
        assert_ne!(value, ValueState::default(), "it is there until it is swept");
        value.sweep(9);
        assert_eq!(value.earliest(), 10);
        value.sweep(10);
        assert_eq!((&value, value.earliest()), (&ValueState::default(), FOR_EVER));
        *value.get_or_default() = 'b';
        assert_eq!((value.get(), value.earliest()), (Some(&'b'), 20));
    }

    #[test]
    fn items_and_entries_expire_each_by_itself() {
        let (mut list, mut map) = (ListState::default(), MapState::default());
        for time in 0..5 {
            list.arm(time, time + 10);
            map.arm(time, time + 10);
            list.push(time);
            map.insert(time, time);
        }
        *map.get_mut(&0).unwrap() = 40;
        list.arm(11, 21);
        map.arm(11, 21);
        assert_eq!(list.iter().copied().collect::<Vec<_>>(), [2, 3, 4]);
        let entries: Vec<_> = map.iter().map(|(key, value)| (*key, *value)).collect();
        assert_eq!(entries, [(0, 40), (2, 2), (3, 3), (4, 4)], "a change begins the time anew");
        assert_eq!((list.len(), map.len(), map.contains_key(&1)), (3, 4, false));
        assert_eq!(map.remove(&1), None);
        list.sweep(13);
        map.sweep(13);
        assert_eq!((list.items.len(), list.earliest()), (1, 14));
        assert_eq!((map.entries.len(), map.earliest()), (2, 14));
        assert_eq!(list.drain().collect::<Vec<_>>(), [4]);
        assert_eq!((list.is_empty(), list.earliest()), (true, FOR_EVER));
    }

    #[test]
    fn what_is_written_into_a_new_piece_expires_too() {
        let mut map = MapState::default();
        map.arm(0, 10);
        map = MapState::default();
        map.insert('a', 1);
        map.settle(10);
        assert_eq!(map.earliest(), 10);
        map.sweep(10);
        assert!(map.is_empty());
    }
}
