//! Records depend on their index alone; splits deal the indices; a rate is kept by waiting.

use std::time::{Duration, Instant};

use rheos_engine::{BadRecords, Position, ReadBuffer, ReadStatus, Source, SplitContext};

use super::*;
use crate::drive::{check_replay, check_restarts, open, read_all, read_to_end};

#[test]
fn splits_deal_the_indices_in_turn() {
    let source = Generator::new(|index| index).count(7);
    let parts = read_all(&source, 3, 2).unwrap();
    assert_eq!(parts, [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);
    assert_eq!(read_all(&source.clone().count(2), 8, 2).unwrap().len(), 2);
    assert_eq!(read_all(&source.count(0), 8, 2).unwrap(), [[0_u64; 0]]);
}

#[test]
fn a_seeded_record_depends_on_seed_and_index_alone() {
    let of = |seed| Generator::seeded(seed, |random, index| (index, random.next_u64())).count(100);
    let alone = read_all(&of(1), 1, 1_000).unwrap().concat();
    let mut dealt = read_all(&of(1), 4, 3).unwrap().concat();
    dealt.sort_unstable();
    assert_eq!(alone, dealt);
    let other = read_all(&of(2), 1, 1_000).unwrap().concat();
    assert!(alone.iter().zip(&other).all(|(one, two)| one != two));
}

#[test]
fn it_continues_at_every_position() {
    check_replay(&Generator::new(|index| index * index).count(20), 3, 2);
    check_replay(&Generator::new(|index| index).count(6).rate_per_second(1e6), 2, 2);
    let both = Generator::new(|index| index).count(20);
    (0..20).for_each(|seed| {
        check_restarts(&both, 3, seed);
        check_restarts(&both.clone().rate_per_second(1e6), 3, seed);
    });
}

#[test]
fn a_position_of_another_split_is_refused() {
    let source = Generator::new(|index| index);
    let split = &source.splits(&SplitContext { workers: 2 }).unwrap()[0];
    let odd = Position(3_u64.to_le_bytes().to_vec());
    let refused = open(&source, split, Some(&odd)).err().unwrap();
    assert!(refused.to_string().contains("does not hold the position 3"), "{refused}");
}

#[test]
fn without_a_count_it_never_ends() {
    let source = Generator::new(|index| index);
    let split = &source.splits(&SplitContext { workers: 1 }).unwrap()[0];
    let mut reader = open(&source, split, None).unwrap();
    let mut buffer = ReadBuffer::new(64, BadRecords::Fail);
    for round in 1..50 {
        assert_eq!(reader.read(&mut buffer).unwrap(), ReadStatus::More);
        assert!(buffer.is_full());
        assert_eq!(buffer.take().records.last(), Some(&(64 * round - 1)));
    }
}

#[test]
fn a_rate_is_not_exceeded_and_the_worker_is_woken_for_the_rest() {
    let source = Generator::new(|index| index).count(40).rate_per_second(2_000.0);
    let split = &source.splits(&SplitContext { workers: 1 }).unwrap()[0];
    let started = Instant::now();
    let mut reader = open(&source, split, None).unwrap();
    let records = read_to_end(&mut *reader, 1_000).unwrap();
    assert_eq!(records, (0..40).collect::<Vec<_>>());
    assert!(started.elapsed() >= Duration::from_micros(19_500), "{:?}", started.elapsed());
}

#[test]
fn a_reader_that_continues_does_not_wait_for_what_was_made_before() {
    let source = Generator::new(|index| index).rate_per_second(1e-6);
    let split = &source.splits(&SplitContext { workers: 2 }).unwrap()[1];
    let behind = Position(5_u64.to_le_bytes().to_vec());
    let mut reader = open(&source, split, Some(&behind)).unwrap();
    let mut buffer = ReadBuffer::new(64, BadRecords::Fail);
    reader.read(&mut buffer).unwrap();
    assert!(buffer.take().records.is_empty(), "it is due after the one of the other split");
    let first = &source.splits(&SplitContext { workers: 2 }).unwrap()[0];
    let behind = Position(4_u64.to_le_bytes().to_vec());
    let mut reader = open(&source, first, Some(&behind)).unwrap();
    reader.read(&mut buffer).unwrap();
    assert_eq!(buffer.take().records, [4]);
}

#[test]
fn a_record_that_is_not_due_is_pending() {
    let source = Generator::new(|index| index).rate_per_second(1e-6);
    let split = &source.splits(&SplitContext { workers: 1 }).unwrap()[0];
    let mut reader = open(&source, split, None).unwrap();
    let mut buffer = ReadBuffer::new(64, BadRecords::Fail);
    let earliest = Instant::now() + Duration::from_secs(900_000);
    for _ in 0..2 {
        let status = reader.read(&mut buffer).unwrap();
        assert!(matches!(status, ReadStatus::PendingUntil(due) if due > earliest), "{status:?}");
    }
    assert_eq!(buffer.take().records, [0]);
}
