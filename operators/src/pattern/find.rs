//! The step behind `pattern`: keeps records until the watermark has passed them, and looks at
//! them in the order of their times.

use std::sync::Arc;

use rheos_engine::{
    EpochEnd, Error, ErrorKind, EventTime, ExchangeData, Holdings, Key, Keyed, KeyedState,
    Operator, Output, Stamped, StateParts, Timers, Turn,
};
use serde::{Deserialize, Serialize};

use super::partial::Partials;
use super::{Pattern, PatternOutcome};
use crate::passed::{is_passed, last_passed};
use crate::with_late::{Emitted, Lateness};

/// What is held for a key.
#[derive(Serialize, Deserialize)]
struct Held<V> {
    /// Records that have not been looked at, in the order in which they came.
    waiting: Vec<Stamped<V>>,
    partials: Partials<V>,
    /// When the timer that counts is due; others of the key are forgotten ones.
    #[serde(skip, default = "never")]
    due: EventTime,
}

/// No timer is set.
fn never() -> EventTime {
    EventTime::MAX
}

impl<V: Clone> Held<V> {
    fn new() -> Self {
        Self { waiting: Vec::new(), partials: Partials::default(), due: never() }
    }

    fn records(&self) -> usize {
        self.waiting.len() + self.partials.records()
    }

    /// When something is to be done, if anything is held: the watermark must be later than that.
    fn next_due(&self, pattern: &Pattern<V>) -> Option<EventTime> {
        let record = self.waiting.iter().map(|record| record.time).min();
        [record, self.partials.deadline(pattern)].into_iter().flatten().min()
    }

    /// Takes out the records that the watermark has passed, in the order of their times.
    fn passed(&mut self, watermark: EventTime) -> Vec<Stamped<V>> {
        let waiting = std::mem::take(&mut self.waiting);
        let (mut passed, waiting): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|record| is_passed(record.time, watermark));
        self.waiting = waiting;
        // Stable: of records with the same time the one that came first is first.
        passed.sort_by_key(|record| record.time);
        passed
    }
}

/// Finds a pattern in the records of each key.
pub(super) struct Find<K, V> {
    pattern: Arc<Pattern<V>>,
    lateness: Lateness,
    /// Attempts that a key may have.
    limit: usize,
    keys: KeyedState<K, Held<V>>,
    timers: Timers,
    watermark: EventTime,
    /// Records held for all keys.
    records: usize,
}

/// What the step says.
pub(super) type Said<K, V> = Stamped<Emitted<PatternOutcome<K, V>, (K, V)>>;

impl<K: Key, V: Clone + ExchangeData> Find<K, V> {
    pub(super) fn new(pattern: Arc<Pattern<V>>, lateness: Lateness, limit: usize) -> Self {
        let (keys, timers) = (KeyedState::default(), Timers::default());
        Self { pattern, lateness, limit, keys, timers, watermark: EventTime::MIN, records: 0 }
    }

    fn keep(&mut self, time: EventTime, keyed: Keyed<K, V>) {
        let Keyed { hash, key, value } = keyed;
        let at = self.keys.find_or_insert(hash, key, Held::new);
        self.keys.entry_mut(at).state.waiting.push(Stamped { time, value });
        self.records += 1;
        self.remind(at, time);
    }

    /// Has a key looked at when the watermark has passed `time`, if it would not be before.
    fn remind(&mut self, at: usize, time: EventTime) {
        let held = &mut self.keys.entry_mut(at).state;
        if time < held.due {
            held.due = time;
            self.timers.set(time.as_millis(), at);
        }
    }

    /// Looks at what the watermark has passed of a key's records, and at its attempts.
    fn look(
        &mut self,
        at: usize,
        watermark: EventTime,
        out: &mut Output<'_, Said<K, V>>,
    ) -> Result<(), Error> {
        let entry = self.keys.entry_mut(at);
        let (key, held, pattern) = (&entry.key, &mut entry.state, &*self.pattern);
        let timed_out = |(time, records)| {
            let outcome = PatternOutcome::Timeout { key: key.clone(), records };
            Stamped { time, value: Emitted::Result(outcome) }
        };
        self.records -= held.records();
        for record in held.passed(watermark) {
            while let Some(over) = held.partials.time_out(record.time, pattern) {
                out.push(timed_out(over));
            }
            if let Some(records) = held.partials.take(&record, pattern) {
                let outcome = PatternOutcome::Match { key: key.clone(), records };
                out.push(Stamped { time: record.time, value: Emitted::Result(outcome) });
            }
            if held.partials.len() > self.limit {
                return Err(too_many(self.limit));
            }
        }
        while let Some(over) = held.partials.time_out(watermark, pattern) {
            out.push(timed_out(over));
        }
        self.records += held.records();
        held.due = never();
        match held.next_due(pattern) {
            Some(due) => self.remind(at, due),
            None => drop(self.keys.remove_at(at)),
        }
        Ok(())
    }
}

fn too_many(limit: usize) -> Error {
    let reason = format!("a key has more than {limit} attempts that may still become a match");
    Error::new(ErrorKind::Data, "look for a pattern", reason).advise(
        "let fewer records begin one, shorten the time of the pattern, or raise the limit \
         partial_matches",
    )
}

impl<K: Key, V: Clone + ExchangeData> Operator for Find<K, V> {
    type In = Stamped<Keyed<K, V>>;
    type Out = Said<K, V>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for Stamped { time, value: keyed } in batch.drain(..) {
            if !is_passed(time, self.watermark) {
                self.keep(time, keyed);
                continue;
            }
            self.lateness.take(time, || (keyed.key, keyed.value), out);
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        end: EpochEnd,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        while let Some((due, at)) = self.timers.pop(last_passed(end.watermark)) {
            let due = EventTime::from_millis(due);
            if self.keys.at(at).is_some_and(|entry| entry.state.due == due) {
                self.look(at, end.watermark, out)?;
            }
            if out.is_full() {
                return Ok(Turn::More);
            }
        }
        self.watermark = end.watermark;
        Ok(Turn::Done)
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("keys", &mut self.keys)
    }

    fn restored(&mut self) {
        self.timers.clear();
        self.records = 0;
        for at in 0..self.keys.positions() {
            let Some(entry) = self.keys.at(at) else { continue };
            self.records += entry.state.records();
            if let Some(due) = entry.state.next_due(&self.pattern) {
                self.remind(at, due);
            }
        }
    }

    fn holdings(&self) -> Holdings {
        Holdings {
            keys: self.keys.len(),
            timers: self.timers.len(),
            records: self.records,
            bytes: self.keys.bytes() + self.records * size_of::<Stamped<V>>(),
            ..Holdings::default()
        }
    }
}
