//! When the events of a run are due, and the source that keeps to it.
//!
//! The events are those of a [`Generator`], which lets event `i` go `i / rate` seconds after its
//! split was opened, or up to 0.2 ms later. This notes when that was.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rheos::engine::{Position, Reader, ReaderContext, Replay, Source, Split, SplitContext};
use rheos::prelude::*;

/// When the events of a run are due. Times are in nanoseconds from when this was made.
#[derive(Clone)]
pub(crate) struct Timetable {
    made: Instant,
    /// When each split was opened.
    opened: Arc<[OnceLock<u64>]>,
    per_second: f64,
    /// What is due before this after the opening is not counted.
    warm_up: Duration,
    /// What is due at this after the opening, or later, is not counted: the end of the input, not
    /// event time, has brought it about.
    length: Duration,
}

/// The rate of a run, and the part of it that counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Events a second over all workers.
    pub(crate) per_second: f64,
    /// How long the job gets used to it.
    pub(crate) warm_up: Duration,
    /// How long the events last, with that.
    pub(crate) length: Duration,
}

impl Timetable {
    pub(crate) fn new(pace: Pace, splits: usize) -> Self {
        Self {
            made: Instant::now(),
            opened: (0..splits).map(|_| OnceLock::new()).collect(),
            per_second: pace.per_second,
            warm_up: pace.warm_up,
            length: pace.length,
        }
    }

    /// The events that are due in the length of the run.
    pub(crate) fn events(&self) -> u64 {
        (self.per_second * self.length.as_secs_f64()) as u64
    }

    /// A source of these events, each at its time or as soon as the job takes it.
    pub(crate) fn paced<T: Send + 'static>(&self, events: Generator<T>) -> Load<T> {
        let events = events.count(self.events()).rate_per_second(self.per_second);
        Load { events, timetable: self.clone() }
    }

    /// A source of these events without an end, as fast as the job takes them.
    pub(crate) fn unpaced<T: Send + 'static>(&self, events: Generator<T>) -> Load<T> {
        Load { events, timetable: self.clone() }
    }

    /// Nanoseconds since this was made.
    pub(crate) fn now(&self) -> u64 {
        nanoseconds(self.made.elapsed())
    }

    /// When the event with this number is due; nothing for one that does not count.
    #[inline]
    pub(crate) fn due(&self, number: u64) -> Option<u64> {
        let after = (number as f64 * (1e9 / self.per_second)) as u64;
        let opened = self.opened[(number % self.opened.len() as u64) as usize].get()?;
        self.counts(after).then_some(opened + after)
    }

    /// When event time comes to this many milliseconds; nothing for a moment that does not count.
    /// Event time begins at 0 and is that of the split that was opened last: before it has come to
    /// a moment, more may be said about the time before.
    pub(crate) fn due_in_event_time(&self, millis: i64) -> Option<u64> {
        let after = u64::try_from(millis).ok()?.saturating_mul(1_000_000);
        let opened = self.opened.iter().filter_map(OnceLock::get).max()?;
        self.counts(after).then_some(opened + after)
    }

    /// The event time of the event with this number, in milliseconds.
    #[inline]
    pub(crate) fn event_time(&self, number: u64) -> i64 {
        (number as f64 * (1e3 / self.per_second)) as i64
    }

    fn counts(&self, after: u64) -> bool {
        (nanoseconds(self.warm_up)..nanoseconds(self.length)).contains(&after)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A generator that notes when its splits are opened.
pub(crate) struct Load<T> {
    events: Generator<T>,
    timetable: Timetable,
}

impl<T: Send + 'static> Source for Load<T> {
    type Record = T;

    fn splits(&self, context: &SplitContext) -> Result<Vec<Split>, Error> {
        self.events.splits(context)
    }

    fn open(
        &self,
        split: &Split,
        position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<T>>, Error> {
        if let Some(opened) = self.timetable.opened.get(context.split.0 as usize) {
            opened.get_or_init(|| self.timetable.now());
        }
        self.events.open(split, position, context)
    }

    fn replay(&self) -> Replay {
        self.events.replay()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timetable() -> Timetable {
        let pace = Pace {
            per_second: 1_000.0,
            warm_up: Duration::from_secs(1),
            length: Duration::from_secs(3),
        };
        let timetable = Timetable::new(pace, 2);
        timetable.opened[0].set(100).unwrap();
        timetable.opened[1].set(200).unwrap();
        timetable
    }

    #[test]
    fn an_event_is_due_by_its_number_since_its_split_was_opened() {
        let timetable = timetable();
        assert_eq!(timetable.events(), 3_000);
        assert_eq!(timetable.due(2_000), Some(2_000_000_100));
        assert_eq!(timetable.due(2_001), Some(2_001_000_200));
        assert_eq!((timetable.event_time(2_001), timetable.event_time(0)), (2_001, 0));
    }

    #[test]
    fn what_is_due_while_the_job_warms_up_or_after_the_last_event_does_not_count() {
        let timetable = timetable();
        assert_eq!((timetable.due(999), timetable.due(3_000)), (None, None));
        assert!(timetable.due(1_000).is_some() && timetable.due(2_999).is_some());
        let at = |millis| timetable.due_in_event_time(millis);
        assert_eq!((at(-1), at(999), at(3_000)), (None, None, None));
        assert_eq!(at(2_000), Some(2_000_000_200));
    }
}
