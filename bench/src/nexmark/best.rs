//! The largest few of what comes, as an aggregate.

use std::marker::PhantomData;

use rheos::engine::ExchangeData;
use rheos::prelude::Aggregate;

/// The ten largest records, the largest first.
pub(crate) struct TenLargest<T> {
    records: PhantomData<fn(T)>,
}

/// How many.
const TEN: usize = 10;

impl<T> TenLargest<T> {
    pub(crate) fn new() -> Self {
        Self { records: PhantomData }
    }
}

impl<T> Clone for TenLargest<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T: Ord + Clone + ExchangeData> Aggregate for TenLargest<T> {
    type In = T;
    type Acc = Vec<T>;
    type Out = Vec<T>;

    fn create(&self) -> Vec<T> {
        Vec::new()
    }

    fn add(&self, largest: &mut Vec<T>, record: T) {
        let at = largest.partition_point(|other| *other >= record);
        if at < TEN {
            largest.truncate(TEN - 1);
            largest.insert(at, record);
        }
    }

    fn merge(&self, largest: &mut Vec<T>, other: Vec<T>) {
        other.into_iter().for_each(|record| self.add(largest, record));
    }

    fn finish(&self, largest: &Vec<T>) -> Vec<T> {
        largest.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_are_kept_in_order_and_ties_too() {
        let ten = TenLargest::new();
        let numbers = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8u32];
        rheos::operators::check_aggregate(&ten, &numbers);
        let mut largest = ten.create();
        numbers.into_iter().for_each(|number| ten.add(&mut largest, number));
        assert_eq!(largest, [9, 8, 6, 5, 5, 5, 4, 3, 3, 2]);
    }
}
