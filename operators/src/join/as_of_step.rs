//! The step behind `as_of_join`: left records that wait for the watermark, and what the right
//! side said last.

use std::time::Duration;

use rheos_engine::{
    Entry, EpochEnd, Error, EventTime, ExchangeData, Holdings, Key, Keyed, KeyedState, Output,
    Stamped, StateParts, Timers, Turn, TwoInput,
};
use serde::{Deserialize, Serialize};

use super::in_time::{InTime, Waiting, due_after, is_over};
use super::side::Side;
use crate::with_late::{Emitted, Lateness};

/// What is kept for a key.
#[derive(Serialize, Deserialize)]
struct Sides<L, R> {
    /// Left records that the watermark has not passed.
    left: InTime<L>,
    /// Right records that a coming left record may match.
    right: InTime<R>,
    /// When the key is looked at next, in milliseconds: a reminder for it is set.
    #[serde(skip)]
    due: i64,
}

impl<L, R> Sides<L, R> {
    fn new() -> Self {
        Self { left: InTime::default(), right: InTime::default(), due: i64::MAX }
    }

    /// The first watermark at which a left record can be decided or a right one dropped; the end
    /// of time if only that drops what is left.
    fn next_due(&self, max_age: Option<Duration>) -> i64 {
        let decided = self.left.first_time().map(due_after);
        // Earlier ones are dropped together with it, so that a busy key is not looked at each time.
        let last = self.right.last_time().filter(|_| self.right.len() > 1);
        let outlived = last.map(EventTime::as_millis);
        let too_old = self.right.first_time().zip(max_age);
        let too_old = too_old.map(|(time, age)| due_after(time.plus(age)));
        [decided, outlived, too_old].into_iter().flatten().min().unwrap_or(i64::MAX)
    }
}

/// Joins the records of the keys that a worker owns.
pub(crate) struct AsOfStep<K, L, R, F> {
    row: F,
    max_age: Option<Duration>,
    lateness: Lateness,
    /// The watermark at the start of the epoch.
    watermark: EventTime,
    keys: KeyedState<K, Sides<L, R>>,
    /// One reminder for each key, at its due time, and those that became untrue since.
    timers: Timers,
    /// How many records are kept of each side.
    left_records: usize,
    right_records: usize,
}

/// What the step says.
type Said<K, L, R, T> = Stamped<Emitted<T, Side<(K, L), (K, R)>>>;

impl<K: Key, L: ExchangeData, R: ExchangeData, F> AsOfStep<K, L, R, F> {
    pub(crate) fn new<T>(row: F, max_age: Option<Duration>, lateness: Lateness) -> Self
    where
        F: Fn(&K, L, Option<&R>) -> Option<T>,
    {
        Self {
            row,
            max_age,
            lateness,
            watermark: EventTime::MIN,
            keys: KeyedState::default(),
            timers: Timers::default(),
            left_records: 0,
            right_records: 0,
        }
    }

    /// Whether no coming left record can match a right record that is behind the watermark.
    fn is_useless(&self, time: EventTime, record: &Keyed<K, R>) -> bool {
        if self.max_age.is_some_and(|age| is_over(time.plus(age), self.watermark)) {
            return true;
        }
        let known = self.keys.get(record.hash, &record.key);
        let known = known.map(|sides| &sides.right);
        known.and_then(|right| right.latest(self.watermark)).is_some_and(|last| last.time > time)
    }

    /// Looks at a key again when something in it can be decided.
    fn remind(&mut self, at: usize) {
        let sides = &mut self.keys.entry_mut(at).state;
        let due = sides.next_due(self.max_age);
        if due < sides.due {
            sides.due = due;
            self.timers.set(due, at);
        }
    }

