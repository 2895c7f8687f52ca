//! The timers of keys: set, moved and deleted by their names, and taken when they are due.
//!
//! What is set for a key is part of the key's state; beside it one ordered queue over all keys of
//! a worker knows what is due next. Both are always in step.

use std::collections::{BTreeMap, BTreeSet};

use rheos_engine::{Error, ErrorKind, EventTime, ProcessingTime};
use serde::{Deserialize, Serialize};

/// How many timers a key may set on average once the input has ended: callbacks that set the next
/// timer again and again would never come to an end.
const TIMERS_A_KEY_AFTER_THE_END: usize = 1_000;

/// When a timer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Moment {
    /// When the watermark has come to `at`. Results may have times from `from` on.
    Event { at: EventTime, from: EventTime },
    /// At a processing time. `time` is the event time at which it was set.
    Processing { at: ProcessingTime, time: EventTime },
}

/// The timers of a key by name.
pub(crate) type KeyTimers<T> = BTreeMap<T, Moment>;

/// What is due next over all keys of a worker.
#[derive(Debug)]
pub(crate) struct TimerQueue<T> {
    event: BTreeSet<(EventTime, usize, T)>,
    processing: BTreeSet<(ProcessingTime, usize, T)>,
    /// Times before those of their timers that results may have, and how often.
    holds: BTreeMap<EventTime, usize>,
    /// How many timers may still be set, once the input has ended.
    left: Option<usize>,
}

impl<T> Default for TimerQueue<T> {
    fn default() -> Self {
        let (event, processing, holds) = Default::default();
        Self { event, processing, holds, left: None }
    }
}

impl<T: Ord + Clone> TimerQueue<T> {
    /// Sets a timer of the key at a position, or moves it if it is set.
    pub(crate) fn set(&mut self, of: &mut KeyTimers<T>, at: usize, timer: T, moment: Moment) {
        if let Some(before) = of.insert(timer.clone(), moment) {
            self.remove(at, timer.clone(), before);
        }
        self.left = self.left.map(|left| left.saturating_sub(1));
        self.add(at, timer, moment);
    }

    /// Deletes a timer, if it is set.
    pub(crate) fn delete(&mut self, of: &mut KeyTimers<T>, at: usize, timer: &T) {
        if let Some((timer, moment)) = of.remove_entry(timer) {
            self.remove(at, timer, moment);
        }
    }

    /// Adds a timer that its key has.
    pub(crate) fn add(&mut self, at: usize, timer: T, moment: Moment) {
        match moment {
            Moment::Event { at: time, from } => {
                self.event.insert((time, at, timer));
                if from < time {
                    *self.holds.entry(from).or_default() += 1;
                }
            }
            Moment::Processing { at: time, .. } => {
                self.processing.insert((time, at, timer));
            }
        }
    }

    fn remove(&mut self, at: usize, timer: T, moment: Moment) {
        match moment {
            Moment::Event { at: time, from } => {
                self.event.remove(&(time, at, timer));
                self.release(time, from);
            }
            Moment::Processing { at: time, .. } => {
                self.processing.remove(&(time, at, timer));
            }
        }
    }

    fn release(&mut self, time: EventTime, from: EventTime) {
        if from >= time {
            return;
        }
        let count = self.holds.get_mut(&from).expect("a timer that holds is counted");
        *count -= 1;
        if *count == 0 {
            self.holds.remove(&from);
        }
    }

    /// Takes the next timer that is due, in event time first, out of the queue;
    /// [`fire`](Self::fire) takes it from its key.
    pub(crate) fn pop(&mut self, watermark: EventTime, now: ProcessingTime) -> Option<(usize, T)> {
        if self.event.first().is_some_and(|(time, ..)| *time <= watermark) {
            return self.event.pop_first().map(|(_, at, timer)| (at, timer));
        }
        self.processing.first().filter(|(time, ..)| *time <= now)?;
        self.processing.pop_first().map(|(_, at, timer)| (at, timer))
    }

    /// Takes a timer that was due from its key; gives its moment.
    pub(crate) fn fire(&mut self, of: &mut KeyTimers<T>, timer: &T) -> Moment {
        let moment = of.remove(timer).expect("a key has the timers of the queue");
        if let Moment::Event { at, from } = moment {
            self.release(at, from);
        }
        moment
    }

