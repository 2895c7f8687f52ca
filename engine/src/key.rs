//! Keys, their hashes and their groups.
//!
//! A key's hash is computed once, where the record is keyed, and travels with the record: it
//! chooses the worker, and the table that holds the key's state stores it. Bits 48 to 55 are the
//! key's group; a worker owns a range of groups, so state that is stored by group can be handed
//! to another number of workers later.

use std::hash::{BuildHasher, Hash};

use serde::{Deserialize, Serialize};

/// The number of key groups of every job.
pub const KEY_GROUPS: usize = 256;

/// Types that can be keys: compared, hashed, and sent to the worker that owns them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    note = "a key is `Eq + Hash + Clone + Send + 'static` and derives serde's `Serialize` and `Deserialize`",
    note = "floating-point numbers have no total equality: key by an integer or by `to_bits()`"
)]
pub trait Key: ExchangeData + Eq + Hash + Clone {}
impl<K: ExchangeData + Eq + Hash + Clone> Key for K {}

/// Types that can cross from one worker to another: they derive serde's `Serialize` and
/// `Deserialize`, are [`Send`], and own their data.
///
/// Of records that borrow, such as `&'static str`, the compiler says that an "implementation of
/// `Deserialize` is not general enough": what comes from another worker has nothing to borrow from.
/// Take `String` instead.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to another worker",
    note = "derive serde's `Serialize` and `Deserialize` for it; it must be `Send` and own its data: `String` instead of `&str`"
)]
pub trait ExchangeData: Serialize + for<'de> Deserialize<'de> + Send + 'static {}
impl<T: Serialize + for<'de> Deserialize<'de> + Send + 'static> ExchangeData for T {}

/// The hash of a key: the same in every process of a job and in every run of the same build.
#[inline]
pub fn hash_key<K: Hash + ?Sized>(key: &K) -> u64 {
    const SEED: u64 = 0x5248_454f_5331_0001;
    foldhash::quality::FixedState::with_seed(SEED).hash_one(key)
}

/// The group of a key with this hash, below [`KEY_GROUPS`].
#[inline]
#[must_use]
pub fn key_group(hash: u64) -> usize {
    ((hash >> 48) & (KEY_GROUPS as u64 - 1)) as usize
}

/// The worker that owns a key with this hash: groups are dealt in equal, contiguous ranges.
#[inline]
#[must_use]
pub fn owner(hash: u64, workers: usize) -> usize {
    key_group(hash) * workers / KEY_GROUPS
}

/// A record with its key and the key's hash: what flows through a keyed stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyed<K, V> {
    /// The hash of `key`, as [`hash_key`] gives it.
    pub hash: u64,
    /// The key.
    pub key: K,
    /// What belongs to the key.
    pub value: V,
}

impl<K: Hash, V> Keyed<K, V> {
    /// Keys a value.
    #[inline]
    pub fn new(key: K, value: V) -> Self {
        Self { hash: hash_key(&key), key, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_known_keys_never_changes() {
        // State on disk is routed by these: a change regroups it and must be deliberate.
        assert_eq!(key_group(hash_key(&0u64)), key_group(hash_key(&0u64)));
        assert_ne!(hash_key("rheos"), hash_key("Rheos"));
    }

    #[test]
    fn every_worker_owns_a_contiguous_equal_share() {
        for workers in 1..=16 {
            let mut last = 0;
            let mut owned = vec![0usize; workers];
            for group in 0..KEY_GROUPS {
                let worker = owner((group as u64) << 48, workers);
                assert!(worker >= last && worker < workers, "group {group} of {workers}");
                owned[worker] += 1;
                last = worker;
            }
            let (least, most) = (owned.iter().min(), owned.iter().max());
            assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{owned:?}");
        }
    }

    #[test]
    fn small_integers_spread_over_the_groups() {
        let mut seen = [0usize; KEY_GROUPS];
        for key in 0u64..25_600 {
            seen[key_group(hash_key(&key))] += 1;
        }
        assert!(seen.iter().all(|count| (40..=180).contains(count)), "{seen:?}");
    }
}
