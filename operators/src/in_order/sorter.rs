//! Holds records until the watermark has passed them, and releases them in order of event time.

use std::collections::BTreeMap;

use rheos_engine::{
    EpochEnd, Error, ErrorKind, EventTime, ExchangeData, Holdings, Key, Keyed, KeyedState,
    Operator, Output, Stamped, StateParts, Timers, Turn,
};
use serde::{Deserialize, Serialize};

use crate::passed::last_passed;
use crate::with_late::{Emitted, Lateness};

/// What becomes of a record when its turn has come.
pub(crate) trait Release<K, V>: 'static {
    /// What is remembered of the records of a key that were released.
    type State: ExchangeData + Default;
    /// What is said for a record.
    type Out: Send + 'static;
    /// What is said for a late record.
    type Late: Send + 'static;

    /// Releases a record; gives what is said for it, and the last watermark at which what is
    /// remembered is still needed, if there is one.
    fn release(
        &self,
        state: &mut Self::State,
        key: &K,
        time: EventTime,
        value: V,
    ) -> (Self::Out, Option<EventTime>);

    /// Says that a record is late.
    fn late(&self, key: K, value: V) -> Self::Late;
}

/// What a key holds.
#[derive(Serialize, Deserialize)]
#[serde(bound(
    serialize = "V: Serialize, S: Serialize",
    deserialize = "V: Deserialize<'de>, S: Deserialize<'de> + Default"
))]
struct Slot<V, S> {
    /// The records that wait, by time, those of one time as they came.
    waiting: BTreeMap<EventTime, Vec<V>>,
    state: S,
    /// The last watermark at which the state is still needed.
    needed: Option<EventTime>,
    /// Whether a reminder to forget it is set.
    #[serde(skip)]
    is_reminded: bool,
}

impl<V, S: Default> Default for Slot<V, S> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), state: S::default(), needed: None, is_reminded: false }
    }
}

/// Puts the records of each key in order.
pub(crate) struct Sorter<K, V, R: Release<K, V>> {
    release: R,
    lateness: Lateness,
    slots: KeyedState<K, Slot<V, R::State>>,
    /// When a key has something to release or to forget: the watermark must be later.
    timers: Timers,
    /// Records that wait, and how many may.
    records: usize,
    limit: usize,
    /// The watermark at the beginning of the epoch.
    watermark: EventTime,
}

impl<K: Key, V: ExchangeData, R: Release<K, V>> Sorter<K, V, R> {
    /// A sorter that holds up to `limit` records.
    pub(crate) fn new(release: R, lateness: Lateness, limit: usize) -> Self {
        let (slots, timers) = Default::default();
        let watermark = EventTime::MIN;
        Self { release, lateness, slots, timers, records: 0, limit, watermark }
    }

    fn hold(&mut self, time: EventTime, Keyed { hash, key, value }: Keyed<K, V>) {
        let at = self.slots.find_or_insert(hash, key, Slot::default);
        let same_time = self.slots.entry_mut(at).state.waiting.entry(time).or_default();
        if same_time.is_empty() {
            self.timers.set(time.as_millis(), at);
        }
        same_time.push(value);
        self.records += 1;
    }

    /// Releases what a key holds for a time, and forgets the key if nothing is left of it.
    fn release(
        &mut self,
        at: usize,
        time: EventTime,
        watermark: EventTime,
        out: &mut Output<'_, Stamped<Emitted<R::Out, R::Late>>>,
    ) {
        if self.slots.at(at).is_none() {
            return;
        }
        let entry = self.slots.entry_mut(at);
        let Slot { waiting, state, needed, is_reminded } = &mut entry.state;
        let values = waiting.remove(&time).unwrap_or_default();
        *is_reminded &= !values.is_empty();
        for value in values {
            self.records -= 1;
            let (said, until) = self.release.release(state, &entry.key, time, value);
            out.push(Stamped { time, value: Emitted::Result(said) });
            *needed = until;
        }
        if !waiting.is_empty() {
            return;
        }
        match *needed {
            Some(needed) if is_held(needed, watermark) => {
                if !std::mem::replace(is_reminded, true) {
                    self.timers.set(needed.as_millis(), at);
                }
            }
            _ => drop(self.slots.remove_at(at)),
        }
    }
}

/// Whether records of a time may still come, or something else be said about it.
fn is_held(time: EventTime, watermark: EventTime) -> bool {
    time >= watermark && watermark < EventTime::MAX
}

impl<K: Key, V: ExchangeData, R: Release<K, V>> Operator for Sorter<K, V, R> {
    type In = Stamped<Keyed<K, V>>;
    type Out = Stamped<Emitted<R::Out, R::Late>>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        let mut late = 0;
        for Stamped { time, value } in batch.drain(..) {
            if time >= self.watermark {
                self.hold(time, value);
                continue;
            }
            late += 1;
            if self.lateness == Lateness::Emit {
                let value = Emitted::Late(self.release.late(value.key, value.value));
                out.push(Stamped { time, value });
            }
        }
        out.count_late(late);
        if self.records > self.limit {
            return Err(too_many(self.limit));
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        end: EpochEnd,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        while let Some((time, at)) = self.timers.pop(last_passed(end.watermark)) {
            self.release(at, EventTime::from_millis(time), end.watermark, out);
            if out.is_full() {
                return Ok(Turn::More);
            }
        }
        self.watermark = end.watermark;
        Ok(Turn::Done)
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("keys", &mut self.slots)
    }

    fn restored(&mut self) {
        for at in 0..self.slots.positions() {
            if self.slots.at(at).is_none() {
                continue;
            }
            let Slot { waiting, needed, is_reminded, .. } = &mut self.slots.entry_mut(at).state;
            self.records += waiting.values().map(Vec::len).sum::<usize>();
            *is_reminded = needed.is_some();
            let times = waiting.keys().copied().chain(*needed);
            times.for_each(|time| self.timers.set(time.as_millis(), at));
        }
    }

    fn holdings(&self) -> Holdings {
        let bytes = self.slots.bytes() + self.records * size_of::<V>();
        let (keys, records) = (self.slots.len(), self.records);
        Holdings { keys, records, timers: self.timers.len(), bytes, ..Holdings::default() }
    }
}

fn too_many(limit: usize) -> Error {
    let attempted = "put records in order of event time";
    let reason = format!("more than {limit} wait for the watermark to pass them");
    Error::new(ErrorKind::Usage, attempted, reason).advise(
        "find out which split or step holds the watermark, promise less disorder, or raise the \
         limit sorted_records",
    )
}
