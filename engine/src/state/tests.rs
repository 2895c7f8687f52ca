//! What is captured is the state at the cut, whatever happens while it is captured.

use std::collections::BTreeMap;

use super::*;
use crate::Rewrite;
use crate::state_parts::KeyedTable;
use crate::{Error, Extent, hash_key, owner};

/// A deterministic sequence (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

type Table = KeyedState<u64, String>;

/// What captures have taken of each group, in order.
type Chain = Vec<(u16, Vec<u8>)>;

fn contents(table: &Table) -> BTreeMap<u64, String> {
    table.iter().map(|entry| (entry.key, entry.state.clone())).collect()
}

fn restored(chain: &Chain) -> Table {
    let mut table = Table::default();
    table.reserve(chain.len());
    chain.iter().for_each(|(_, bytes)| table.restore(bytes, &|_| true, &Rewrite::none()).unwrap());
    table
}

/// Changes a table in one of all the ways in which it can be changed.
fn change(table: &mut Table, keys: u64, numbers: &mut Numbers) {
    let key = numbers.below(keys);
    let state = format!("state {}", numbers.below(1_000_000));
    let hash = hash_key(&key);
    match numbers.below(20) {
        0 if keys < 10 => {
            let entries = table.take_entries();
            table.recycle(entries);
        }
        0..6 => drop(table.remove(hash, &key)),
        6..10 => table.put(hash, key, state),
        10..12 => {
            if let Some(at) = table.find(hash, &key) {
                table.remove_at(at);
            }
        }
        _ => {
            let at = table.find_or_insert(hash, key, String::new);
            table.entry_mut(at).state.push_str(&state);
        }
    }
}

#[test]
fn captures_of_a_table_that_goes_on_changing_are_the_table_at_the_cut() {
    let mut compared = 0;
    for seed in 0..300 {
        let numbers = &mut Numbers(seed);
        let keys = [3, 40, 400][seed as usize % 3];
        let (mut table, mut chain) = (Table::default(), Chain::new());
        (0..numbers.below(300)).for_each(|_| change(&mut table, keys, numbers));
        let mut was_given_up = true;
        for capture in 0..8 {
            let is_whole = was_given_up || numbers.below(5) == 0;
            if is_whole {
                chain.clear();
            }
            let cut = contents(&table);
            table.begin_capture(if is_whole { Extent::Whole } else { Extent::Changes });
            let mut taken = GroupBuffers::default();
            was_given_up = false;
            while !table.capture(numbers.below(200) as usize, &mut taken).unwrap() {
                (0..numbers.below(20)).for_each(|_| change(&mut table, keys, numbers));
                if numbers.below(4) == 0 {
                    chain.extend(taken.take().map(|(group, _, bytes)| (group, bytes)));
                }
                was_given_up = numbers.below(60) == 0;
                if was_given_up {
                    break;
                }
            }
            chain.extend(taken.take().map(|(group, _, bytes)| (group, bytes)));
            if !was_given_up {
                assert!(table.is_captured());
                let restored = restored(&chain);
                assert_eq!(contents(&restored), cut, "seed {seed}, capture {capture}");
                compared += 1;
            }
            (0..numbers.below(100)).for_each(|_| change(&mut table, keys, numbers));
        }
    }
    assert!(compared > 1_000, "{compared} of 2400 captures were completed");
}

#[test]
fn a_capture_of_changes_holds_only_what_changed() {
    let mut table = Table::default();
    for key in 0..1_000u64 {
        table.put(hash_key(&key), key, "first".into());
    }
    let capture = |table: &mut Table, extent: Extent| {
        table.begin_capture(extent);
        let mut taken = GroupBuffers::default();
        assert!(table.capture(usize::MAX, &mut taken).unwrap());
        taken.take().map(|(_, entries, _)| entries).sum::<u64>()
    };
    assert_eq!(capture(&mut table, Extent::Whole), 1_000);
    assert_eq!(capture(&mut table, Extent::Changes), 0);
    for key in [3u64, 5, 3, 2_000] {
        table.put(hash_key(&key), key, "second".into());
    }
    table.remove(hash_key(&5u64), &5);
    assert_eq!(capture(&mut table, Extent::Changes), 2, "3 and 2000");
    // A key that came and went between two captures is in neither.
    table.put(hash_key(&3_000u64), 3_000, "short".into());
    table.remove(hash_key(&3_000u64), &3_000);
    table.begin_capture(Extent::Changes);
    let mut taken = GroupBuffers::default();
    assert!(table.capture(usize::MAX, &mut taken).unwrap());
    assert_eq!(taken.bytes(), 0);
}

#[test]
#[should_panic(expected = "behind a capture that was given up comes a whole one")]
fn changes_behind_a_capture_that_was_given_up_are_refused() {
    let mut table = Table::default();
    table.put(7, 7, "seven".into());
    table.begin_capture(Extent::Whole);
    table.begin_capture(Extent::Changes);
}

