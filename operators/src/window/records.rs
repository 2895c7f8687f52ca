//! Aggregates that keep records: all of them in order of event time, or the largest.

use std::marker::PhantomData;

use rheos_engine::{EventTime, ExchangeData, Stamped};

use crate::Aggregate;

/// Keeps all records; gives them in order of event time, those of the same time as they came.
pub(crate) struct Collect<V>(PhantomData<fn(V)>);

impl<V> Collect<V> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<V> Clone for Collect<V> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<V: Clone + ExchangeData> Aggregate for Collect<V> {
    type In = (EventTime, V);
    type Acc = Vec<Stamped<V>>;
    type Out = Vec<V>;

    fn create(&self) -> Self::Acc {
        Vec::new()
    }

    #[inline]
    fn add(&self, acc: &mut Self::Acc, (time, value): (EventTime, V)) {
        acc.push(Stamped { time, value });
    }

    fn merge(&self, acc: &mut Self::Acc, mut other: Self::Acc) {
        acc.append(&mut other);
    }

    fn finish(&self, acc: &Self::Acc) -> Vec<V> {
        let mut records: Vec<&Stamped<V>> = acc.iter().collect();
        records.sort_by_key(|record| record.time);
        records.into_iter().map(|record| record.value.clone()).collect()
    }
}

/// Keeps the largest records; gives them with the largest first.
pub(crate) struct Top<V> {
    records: usize,
    values: PhantomData<fn(V)>,
}

impl<V> Top<V> {
    /// # Panics
    /// When `records` is zero.
    pub(crate) fn new(records: usize) -> Self {
        assert!(records > 0, "the largest of nothing are none");
        Self { records, values: PhantomData }
    }
}

impl<V> Clone for Top<V> {
    fn clone(&self) -> Self {
        Self::new(self.records)
    }
}

impl<V: Ord + Clone + ExchangeData> Aggregate for Top<V> {
    type In = V;
    /// The largest first, at most so many.
    type Acc = Vec<V>;
    type Out = Vec<V>;

    fn create(&self) -> Vec<V> {
        Vec::new()
    }

    #[inline]
    fn add(&self, largest: &mut Vec<V>, record: V) {
        if largest.len() == self.records && largest.last().is_some_and(|least| *least >= record) {
            return;
        }
        let at = largest.partition_point(|other| *other >= record);
        largest.insert(at, record);
        largest.truncate(self.records);
    }

    fn merge(&self, largest: &mut Vec<V>, other: Vec<V>) {
        other.into_iter().for_each(|record| self.add(largest, record));
    }

    fn finish(&self, largest: &Vec<V>) -> Vec<V> {
        largest.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_aggregate;

    #[test]
    fn both_are_aggregates() {
        check_aggregate(&Top::new(3), &[5, 1, 7, 3, 9, -2]);
        let at = EventTime::from_millis;
        check_aggregate(&Collect::new(), &[(at(3), 'c'), (at(1), 'a'), (at(2), 'b')]);
    }
}
