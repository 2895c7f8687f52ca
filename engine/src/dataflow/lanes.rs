//! The watermarks of everybody who sends to a host, and their minimum.

use crate::EventTime;
use crate::status::Promise;

/// What each sender of each input of a host has promised.
///
/// Inputs without event time have no lanes that count: they hold nothing back. A sender that is
/// idle is not waited for; when it comes back it may promise less than before, because its split
/// may be behind. The watermark of all together goes forward all the same: what was let go on
/// without a sender is late for it.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    promised: Vec<Promise>,
    /// Whether any input has event time.
    is_timed: bool,
    /// The highest watermark so far.
    reached: Option<EventTime>,
}

impl Lanes {
    /// Adds an input with so many senders; gives the place of the first one.
    pub(crate) fn add(&mut self, senders: usize, is_timed: bool) -> usize {
        let first = self.promised.len();
        let time = if is_timed { EventTime::MIN } else { EventTime::MAX };
        self.promised.resize(first + senders, Promise { time, is_idle: false });
        self.is_timed |= is_timed;
        first
    }

    /// The watermark was there before the job was restored, and does not go back.
    pub(crate) fn begin_at(&mut self, watermark: EventTime) {
        self.reached = self.reached.max(Some(watermark));
    }

    /// The watermark so far, where any input has event time.
    pub(crate) fn reached(&self) -> Option<EventTime> {
        self.reached
    }

    /// Takes a promise in the place of an earlier one.
    pub(crate) fn promise(&mut self, lane: usize, promise: Promise) {
        self.promised[lane] = promise;
    }

    /// Whether any input has event time.
    pub(crate) fn is_timed(&self) -> bool {
        self.is_timed
    }

    /// What all senders together have promised at the end of an epoch, once all have spoken;
    /// nothing where no input has event time.
    pub(crate) fn advance(&mut self) -> EventTime {
        if self.is_timed {
            self.reached = self.reached.max(self.together());
        }
        self.reached.unwrap_or(EventTime::MIN)
    }

    /// Whether all senders that have more to say are idle.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_timed && self.together().is_none()
    }

    /// What each sender has promised.
    pub(crate) fn promises(&self) -> &[Promise] {
        &self.promised
    }

    /// What the senders promise now that have more to say and are waited for; the end of time
    /// where nobody has more to say, nothing where all the others are idle.
    fn together(&self) -> Option<EventTime> {
        let more = || self.promised.iter().filter(|promise| promise.time < EventTime::MAX);
        let awaited = more().filter(|promise| !promise.is_idle).map(|promise| promise.time);
        awaited.min().or_else(|| more().next().is_none().then_some(EventTime::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> EventTime {
        EventTime::from_millis(millis)
    }

    /// A promise of somebody who is waited for.
    fn by(millis: i64) -> Promise {
        Promise { time: at(millis), is_idle: false }
    }

    #[test]
    fn the_watermark_is_that_of_the_slowest_sender_with_event_time() {
        let mut lanes = Lanes::default();
        let (first, control, second) =
            (lanes.add(2, true), lanes.add(2, false), lanes.add(1, true));
        assert_eq!((first, control, second), (0, 2, 4));
        lanes.promise(first, by(10));
        lanes.promise(first + 1, by(20));
        assert_eq!(lanes.advance(), EventTime::MIN, "one has promised nothing");
        lanes.promise(second, by(5));
        assert_eq!(lanes.advance(), at(5));
        lanes.promise(second, Promise { time: EventTime::MAX, is_idle: false });
        assert_eq!(lanes.advance(), at(10));
        lanes.promise(first, by(3));
        assert_eq!(lanes.advance(), at(10), "a watermark never goes back");
    }

    #[test]
    fn nobody_waits_for_senders_that_are_idle() {
        let mut lanes = Lanes::default();
        lanes.add(1, false);
        let first = lanes.add(3, true);
        lanes.promise(first, Promise { time: EventTime::MAX, is_idle: false });
        lanes.promise(first + 1, by(10));
        lanes.promise(first + 2, Promise { time: at(5), is_idle: true });
        assert_eq!((lanes.advance(), lanes.is_idle()), (at(10), false));
        lanes.promise(first + 1, Promise { time: at(20), is_idle: true });
        assert_eq!((lanes.advance(), lanes.is_idle()), (at(10), true), "it stays where it is");
        lanes.promise(first + 2, by(7));
        assert_eq!((lanes.advance(), lanes.is_idle()), (at(10), false), "7 is late");
        lanes.promise(first + 2, by(15));
        assert_eq!(lanes.advance(), at(15));
        for lane in first..first + 3 {
            lanes.promise(lane, Promise { time: EventTime::MAX, is_idle: false });
        }
        assert_eq!((lanes.advance(), lanes.is_idle()), (EventTime::MAX, false));
    }

    #[test]
    fn without_event_time_there_is_no_watermark() {
        let mut lanes = Lanes::default();
        lanes.add(4, false);
        assert_eq!((lanes.advance(), lanes.is_timed()), (EventTime::MIN, false));
    }
}
