//! Records of one key in the order of their event time.

use std::collections::VecDeque;
use std::collections::vec_deque::Drain;
use std::ops::Range;

use rheos_engine::EventTime;
use serde::{Deserialize, Serialize};

/// A record that waits for others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Waiting<T> {
    pub(crate) time: EventTime,
    /// Whether it has met a record of the other side.
    pub(crate) has_met: bool,
    pub(crate) value: T,
}

/// Records in the order of their time; of one time in the order in which they came.
///
/// Records mostly come in order, so the place of a new one is looked for from the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct InTime<T> {
    records: VecDeque<Waiting<T>>,
}

impl<T> Default for InTime<T> {
    fn default() -> Self {
        Self { records: VecDeque::new() }
    }
}

impl<T> InTime<T> {
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Adds a record behind those of its time and before later ones.
    pub(crate) fn insert(&mut self, record: Waiting<T>) {
        let is_last = self.records.back().is_none_or(|last| last.time <= record.time);
        match is_last {
            true => self.records.push_back(record),
            false => self.records.insert(self.count_up_to(record.time), record),
        }
    }

    /// How many records are at `time` or before.
    pub(crate) fn count_up_to(&self, time: EventTime) -> usize {
        self.records.partition_point(|record| record.time <= time)
    }

    /// The places of the records from the first to the last of two times.
    pub(crate) fn between(&self, (first, last): (EventTime, EventTime)) -> Range<usize> {
        // Most records are asked for times at the end, or beyond it.
        if self.records.back().is_none_or(|latest| latest.time < first) {
            return self.records.len()..self.records.len();
        }
        let from = self.records.partition_point(|record| record.time < first);
        from..self.count_up_to(last).max(from)
    }

    /// The records at some places.
    pub(crate) fn at_mut(
        &mut self,
        places: Range<usize>,
    ) -> impl Iterator<Item = &mut Waiting<T>> + '_ {
        self.records.range_mut(places)
    }

    /// The last record at `time` or before.
    pub(crate) fn latest(&self, time: EventTime) -> Option<&Waiting<T>> {
        self.records.get(self.count_up_to(time).checked_sub(1)?)
    }

    /// Takes the records at some places out.
    pub(crate) fn drain(&mut self, places: Range<usize>) -> Drain<'_, Waiting<T>> {
        self.records.drain(places)
    }

    /// The time of the first record.
    pub(crate) fn first_time(&self) -> Option<EventTime> {
        self.records.front().map(|record| record.time)
    }

    /// The time of the last record.
    pub(crate) fn last_time(&self) -> Option<EventTime> {
        self.records.back().map(|record| record.time)
    }

    /// Takes the first record, if it is wanted.
    pub(crate) fn pop_first_if(
        &mut self,
        wanted: impl FnOnce(&Waiting<T>) -> bool,
    ) -> Option<Waiting<T>> {
        match self.records.front() {
            Some(first) if wanted(first) => self.records.pop_front(),
            _ => None,
        }
    }
}

/// The first watermark behind a time.
pub(crate) fn due_after(time: EventTime) -> i64 {
    time.as_millis().saturating_add(1)
}

/// Whether nothing at `time` or before will come any more.
pub(crate) fn is_over(time: EventTime, watermark: EventTime) -> bool {
    watermark > time || watermark == EventTime::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn at(millis: i64) -> EventTime {
        EventTime::from_millis(millis)
    }

    #[test]
    fn records_are_in_order_of_time_and_then_of_coming() {
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let (mut ours, mut reference) = (InTime::default(), Vec::new());
            for number in 0..200 {
                let time = at(random.below(50) as i64);
                ours.insert(Waiting { time, has_met: false, value: number });
                reference.push((time, number));
            }
            reference.sort();
            for (first, last) in [(0, 49), (10, 20), (7, 7), (60, 70), (-9, -1), (-5, 100)] {
                let (first, last) = (at(first), at(last));
                let found: Vec<_> = ours
                    .at_mut(ours.between((first, last)))
                    .map(|record| (record.time, record.value))
                    .collect();
                let mut wanted = reference.clone();
                wanted.retain(|(time, _)| *time >= first && *time <= last);
                assert_eq!(found, wanted, "seed {seed}");
            }
        }
    }
}
