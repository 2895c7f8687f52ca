//! A list is dealt completely, in ranges, and continues at every position.

use rheos_engine::{Position, Source, SplitContext};

use super::*;
use crate::drive::{check_replay, check_restarts, open, read_all};

#[test]
fn every_record_is_read_once_whatever_the_workers() {
    for (length, workers, splits) in [(10, 1, 1), (10, 3, 3), (2, 8, 2), (0, 4, 1), (7, 7, 7)] {
        let source: Collection<u32> = (0..length).collect();
        let parts = read_all(&source, workers, 2).unwrap();
        assert_eq!(parts.len(), splits, "{length} records, {workers} workers");
        assert_eq!(parts.concat(), (0..length).collect::<Vec<_>>());
    }
}

#[test]
fn the_number_of_splits_can_be_fixed() {
    let source: Collection<u32> = (0..3).collect();
    let fixed = read_all(&source.clone().splits(5), 2, 4).unwrap();
    assert_eq!(fixed, [vec![0], vec![1], vec![2], vec![], vec![]]);
    assert_eq!(read_all(&source.in_order(), 4, 4).unwrap(), [[0, 1, 2]]);
}

#[test]
fn it_continues_at_every_position() {
    let source: Collection<String> = (0..20).map(|number: u32| number.to_string()).collect();
    check_replay(&source, 3, 2);
    (0..20).for_each(|seed| check_restarts(&source, 3, seed));
}

#[test]
fn positions_and_lists_that_do_not_fit_are_refused() {
    let source: Collection<u32> = (0..10).collect();
    let split = &Source::splits(&source, &SplitContext { workers: 2 }).unwrap()[1];
    for bytes in [4_u64.to_le_bytes().to_vec(), 11_u64.to_le_bytes().to_vec(), vec![5]] {
        let refused = open(&source, split, Some(&Position(bytes))).err().unwrap();
        assert!(refused.to_string().contains("records 5..10"), "{refused}");
    }
    let shorter: Collection<u32> = (0..9).collect();
    let refused = open(&shorter, split, None).err().unwrap();
    assert!(refused.to_string().contains("only 9 records"), "{refused}");
}
