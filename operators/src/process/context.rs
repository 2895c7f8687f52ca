//! What a callback of a process function knows and can do.

use std::convert::Infallible;

use rheos_engine::{EventTime, Output, ProcessingTime};

use super::side::Shape;
use super::time_to_live::Now;
use super::timers::{KeyTimers, Moment, TimerQueue};
use crate::{HasEventTime, Timeline};

/// What a callback emits, on its way to the next step.
pub(crate) struct Emitted<M: Timeline, O: 'static, S: 'static> {
    main: Vec<M::Record<O>>,
    side: Vec<M::Record<S>>,
}

impl<M: Timeline, O: 'static, S: 'static> Default for Emitted<M, O, S> {
    fn default() -> Self {
        Self { main: Vec::new(), side: Vec::new() }
    }
}

impl<M: Timeline, O: 'static, S: 'static> Emitted<M, O, S> {
    /// Hands everything on.
    #[inline]
    pub(crate) fn hand_on<W: Shape<O, S>>(&mut self, out: &mut Output<'_, M::Record<W::Out>>) {
        for record in self.main.drain(..) {
            let (stamp, value) = M::split(record);
            out.push(M::join(stamp, W::main(value)));
        }
        for record in self.side.drain(..) {
            let (stamp, value) = M::split(record);
            out.push(M::join(stamp, W::side(value)));
        }
    }
}

/// The moment of a callback and the key it is for, and what the callback can do: emit records, and
/// set timers of the key.
///
/// `M` is [`Timed`](crate::Timed) or [`Untimed`](crate::Untimed), `K` the key, `O` what is emitted,
/// `T` what names timers, and `S` what is emitted on the side. What has to do with event time can
/// be used where the stream has event time only.
pub struct ProcessContext<'a, M, K, O, T = (), S = Infallible>
where
    M: Timeline,
    O: 'static,
    S: 'static,
{
    key: &'a K,
    now: Now,
    /// The position of the key.
    at: usize,
    timers: &'a mut KeyTimers<T>,
    queue: &'a mut TimerQueue<T>,
    emitted: &'a mut Emitted<M, O, S>,
}

impl<'a, M: Timeline, K, O: 'static, T: Ord + Clone, S: 'static> ProcessContext<'a, M, K, O, T, S> {
    pub(crate) fn new(
        key: &'a K,
        now: Now,
        at: usize,
        timers: &'a mut KeyTimers<T>,
        queue: &'a mut TimerQueue<T>,
        emitted: &'a mut Emitted<M, O, S>,
    ) -> Self {
        Self { key, now, at, timers, queue, emitted }
    }

    /// The key of the record or timer.
    #[must_use]
    pub fn key(&self) -> &K {
        self.key
    }

    /// Processing time. In the callback of a timer it is that of the end of the epoch, the same on
    /// every worker.
    #[must_use]
    pub fn processing_time(&self) -> ProcessingTime {
        self.now.processing
    }

    /// Whether the input has ended: the callback is that of one of the last timers.
    #[must_use]
    pub fn input_has_ended(&self) -> bool {
        self.queue.has_ended()
    }

    /// Emits a record, on a stream with event time with that of the callback: the record's, or the
    /// timer's. For a timer in processing time it is that of the callback that set it, or the
    /// watermark at the beginning of the epoch if that is later.
    pub fn emit(&mut self, record: O) {
        self.emitted.main.push(M::join(M::stamp(self.now.time), record));
    }

    /// Emits a record on the side, with the event time of [`emit`](Self::emit).
    pub fn emit_side(&mut self, record: S) {
        self.emitted.side.push(M::join(M::stamp(self.now.time), record));
    }

    /// Sets a timer in processing time, or moves it if the key has a timer of that name. It fires
    /// at the end of the first epoch that is left at `at` or later, which the engine sees to.
    pub fn set_processing_timer(&mut self, timer: T, at: ProcessingTime) {
        let moment = Moment::Processing { at, time: self.now.time };
        self.queue.set(self.timers, self.at, timer, moment);
    }

    /// Deletes a timer of the key, if it has one of that name.
    pub fn delete_timer(&mut self, timer: &T) {
        self.queue.delete(self.timers, self.at, timer);
    }

    /// Whether the key has a timer of that name. The one that is being called has fired, and is
    /// not there any more.
    #[must_use]
    pub fn has_timer(&self, timer: &T) -> bool {
        self.timers.contains_key(timer)
    }
}

impl<M: Timeline, K, O: 'static, T: Ord + Clone, S: 'static> ProcessContext<'_, M, K, O, T, S> {
    /// The event time of the record, or of the timer.
    #[must_use]
    pub fn event_time(&self) -> EventTime
    where
        M: HasEventTime,
    {
        self.now.time
    }

    /// The watermark of the input at the beginning of the epoch.
    #[must_use]
    pub fn watermark(&self) -> EventTime
    where
        M: HasEventTime,
    {
        self.now.watermark
    }

    /// Whether the event time of the record is behind the watermark.
    #[must_use]
    pub fn is_late(&self) -> bool
    where
        M: HasEventTime,
    {
        self.now.time < self.now.watermark
    }

    /// Emits a record with an event time of its own. If it is behind the watermark of the stream,
    /// the record is late for the steps behind; [`set_timer_holding`](Self::set_timer_holding)
    /// keeps the watermark back for it.
    pub fn emit_at(&mut self, time: EventTime, record: O)
    where
        M: HasEventTime,
    {
        self.emitted.main.push(M::join(M::stamp(time), record));
    }

    /// As [`emit_at`](Self::emit_at), on the side.
    pub fn emit_side_at(&mut self, time: EventTime, record: S)
    where
        M: HasEventTime,
    {
        self.emitted.side.push(M::join(M::stamp(time), record));
    }

    /// Sets a timer, or moves it if the key has a timer of that name. It fires at the end of the
    /// epoch in which the watermark comes to `at`: when everything before `at` has been seen. One
    /// for a time that the watermark has passed fires at the end of this epoch.
    ///
    /// What its callback emits has the time `at`, for which nothing needs to be held back.
    pub fn set_timer(&mut self, timer: T, at: EventTime)
    where
        M: HasEventTime,
    {
        self.queue.set(self.timers, self.at, timer, Moment::Event { at, from: at });
    }

    /// As [`set_timer`](Self::set_timer), for a callback that emits with times from `earliest` on:
    /// until the timer has fired or is deleted, the watermark that is passed on stays at
    /// `earliest`.
    pub fn set_timer_holding(&mut self, timer: T, at: EventTime, earliest: EventTime)
    where
        M: HasEventTime,
    {
        self.queue.set(self.timers, self.at, timer, Moment::Event { at, from: earliest });
    }
}