#[test]
fn a_table_in_the_place_of_another_is_found() {
    let taken = &mut GroupBuffers::default();
    let refused = |result: Result<bool, Error>| {
        assert!(result.unwrap_err().to_string().contains("another table"));
    };
    let mut table = Table::default();
    table.begin_capture(Extent::Whole);
    table = Table::default();
    refused(KeyedTable::capture(&mut table, 1, taken));
    table.begin_capture(Extent::Changes);
    refused(KeyedTable::capture(&mut table, 1, taken));
    table.begin_capture(Extent::Whole);
    assert!(KeyedTable::capture(&mut table, 1, taken).unwrap());
}

/// A state that cannot be written.
#[derive(serde::Deserialize)]
struct Secret;

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it is a secret"))
    }
}

#[test]
fn a_state_that_cannot_be_written_fails_the_capture() {
    let mut table = KeyedState::<u64, Secret>::default();
    let at = table.find_or_insert(7, 7, || Secret);
    let taken = &mut GroupBuffers::default();
    table.begin_capture(Extent::Whole);
    table.entry_mut(at).state = Secret;
    for _ in 0..2 {
        let error = KeyedTable::capture(&mut table, 1, taken).unwrap_err();
        assert!(error.to_string().contains("write an entry of keyed state"), "{error}");
        table.begin_capture(Extent::Whole);
    }
    assert_eq!(taken.take().map(|(_, _, bytes)| bytes.len()).max(), Some(1), "no half records");
}

#[test]
fn each_worker_keeps_its_own_keys_in_their_groups() {
    let mut table = Table::default();
    for key in 0..2_000u64 {
        table.put(hash_key(&key), key, key.to_string());
    }
    table.begin_capture(Extent::Whole);
    let mut taken = GroupBuffers::default();
    while !table.capture(100, &mut taken).unwrap() {}
    let chain: Chain = taken.take().map(|(group, _, bytes)| (group, bytes)).collect();
    assert!(chain.is_sorted_by(|(one, _), (next, _)| one < next), "each group comes once");
    for workers in 1..5 {
        let mut all = BTreeMap::new();
        for worker in 0..workers {
            let mut own = Table::default();
            for (_, bytes) in &chain {
                own.restore(bytes, &|hash| owner(hash, workers) == worker, &Rewrite::none())
                    .unwrap();
            }
            assert!(own.iter().all(|entry| owner(entry.hash.get(), workers) == worker));
            all.extend(contents(&own));
        }
        assert_eq!(all, contents(&table));
    }
}

#[test]
fn the_encoding_never_changes() {
    let mut table = Table::default();
    for (key, state) in [(300u64, "ab"), (7, "c")] {
        table.put(0, key, state.into());
    }
    let bytes = |table: &mut Table, extent| {
        table.begin_capture_of(-2, extent);
        let mut taken = GroupBuffers::default();
        assert!(table.capture(usize::MAX, &mut taken).unwrap());
        let groups: Chain = taken.take().map(|(group, _, bytes)| (group, bytes)).collect();
        groups
    };
    // A version; of each entry a 1, the table's number, the key and the state.
    let whole = vec![1, 1, 3, 172, 2, 2, b'a', b'b', 1, 3, 7, 1, b'c'];
    assert_eq!(bytes(&mut table, Extent::Whole), [(0, whole)]);
    table.remove(0, &7);
    // Of a removed key a 2, the table's number and the key.
    assert_eq!(bytes(&mut table, Extent::Changes), [(0, vec![1, 2, 3, 7])]);
}

#[test]
fn records_of_unknown_versions_and_kinds_are_refused() {
    let refused = |bytes: &[u8]| {
        let error = Table::default().restore(bytes, &|_| true, &Rewrite::none()).unwrap_err();
        error.to_string()
    };
    assert!(refused(&[]).contains("empty"));
    assert!(refused(&[99, 0]).contains("version 99"));
    assert!(refused(&[1, 77]).contains("unknown kind 77"));
    assert!(refused(&[1, 1, 200]).contains("cannot restore a group of keyed state"));
}

#[test]
fn damaged_records_are_an_error_or_other_records_and_never_a_panic() {
    let mut table = Table::default();
    for key in 0..50u64 {
        table.put(hash_key(&key), key, format!("the state of {key}"));
    }
    table.begin_capture(Extent::Whole);
    let mut taken = GroupBuffers::default();
    assert!(table.capture(usize::MAX, &mut taken).unwrap());
    let numbers = &mut Numbers(11);
    for (_, _, bytes) in taken.take() {
        for cut in 1..bytes.len() {
            let mut short = Table::default();
            if short.restore(&bytes[..cut], &|_| true, &Rewrite::none()).is_ok() {
                let is_whole = |(key, state)| table.get(hash_key(key), key) == Some(state);
                assert!(contents(&short).iter().all(is_whole), "cut at {cut}");
            }
        }
        let flipped = |at: usize, bit: u64| {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            drop(Table::default().restore(&bytes, &|_| true, &Rewrite::none()));
        };
        (0..bytes.len()).for_each(|at| flipped(at, numbers.below(8)));
    }
}
