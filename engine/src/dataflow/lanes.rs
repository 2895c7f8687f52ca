//! The watermarks of everybody who sends to a host, and their minimum.

use crate::EventTime;

/// What each sender of each input of a host has promised.
///
/// Inputs without event time have no lanes that count: they hold nothing back.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    promised: Vec<EventTime>,
    /// Whether any input has event time.
    is_timed: bool,
}

impl Lanes {
    /// Adds an input with so many senders; gives the place of the first one.
    pub(crate) fn add(&mut self, senders: usize, is_timed: bool) -> usize {
        let first = self.promised.len();
        let begin = if is_timed { EventTime::MIN } else { EventTime::MAX };
        self.promised.resize(first + senders, begin);
        self.is_timed |= is_timed;
        first
    }

    /// Takes a promise. Promises never go back.
    pub(crate) fn promise(&mut self, lane: usize, time: EventTime) {
        let promised = &mut self.promised[lane];
        *promised = time.max(*promised);
    }

    /// Whether any input has event time.
    pub(crate) fn is_timed(&self) -> bool {
        self.is_timed
    }

    /// What all senders together have promised; nothing where no input has event time.
    pub(crate) fn watermark(&self) -> EventTime {
        let least = self.promised.iter().min().filter(|_| self.is_timed);
        least.copied().unwrap_or(EventTime::MIN)
    }

    /// What each sender has promised.
    pub(crate) fn promises(&self) -> &[EventTime] {
        &self.promised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> EventTime {
        EventTime::from_millis(millis)
    }

    #[test]
    fn the_watermark_is_that_of_the_slowest_sender_with_event_time() {
        let mut lanes = Lanes::default();
        let (first, control, second) =
            (lanes.add(2, true), lanes.add(2, false), lanes.add(1, true));
        assert_eq!((first, control, second), (0, 2, 4));
        lanes.promise(first, at(10));
        lanes.promise(first + 1, at(20));
        assert_eq!(lanes.watermark(), EventTime::MIN, "one has promised nothing");
        lanes.promise(second, at(5));
        assert_eq!(lanes.watermark(), at(5));
        lanes.promise(second, EventTime::MAX);
        lanes.promise(first, at(3));
        assert_eq!(lanes.watermark(), at(10), "promises never go back");
    }

    #[test]
    fn without_event_time_there_is_no_watermark() {
        let mut lanes = Lanes::default();
        lanes.add(4, false);
        assert_eq!((lanes.watermark(), lanes.is_timed()), (EventTime::MIN, false));
    }
}
