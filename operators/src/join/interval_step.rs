//! The step behind `interval_join`: keeps the records of both sides that may still match.

use std::time::Duration;

use rheos_engine::{
    Entry, EpochEnd, Error, EventTime, ExchangeData, Holdings, Key, Keyed, KeyedState, Output,
    Stamped, StateParts, Timers, Turn, TwoInput,
};
use serde::{Deserialize, Serialize};

use super::in_time::{InTime, Waiting, due_after, is_over};
use super::interval::Interval;
use super::kind::JoinKind;
use super::side::Side;
use crate::with_late::{Emitted, Lateness};

/// What the records of a key wait for.
#[derive(Serialize, Deserialize)]
struct Sides<L, R> {
    left: InTime<L>,
    right: InTime<R>,
    /// When the key is looked at next, in milliseconds: a reminder for it is set.
    #[serde(skip)]
    due: i64,
}

impl<L, R> Sides<L, R> {
    fn new() -> Self {
        Self { left: InTime::default(), right: InTime::default(), due: i64::MAX }
    }

    /// The first watermark that proves of a record here that it has met all that it will.
    fn next_due(&self, interval: Interval) -> i64 {
        let left = self.left.first_time().map(|time| due_after(interval.rights_of(time).1));
        let right = self.right.first_time().map(|time| due_after(interval.lefts_of(time).1));
        left.into_iter().chain(right).min().unwrap_or(i64::MAX)
    }
}

/// Joins the records of the keys that a worker owns.
pub(crate) struct IntervalStep<K, L, R, J: JoinKind<K, L, R>> {
    interval: Interval,
    lateness: Lateness,
    /// The watermark at the start of the epoch.
    watermark: EventTime,
    keys: KeyedState<K, Sides<L, J::Right>>,
    /// One reminder for each key, at the time when the first of its records is over, and those
    /// that became untrue since.
    timers: Timers,
    /// How many records are kept of each side.
    left_records: usize,
    right_records: usize,
}

/// What the step says.
type Said<K, L, R, J> = Stamped<Emitted<<J as JoinKind<K, L, R>>::Row, Side<(K, L), (K, R)>>>;

impl<K, L, R, J: JoinKind<K, L, R>> IntervalStep<K, L, R, J> {
    pub(crate) fn new(interval: Interval, lateness: Lateness) -> Self {
        Self {
            interval,
            lateness,
            watermark: EventTime::MIN,
            keys: KeyedState::default(),
            timers: Timers::default(),
            left_records: 0,
            right_records: 0,
        }
    }

    /// By how much the time of what comes out can be behind the watermark of the inputs.
    ///
    /// A pair has the time of its later record, which is not behind. A record that comes out by
    /// itself, at a watermark `w` or for a match that is not behind `w`, has not been given up
    /// before, so the last time that it could match is not behind `w` either: its own time is
    /// behind `w` by no more than the interval reaches from it into the future. The bound does
    /// not move with what is held, so that the watermark never has to be looked for.
    fn held_back(&self) -> Duration {
        let left = match J::LEFT_ALONE || !J::PAIRS {
            true => self.interval.left_waits(),
            false => Duration::ZERO,
        };
        let right = match J::RIGHT_ALONE {
            true => self.interval.right_waits(),
            false => Duration::ZERO,
        };
        left.max(right)
    }
}

/// Sets the reminder of a key that has got a record which is over at `due`.
#[inline]
fn remind<L, R>(sides: &mut Sides<L, R>, due: i64, at: usize, timers: &mut Timers) {
    if due < sides.due {
        sides.due = due;
        timers.set(due, at);
    }
}

fn row<T, L>(time: EventTime, row: T) -> Stamped<Emitted<T, L>> {
    Stamped { time, value: Emitted::Result(row) }
}

impl<K: Key, L: ExchangeData, R: ExchangeData, J: JoinKind<K, L, R>> IntervalStep<K, L, R, J> {
    fn left(
        &mut self,
        time: EventTime,
        Keyed { hash, key, value }: Keyed<K, L>,
        out: &mut Output<'_, Said<K, L, R, J>>,
    ) {
        let at = self.keys.find_or_insert(hash, key, Sides::new);
        let Entry { key, state, .. } = self.keys.entry_mut(at);
        let times = self.interval.rights_of(time);
        let matches = state.right.between(times);
        let has_met = !matches.is_empty();
        if has_met && !J::PAIRS {
            out.extend(J::met(key, value).map(|met| row(time, met)));
            return;
        }
        for right in state.right.at_mut(matches) {
            right.has_met = true;
            let pair = J::pair(key, &value, &right.value);
            out.extend(pair.map(|pair| row(time.max(right.time), pair)));
        }
        state.left.insert(Waiting { time, has_met, value });
        self.left_records += 1;
        remind(state, due_after(times.1), at, &mut self.timers);
    }