    /// Decides the left records of a key that the watermark has passed, and drops what no other
    /// can match.
    fn decide<T: 'static>(
        &mut self,
        at: usize,
        watermark: EventTime,
        out: &mut Output<'_, Said<K, L, R, T>>,
    ) -> Turn
    where
        F: Fn(&K, L, Option<&R>) -> Option<T>,
    {
        let Entry { key, state, .. } = self.keys.entry_mut(at);
        while let Some(left) = state.left.pop_first_if(|left| is_over(left.time, watermark)) {
            self.left_records -= 1;
            let right = state
                .right
                .latest(left.time)
                .filter(|right| self.max_age.is_none_or(|age| right.time.plus(age) >= left.time));
            let row = (self.row)(key, left.value, right.map(|right| &right.value));
            out.extend(row.map(|row| Stamped { time: left.time, value: Emitted::Result(row) }));
            if out.is_full() {
                return Turn::More;
            }
        }
        let before = state.right.len();
        let passed = state.right.count_up_to(watermark);
        drop(state.right.drain(0..passed.saturating_sub(1)));
        if let Some(age) = self.max_age {
            let is_too_old = |right: &Waiting<R>| is_over(right.time.plus(age), watermark);
            while state.right.pop_first_if(is_too_old).is_some() {}
        }
        self.right_records -= before - state.right.len();
        if state.left.is_empty() && state.right.is_empty() {
            self.keys.remove_at(at);
        } else {
            state.due = i64::MAX;
            self.remind(at);
        }
        Turn::Done
    }
}

impl<K, L, R, F, T> TwoInput for AsOfStep<K, L, R, F>
where
    K: Key,
    L: ExchangeData,
    R: ExchangeData,
    F: Fn(&K, L, Option<&R>) -> Option<T> + 'static,
    T: Send + 'static,
{
    type Left = Stamped<Keyed<K, L>>;
    type Right = Stamped<Keyed<K, R>>;
    type Out = Said<K, L, R, T>;

    fn on_left(
        &mut self,
        batch: &mut Vec<Self::Left>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for Stamped { time, value: Keyed { hash, key, value } } in batch.drain(..) {
            if time < self.watermark {
                self.lateness.take(time, || Side::Left((key, value)), out);
                continue;
            }
            let at = self.keys.find_or_insert(hash, key, Sides::new);
            let waiting = Waiting { time, has_met: false, value };
            self.keys.entry_mut(at).state.left.insert(waiting);
            self.left_records += 1;
            self.remind(at);
        }
        Ok(())
    }

    fn on_right(
        &mut self,
        batch: &mut Vec<Self::Right>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for Stamped { time, value: record } in batch.drain(..) {
            if time < self.watermark && self.is_useless(time, &record) {
                self.lateness.take(time, || Side::Right((record.key, record.value)), out);
                continue;
            }
            let Keyed { hash, key, value } = record;
            let at = self.keys.find_or_insert(hash, key, Sides::new);
            let waiting = Waiting { time, has_met: false, value };
            self.keys.entry_mut(at).state.right.insert(waiting);
            self.right_records += 1;
            self.remind(at);
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        end: EpochEnd,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        while let Some((due, at)) = self.timers.pop(end.watermark.as_millis()) {
            if self.keys.at(at).is_none_or(|entry| entry.state.due != due) {
                continue;
            }
            if self.decide(at, end.watermark, out) == Turn::More {
                self.timers.set(due, at);
                return Ok(Turn::More);
            }
        }
        if end.watermark == EventTime::MAX {
            // No key waits for anything; what was said last is for records that will not come.
            self.keys.clear();
            self.timers.clear();
            self.right_records = 0;
        }
        self.watermark = end.watermark;
        Ok(Turn::Done)
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("records", &mut self.keys)
    }

    fn restored(&mut self) {
        for at in 0..self.keys.positions() {
            if self.keys.at(at).is_some() {
                let sides = &mut self.keys.entry_mut(at).state;
                sides.due = i64::MAX;
                self.left_records += sides.left.len();
                self.right_records += sides.right.len();
                self.remind(at);
            }
        }
    }

    fn holdings(&self) -> Holdings {
        let left = self.left_records * size_of::<Waiting<L>>();
        let right = self.right_records * size_of::<Waiting<R>>();
        Holdings {
            keys: self.keys.len(),
            timers: self.timers.len(),
            records: self.left_records + self.right_records,
            bytes: self.keys.bytes() + left + right,
            ..Holdings::default()
        }
    }
}
