//! The step behind `join_unbounded`: keeps the records of both sides, for a time if told so.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::time::Duration;

use rheos_engine::{
    Entry, EpochEnd, Error, ExchangeData, Holdings, Key, Keyed, KeyedState, Output, ProcessingTime,
    StateParts, Timers, Turn, TwoInput,
};
use serde::{Deserialize, Serialize};

use crate::Timeline;

/// A record and when it came.
#[derive(Serialize, Deserialize)]
struct Kept<T, S> {
    since: u64,
    stamp: S,
    value: T,
}

/// The records of a key, in the order in which they came.
#[derive(Serialize, Deserialize)]
struct Sides<L, R, S> {
    left: VecDeque<Kept<L, S>>,
    right: VecDeque<Kept<R, S>>,
}

impl<L, R, S> Default for Sides<L, R, S> {
    fn default() -> Self {
        Self { left: VecDeque::new(), right: VecDeque::new() }
    }
}

/// Joins the records of the keys that a worker owns.
pub(crate) struct Everything<K, L, R, M: Timeline> {
    /// In milliseconds; without it records live for ever.
    ttl: Option<u64>,
    keys: KeyedState<K, Sides<L, R, M::Stamp>>,
    /// One reminder for each key, when there is a time to live.
    timers: Timers,
    left_records: usize,
    right_records: usize,
    timeline: PhantomData<fn(M)>,
}

/// Parts of the time to live in which records are looked at: so many times, and not once for each
/// millisecond in which one came, an idle job wakes up in a time to live.
const LOOKS: u64 = 32;

impl<K, L, R, M: Timeline> Everything<K, L, R, M> {
    pub(crate) fn new(ttl: Option<Duration>) -> Self {
        let ttl = ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        Self {
            ttl,
            keys: KeyedState::default(),
            timers: Timers::default(),
            left_records: 0,
            right_records: 0,
            timeline: PhantomData,
        }
    }

    /// Reminds of a key when its oldest record has lived long enough.
    fn remind(&mut self, at: usize) {
        let Some(ttl) = self.ttl else { return };
        let Sides { left, right } = &self.keys.entry(at).state;
        let oldest = [left.front().map(|kept| kept.since), right.front().map(|kept| kept.since)];
        if let Some(oldest) = oldest.into_iter().flatten().min() {
            let part = (ttl / LOOKS).max(1);
            let due = oldest.saturating_add(ttl).div_ceil(part).saturating_mul(part);
            self.timers.set(i64::try_from(due).unwrap_or(i64::MAX), at);
        }
    }
}

/// Drops records that have lived long enough; gives how many.
fn drop_old<T, S>(records: &mut VecDeque<Kept<T, S>>, ttl: Option<u64>, now: u64) -> usize {
    let Some(ttl) = ttl else { return 0 };
    let before = records.len();
    while records.front().is_some_and(|kept| kept.since.saturating_add(ttl) <= now) {
        records.pop_front();
    }
    before - records.len()
}

impl<K, L, R, M> TwoInput for Everything<K, L, R, M>
where
    K: Key,
    L: ExchangeData + Clone,
    R: ExchangeData + Clone,
    M: Timeline,
    M::Record<Keyed<K, L>>: Send,
    M::Record<Keyed<K, R>>: Send,
    M::Record<(K, L, R)>: Send,
{
    type Left = M::Record<Keyed<K, L>>;
    type Right = M::Record<Keyed<K, R>>;
    type Out = M::Record<(K, L, R)>;

    fn on_left(
        &mut self,
        batch: &mut Vec<Self::Left>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        let since = out.now().0;
        for record in batch.drain(..) {
            let (stamp, Keyed { hash, key, value }) = M::split(record);
            let at = self.keys.find_or_insert(hash, key, Sides::default);
            let Entry { key, state: Sides { left, right }, .. } = self.keys.entry_mut(at);
            let is_first = left.is_empty() && right.is_empty();
            self.right_records -= drop_old(right, self.ttl, since);
            for other in right.iter() {
                let pair = (key.clone(), value.clone(), other.value.clone());
                out.push(M::join(stamp.max(other.stamp), pair));
            }
            left.push_back(Kept { since, stamp, value });
            self.left_records += 1;
            if is_first {
                self.remind(at);
            }
        }
        Ok(())
    }

    fn on_right(
        &mut self,
        batch: &mut Vec<Self::Right>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        let since = out.now().0;
        for record in batch.drain(..) {
            let (stamp, Keyed { hash, key, value }) = M::split(record);
            let at = self.keys.find_or_insert(hash, key, Sides::default);
            let Entry { key, state: Sides { left, right }, .. } = self.keys.entry_mut(at);
            let is_first = left.is_empty() && right.is_empty();
            self.left_records -= drop_old(left, self.ttl, since);
            for other in left.iter() {
                let pair = (key.clone(), other.value.clone(), value.clone());
                out.push(M::join(stamp.max(other.stamp), pair));
            }
            right.push_back(Kept { since, stamp, value });
            self.right_records += 1;
            if is_first {
                self.remind(at);
            }
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        end: EpochEnd,
        _out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        let now = end.processing_time.0;
        while let Some((_, at)) = self.timers.pop(i64::try_from(now).unwrap_or(i64::MAX)) {
            let Sides { left, right } = &mut self.keys.entry_mut(at).state;
            self.left_records -= drop_old(left, self.ttl, now);
            self.right_records -= drop_old(right, self.ttl, now);
            match left.is_empty() && right.is_empty() {
                true => drop(self.keys.remove_at(at)),
                false => self.remind(at),
            }
        }
        Ok(Turn::Done)
    }

    fn deadline(&self) -> Option<ProcessingTime> {
        self.timers.next().map(|due| ProcessingTime(due.unsigned_abs()))
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("records", &mut self.keys)
    }

    fn restored(&mut self) {
        for at in 0..self.keys.positions() {
            if let Some(entry) = self.keys.at(at) {
                self.left_records += entry.state.left.len();
                self.right_records += entry.state.right.len();
                self.remind(at);
            }
        }
    }

    fn holdings(&self) -> Holdings {
        let left = self.left_records * size_of::<Kept<L, M::Stamp>>();
        let right = self.right_records * size_of::<Kept<R, M::Stamp>>();
        Holdings {
            keys: self.keys.len(),
            timers: self.timers.len(),
            records: self.left_records + self.right_records,
            bytes: self.keys.bytes() + left + right,
            ..Holdings::default()
        }
    }
}