    fn right(
        &mut self,
        time: EventTime,
        Keyed { hash, key, value }: Keyed<K, R>,
        out: &mut Output<'_, Said<K, L, R, J>>,
    ) {
        let at = self.keys.find_or_insert(hash, key, Sides::new);
        let Entry { key, state, .. } = self.keys.entry_mut(at);
        let times = self.interval.lefts_of(time);
        let matches = state.left.between(times);
        let has_met = !matches.is_empty();
        let value = J::keep(value);
        if J::PAIRS {
            for left in state.left.at_mut(matches) {
                left.has_met = true;
                let pair = J::pair(key, &left.value, &value);
                out.extend(pair.map(|pair| row(time.max(left.time), pair)));
            }
        } else {
            self.left_records -= matches.len();
            for left in state.left.drain(matches) {
                out.extend(J::met(key, left.value).map(|met| row(left.time, met)));
            }
        }
        state.right.insert(Waiting { time, has_met, value });
        self.right_records += 1;
        remind(state, due_after(times.1), at, &mut self.timers);
    }

    /// Drops the records of a key that are over; says whether all are dropped, or the output is
    /// full.
    fn give_up(
        &mut self,
        at: usize,
        watermark: EventTime,
        out: &mut Output<'_, Said<K, L, R, J>>,
    ) -> Turn {
        let interval = self.interval;
        let Entry { key, state, .. } = self.keys.entry_mut(at);
        let left_is_over = |left: &Waiting<L>| is_over(interval.rights_of(left.time).1, watermark);
        while let Some(left) = state.left.pop_first_if(left_is_over) {
            self.left_records -= 1;
            if J::LEFT_ALONE && !left.has_met {
                out.extend(J::left_alone(key, left.value).map(|alone| row(left.time, alone)));
            }
            if out.is_full() {
                return Turn::More;
            }
        }
        let right_is_over =
            |right: &Waiting<J::Right>| is_over(interval.lefts_of(right.time).1, watermark);
        while let Some(right) = state.right.pop_first_if(right_is_over) {
            self.right_records -= 1;
            if J::RIGHT_ALONE && !right.has_met {
                out.extend(J::right_alone(key, right.value).map(|alone| row(right.time, alone)));
            }
            if out.is_full() {
                return Turn::More;
            }
        }
        if state.left.is_empty() && state.right.is_empty() {
            self.keys.remove_at(at);
        } else {
            state.due = state.next_due(interval);
            self.timers.set(state.due, at);
        }
        Turn::Done
    }
}

impl<K: Key, L: ExchangeData, R: ExchangeData, J: JoinKind<K, L, R>> TwoInput
    for IntervalStep<K, L, R, J>
{
    type Left = Stamped<Keyed<K, L>>;
    type Right = Stamped<Keyed<K, R>>;
    type Out = Said<K, L, R, J>;

    fn on_left(
        &mut self,
        batch: &mut Vec<Self::Left>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for Stamped { time, value } in batch.drain(..) {
            if time < self.watermark {
                self.lateness.take(time, || Side::Left((value.key, value.value)), out);
            } else {
                self.left(time, value, out);
            }
        }
        Ok(())
    }

    fn on_right(
        &mut self,
        batch: &mut Vec<Self::Right>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for Stamped { time, value } in batch.drain(..) {
            if time < self.watermark {
                self.lateness.take(time, || Side::Right((value.key, value.value)), out);
            } else {
                self.right(time, value, out);
            }
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
            if self.give_up(at, end.watermark, out) == Turn::More {
                self.timers.set(due, at);
                return Ok(Turn::More);
            }
        }
        self.watermark = end.watermark;
        Ok(Turn::Done)
    }

    fn watermark(&self, input: EventTime) -> EventTime {
        input.minus(self.held_back())
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("records", &mut self.keys)
    }

    fn restored(&mut self) {
        for at in 0..self.keys.positions() {
            if self.keys.at(at).is_some() {
                let state = &mut self.keys.entry_mut(at).state;
                state.due = state.next_due(self.interval);
                self.timers.set(state.due, at);
                self.left_records += state.left.len();
                self.right_records += state.right.len();
            }
        }
    }

    fn holdings(&self) -> Holdings {
        let left = self.left_records * size_of::<Waiting<L>>();
        let right = self.right_records * size_of::<Waiting<J::Right>>();
        Holdings {
            keys: self.keys.len(),
            timers: self.timers.len(),
            records: self.left_records + self.right_records,
            bytes: self.keys.bytes() + left + right,
            ..Holdings::default()
        }
    }
}
