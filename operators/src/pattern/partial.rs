//! The attempts of one key: what one record, or the passing of time, makes of them.

use std::collections::VecDeque;

use rheos_engine::{EventTime, Stamped};
use serde::{Deserialize, Serialize};

use super::Pattern;
use super::steps::Contiguity;

/// What the attempts of a key have taken so far; those that began earlier first, so that they are
/// also those that time out first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Partials<V> {
    /// The records of each attempt, in order: one for each step it has come through.
    attempts: VecDeque<Vec<Stamped<V>>>,
}

impl<V> Default for Partials<V> {
    fn default() -> Self {
        Self { attempts: VecDeque::new() }
    }
}

impl<V: Clone> Partials<V> {
    /// How many attempts there are.
    pub(super) fn len(&self) -> usize {
        self.attempts.len()
    }

    /// How many records they have taken together.
    pub(super) fn records(&self) -> usize {
        self.attempts.iter().map(Vec::len).sum()
    }

    /// The last moment of the attempt that times out first.
    pub(super) fn deadline(&self, pattern: &Pattern<V>) -> Option<EventTime> {
        self.attempts.front().map(|records| last_moment(records, pattern))
    }

    /// Takes out the first attempt whose last moment is before `now`: the records it has taken,
    /// and that moment.
    pub(super) fn time_out(
        &mut self,
        now: EventTime,
        pattern: &Pattern<V>,
    ) -> Option<(EventTime, Vec<Stamped<V>>)> {
        let deadline = self.deadline(pattern)?;
        // Nothing is later than the end of time, and nothing comes after it.
        let is_over = deadline < now || now == EventTime::MAX;
        let records = if is_over { self.attempts.pop_front() } else { None };
        records.map(|records| (deadline, records))
    }

    /// Shows the next record to all attempts and to the first step. Gives the records of a match,
    /// with which all other attempts are given up.
    pub(super) fn take(
        &mut self,
        record: &Stamped<V>,
        pattern: &Pattern<V>,
    ) -> Option<Vec<Stamped<V>>> {
        let mut found = None;
        self.attempts.retain_mut(|records| {
            let step = records.len();
            let takes = pattern.takes(step, &record.value);
            if takes {
                records.push(record.clone());
                if records.len() == pattern.len() && found.is_none() {
                    found = Some(std::mem::take(records));
                }
            }
            takes || pattern.contiguity(step) == Contiguity::Relaxed
        });
        if found.is_some() {
            self.attempts.clear();
        } else if pattern.takes(0, &record.value) {
            let records = vec![record.clone()];
            match pattern.len() {
                1 => found = Some(records),
                _ => self.attempts.push_back(records),
            }
        }
        found
    }
}

fn last_moment<V>(records: &[Stamped<V>], pattern: &Pattern<V>) -> EventTime {
    let first = records.first().expect("an attempt begins with a record");
    first.time.plus(pattern.within)
}
