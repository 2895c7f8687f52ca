//! What process functions of every shape share: the states and timers of keys, and when callbacks
//! are called.

use rheos_engine::{
    EpochEnd, Error, EventTime, ExchangeData, Holdings, Key, KeyedState, Output, ProcessingTime,
    StateParts, Timers, Turn,
};
use serde::{Deserialize, Serialize};

use super::context::{Emitted, ProcessContext};
use super::side::Shape;
use super::time_to_live::{Now, Sweeps, TimeToLive, millis};
use super::timers::{KeyTimers, Moment, TimerQueue};
use crate::Timeline;

/// The callbacks that process functions of every shape have.
pub(crate) trait Callbacks<M: Timeline>: 'static {
    type Key: Key;
    type State: ExchangeData + Clone + PartialEq;
    type Timer: ExchangeData + Ord + Clone;
    type Out: 'static;
    type Side: 'static;

    fn on_timer(
        &self,
        state: &mut Self::State,
        timer: Self::Timer,
        context: &mut ContextOf<'_, Self, M>,
    );

    fn time_to_live(&self, state: &mut Self::State, ttl: &mut TimeToLive<M>);
}

/// The context of callbacks.
pub(crate) type ContextOf<'a, C, M> = ProcessContext<
    'a,
    M,
    <C as Callbacks<M>>::Key,
    <C as Callbacks<M>>::Out,
    <C as Callbacks<M>>::Timer,
    <C as Callbacks<M>>::Side,
>;

/// What is remembered for a key.
#[derive(Serialize, Deserialize)]
#[serde(bound(
    serialize = "S: Serialize, T: Serialize",
    deserialize = "S: Deserialize<'de>, T: Deserialize<'de> + Ord"
))]
struct Slot<S, T> {
    state: S,
    timers: KeyTimers<T>,
    /// The reminders to sweep it that are set.
    #[serde(skip)]
    sweeps: Sweeps,
}

/// The keys of a worker, with their states and timers.
pub(crate) struct Keys<C: Callbacks<M>, M: Timeline> {
    callbacks: C,
    /// The state of a key that nothing is remembered for.
    initial: C::State,
    slots: KeyedState<C::Key, Slot<C::State, C::Timer>>,
    queue: TimerQueue<C::Timer>,
    event_sweeps: Timers,
    processing_sweeps: Timers,
    emitted: Emitted<M, C::Out, C::Side>,
    /// The watermark at the beginning of the epoch.
    watermark: EventTime,
    /// When the last epoch was left.
    left: ProcessingTime,
}

impl<C: Callbacks<M>, M: Timeline> Keys<C, M> {
    pub(crate) fn new(callbacks: C, initial: C::State) -> Self {
        Self {
            callbacks,
            initial,
            slots: KeyedState::default(),
            queue: TimerQueue::default(),
            event_sweeps: Timers::default(),
            processing_sweeps: Timers::default(),
            emitted: Emitted::default(),
            watermark: EventTime::MIN,
            left: ProcessingTime(0),
        }
    }

    pub(crate) fn callbacks_mut(&mut self) -> &mut C {
        &mut self.callbacks
    }