    /// The earliest time that a result of a timer may have before the timer's own.
    pub(crate) fn held(&self) -> Option<EventTime> {
        self.holds.keys().next().copied()
    }

    /// The processing time at which the first timer is due.
    pub(crate) fn deadline(&self) -> Option<ProcessingTime> {
        self.processing.first().map(|(time, ..)| *time)
    }

    pub(crate) fn len(&self) -> usize {
        self.event.len() + self.processing.len()
    }

    /// Whether the input has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.left.is_some()
    }

    /// The input has ended, with so many keys: from now on not everything can be set.
    pub(crate) fn end(&mut self, keys: usize) {
        self.left.get_or_insert(keys.saturating_add(1).saturating_mul(TIMERS_A_KEY_AFTER_THE_END));
    }

    /// Fails when callbacks have set so many timers after the end of the input that they would
    /// go on for ever.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.left != Some(0) {
            return Ok(());
        }
        let reason = format!(
            "since the input has ended, callbacks have set {TIMERS_A_KEY_AFTER_THE_END} more \
             timers a key"
        );
        Err(Error::new(ErrorKind::UserCode, "fire the last timers", reason)
            .advise("set no further timer when `context.input_has_ended()`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: i64, from: i64) -> Moment {
        Moment::Event { at: EventTime::from_millis(at), from: EventTime::from_millis(from) }
    }

    /// The names of the timers due at a watermark, with a single key.
    fn pop(queue: &mut TimerQueue<char>, timers: &mut KeyTimers<char>, watermark: i64) -> String {
        let (watermark, now) = (EventTime::from_millis(watermark), ProcessingTime(0));
        let due = std::iter::from_fn(|| queue.pop(watermark, now)).map(|(_, timer)| timer);
        let due: String = due.collect();
        due.chars().for_each(|timer| {
            queue.fire(timers, &timer);
        });
        due
    }

    #[test]
    fn timers_come_in_order_of_time_once_each() {
        let (mut queue, mut timers) = (TimerQueue::default(), KeyTimers::new());
        for (name, at) in [('c', 30), ('a', 10), ('b', 10), ('d', 20)] {
            queue.set(&mut timers, 0, name, event(at, at));
        }
        queue.set(&mut timers, 0, 'd', event(5, 5));
        queue.delete(&mut timers, 0, &'b');
        queue.delete(&mut timers, 0, &'z');
        assert_eq!((queue.len(), timers.len()), (3, 3));
        assert_eq!(pop(&mut queue, &mut timers, 9), "d");
        assert_eq!(pop(&mut queue, &mut timers, 10), "a", "due at its time");
        assert_eq!(pop(&mut queue, &mut timers, 100), "c");
        assert_eq!((queue.len(), timers.len()), (0, 0));
    }

    #[test]
    fn a_timer_holds_what_it_was_set_to_hold_and_no_longer() {
        let (mut queue, mut timers) = (TimerQueue::default(), KeyTimers::new());
        queue.set(&mut timers, 0, 'a', event(30, 30));
        assert_eq!(queue.held(), None, "its own time holds nothing back");
        queue.set(&mut timers, 0, 'b', event(40, 12));
        queue.set(&mut timers, 0, 'c', event(50, 12));
        queue.set(&mut timers, 0, 'b', event(40, 15));
        assert_eq!(queue.held(), Some(EventTime::from_millis(12)));
        queue.delete(&mut timers, 0, &'c');
        assert_eq!(queue.held(), Some(EventTime::from_millis(15)));
        assert_eq!(pop(&mut queue, &mut timers, 40), "ab");
        assert_eq!(queue.held(), None);
    }

    #[test]
    fn timers_cannot_be_set_for_ever_after_the_end() {
        let (mut queue, mut timers) = (TimerQueue::default(), KeyTimers::new());
        queue.end(1);
        for time in 0..2 * TIMERS_A_KEY_AFTER_THE_END as i64 {
            assert!(queue.check().is_ok(), "{time}");
            queue.set(&mut timers, 0, 'a', event(time, time));
        }
        assert!(queue.check().unwrap_err().to_string().contains("input_has_ended"));
    }
}
