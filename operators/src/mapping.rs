//! Maps batches without allocating: the work of every step that makes one record of each.

use std::mem::{align_of, size_of, take};

use rheos_engine::{Next, Run};

use crate::Timeline;
use crate::timeline::{Batch, NextOf};

/// The work of a step that makes one record of each.
pub(crate) fn mapping<T, U: 'static>(
    map: impl Fn(T) -> U,
) -> impl FnMut(&mut Vec<T>, &mut Next<U>, &mut Run) {
    let mut batches = MapBatch::default();
    move |batch, next, run| batches.map(batch, &map, |mapped| next.batch(mapped, run))
}

/// As [`mapping`], for records that may have event time, which stays.
pub(crate) fn mapping_values<T: 'static, U: 'static, M: Timeline>(
    map: impl Fn(T) -> U,
) -> impl FnMut(&mut Batch<M, T>, &mut NextOf<M, U>, &mut Run) {
    mapping(move |record| {
        let (stamp, value) = M::split(record);
        M::join(stamp, map(value))
    })
}

/// Maps batch after batch, with the memory of earlier ones.
///
/// Where the records before and after have the same layout the batch is mapped in its own memory:
/// `collect` on a mapped `Vec::into_iter` is done in place by the standard library. (That is an
/// optimisation and not a promise: without it the result is the same and costs an allocation.)
/// Otherwise a vector for the results is kept.
struct MapBatch<U> {
    spare: Vec<U>,
}

impl<U> Default for MapBatch<U> {
    fn default() -> Self {
        Self { spare: Vec::new() }
    }
}

impl<U> MapBatch<U> {
    /// Maps all records of a batch, hands the results to `forward` and leaves the batch empty.
    #[inline]
    fn map<T>(
        &mut self,
        batch: &mut Vec<T>,
        map: impl Fn(T) -> U,
        forward: impl FnOnce(&mut Vec<U>),
    ) {
        if batch.is_empty() {
            return;
        }
        if size_of::<T>() == size_of::<U>() && align_of::<T>() == align_of::<U>() {
            let mut mapped: Vec<U> = take(batch).into_iter().map(map).collect();
            forward(&mut mapped);
            *batch = emptied(mapped);
        } else {
            self.spare.extend(batch.drain(..).map(map));
            forward(&mut self.spare);
            self.spare.clear();
        }
    }
}

/// The memory of a vector as that of an empty vector of another type of the same layout.
fn emptied<U, T>(mut vector: Vec<U>) -> Vec<T> {
    vector.clear();
    vector.into_iter().map(|_| -> T { unreachable!("the vector was cleared") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Maps twice and says where the memory of the batch was before and after.
    fn memory<T, U>(records: Vec<T>, map: impl Fn(T) -> U) -> (*const T, *const T, usize) {
        let mut batch = records;
        let before = batch.as_ptr();
        MapBatch::default().map(&mut batch, map, Vec::clear);
        (before, batch.as_ptr(), batch.capacity())
    }

    #[test]
    fn records_of_one_layout_are_mapped_in_their_own_memory() {
        let (before, after, capacity) = memory(vec![1u64, 2, 3], |n| n as i64 - 5);
        assert_eq!((before, capacity), (after, 3));
        let (before, after, _) = memory(vec![String::from("a")], String::into_bytes);
        assert_eq!(before, after);
    }

    #[test]
    fn records_of_another_layout_leave_the_memory_to_the_caller() {
        let (before, after, capacity) = memory(vec![1u64, 2, 3], |n| n as u8);
        assert_eq!((before, capacity), (after, 3));
    }

    #[test]
    fn every_record_is_mapped_once_in_order() {
        let mut batches = MapBatch::default();
        for length in [0u32, 1, 1000] {
            let mut batch: Vec<u32> = (0..length).collect();
            let mut got = Vec::new();
            batches.map(&mut batch, |n| (n, n + 1), |mapped| got.append(mapped));
            assert_eq!(got, (0..length).map(|n| (n, n + 1)).collect::<Vec<_>>());
            assert!(batch.is_empty());
        }
    }
}