    /// Calls back for a record of a key, and hands on what is emitted.
    pub(crate) fn on_record<W: Shape<C::Out, C::Side>>(
        &mut self,
        (hash, key): (u64, C::Key),
        time: EventTime,
        out: &mut Output<'_, M::Record<W::Out>>,
        callback: impl FnOnce(&C, &mut C::State, &mut ContextOf<'_, C, M>),
    ) {
        let now = Now { time, watermark: self.watermark, processing: out.now() };
        let (sweeps, timers) = Default::default();
        let slot = || Slot { state: self.initial.clone(), timers, sweeps };
        let at = self.slots.find_or_insert(hash, key, slot);
        self.call(at, now, callback);
        self.emitted.hand_on::<W>(out);
    }

    fn call(
        &mut self,
        at: usize,
        now: Now,
        callback: impl FnOnce(&C, &mut C::State, &mut ContextOf<'_, C, M>),
    ) {
        let entry = self.slots.entry_mut(at);
        let Slot { state, timers, .. } = &mut entry.state;
        TimeToLive::arm(now, |ttl| self.callbacks.time_to_live(state, ttl));
        let (queue, emitted) = (&mut self.queue, &mut self.emitted);
        callback(
            &self.callbacks,
            state,
            &mut ProcessContext::new(&entry.key, now, at, timers, queue, emitted),
        );
        let sweeps = TimeToLive::settle(now, |ttl| self.callbacks.time_to_live(state, ttl));
        self.settle(at, sweeps);
    }

    /// Forgets a key for which nothing needs to be remembered, or sets reminders to sweep it.
    fn settle(&mut self, at: usize, wanted: Sweeps) {
        let slot = &mut self.slots.entry_mut(at).state;
        if slot.timers.is_empty() && slot.state == self.initial {
            self.slots.remove_at(at);
            return;
        }
        if wanted.event < slot.sweeps.event {
            slot.sweeps.event = wanted.event;
            self.event_sweeps.set(wanted.event, at);
        }
        if wanted.processing < slot.sweeps.processing {
            slot.sweeps.processing = wanted.processing;
            self.processing_sweeps.set(wanted.processing, at);
        }
    }

    /// Calls back for all timers that are due at the end of an epoch, as far as there is room for
    /// what is emitted.
    pub(crate) fn on_epoch_end<W: Shape<C::Out, C::Side>>(
        &mut self,
        end: EpochEnd,
        out: &mut Output<'_, M::Record<W::Out>>,
    ) -> Result<Turn, Error> {
        let is_last = M::IS_TIMED && end.watermark == EventTime::MAX;
        if self.fire::<W>(end.watermark, end.processing_time, is_last, out)? == Turn::More {
            return Ok(Turn::More);
        }
        self.sweep(end.watermark, end.processing_time);
        (self.watermark, self.left) = (end.watermark, end.processing_time);
        Ok(Turn::Done)
    }

    /// Calls back for all timers that are left when the input has ended.
    pub(crate) fn on_input_end<W: Shape<C::Out, C::Side>>(
        &mut self,
        out: &mut Output<'_, M::Record<W::Out>>,
    ) -> Result<Turn, Error> {
        self.fire::<W>(EventTime::MAX, self.left, true, out)
    }

    fn fire<W: Shape<C::Out, C::Side>>(
        &mut self,
        watermark: EventTime,
        processing: ProcessingTime,
        is_last: bool,
        out: &mut Output<'_, M::Record<W::Out>>,
    ) -> Result<Turn, Error> {
        if is_last {
            self.queue.end(self.slots.len());
        }
        let due = if is_last { ProcessingTime(u64::MAX) } else { processing };
        while let Some((at, timer)) = self.queue.pop(watermark, due) {
            let timers = &mut self.slots.entry_mut(at).state.timers;
            let time = match self.queue.fire(timers, &timer) {
                Moment::Event { at, .. } => at,
                Moment::Processing { time, .. } => time.max(self.watermark),
            };
            let now = Now { time, watermark: self.watermark, processing };
            self.call(at, now, |callbacks, state, context| {
                callbacks.on_timer(state, timer, context);
            });
            self.emitted.hand_on::<W>(out);
            self.queue.check()?;
            if out.is_full() {
                return Ok(Turn::More);
            }
        }
        Ok(Turn::Done)
    }

    /// Drops what has expired.
    fn sweep(&mut self, watermark: EventTime, now: ProcessingTime) {
        while let Some((time, at)) = self.event_sweeps.pop(watermark.as_millis()) {
            self.sweep_key(at, watermark, now, |sweeps| (&mut sweeps.event, time));
        }
        while let Some((time, at)) = self.processing_sweeps.pop(millis(now)) {
            self.sweep_key(at, watermark, now, |sweeps| (&mut sweeps.processing, time));
        }
    }

    /// Sweeps the key at a position, if the reminder for it is the one that is set.
    fn sweep_key(
        &mut self,
        at: usize,
        watermark: EventTime,
        now: ProcessingTime,
        reminder: impl FnOnce(&mut Sweeps) -> (&mut i64, i64),
    ) {
        if self.slots.at(at).is_none() {
            return;
        }
        let slot = &mut self.slots.entry_mut(at).state;
        let (set, time) = reminder(&mut slot.sweeps);
        if *set != time {
            return;
        }
        *set = i64::MAX;
        let state = &mut slot.state;
        let callbacks = &self.callbacks;
        let left = TimeToLive::sweep(watermark, now, |ttl| callbacks.time_to_live(state, ttl));
        self.settle(at, left);
    }

    pub(crate) fn watermark(&self, input: EventTime) -> EventTime {
        self.queue.held().map_or(input, |held| held.min(input))
    }

    pub(crate) fn deadline(&self) -> Option<ProcessingTime> {
        let sweep = self.processing_sweeps.next();
        let sweep = sweep.map(|time| ProcessingTime(u64::try_from(time).unwrap_or(0)));
        [self.queue.deadline(), sweep].into_iter().flatten().min()
    }

    pub(crate) fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("keys", &mut self.slots)
    }

    /// Puts the timers of all keys back into the queue, and sets reminders to sweep them.
    pub(crate) fn restored(&mut self) {
        let (time, watermark) = (self.watermark, self.watermark);
        let now = Now { time, watermark, processing: ProcessingTime(0) };
        for at in 0..self.slots.positions() {
            if self.slots.at(at).is_none() {
                continue;
            }
            let Slot { state, timers, .. } = &mut self.slots.entry_mut(at).state;
            timers.iter().for_each(|(timer, moment)| self.queue.add(at, timer.clone(), *moment));
            TimeToLive::arm(now, |ttl| self.callbacks.time_to_live(state, ttl));
            let sweeps = TimeToLive::settle(now, |ttl| self.callbacks.time_to_live(state, ttl));
            self.settle(at, sweeps);
        }
    }

    pub(crate) fn holdings(&self) -> Holdings {
        Holdings {
            keys: self.slots.len(),
            timers: self.queue.len(),
            bytes: self.slots.bytes(),
            ..Holdings::default()
        }
    }
}
