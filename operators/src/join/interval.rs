//! `Interval`: how far apart in event time two records may be to belong together.

use std::fmt;
use std::time::Duration;

use rheos_engine::EventTime;

/// A distance in event time with a direction, in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// So much earlier.
    Before(Duration),
    /// So much later.
    After(Duration),
}

impl Offset {
    /// Milliseconds, earlier ones negative; never the least number, so that it can be negated.
    fn as_millis(self) -> i64 {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match self {
            Offset::Before(duration) => -millis(duration),
            Offset::After(duration) => millis(duration),
        }
    }
}

/// Where the time of a right record must be, seen from a left record, for the two to match. Both
/// bounds belong to it.
///
/// | interval | a left record at `t` matches right records at |
/// |---|---|
/// | `Interval::within(d)` | `t - d ..= t + d` |
/// | `Interval::before(d)` | `t - d ..= t` |
/// | `Interval::after(d)` | `t ..= t + d` |
/// | `Interval::between(Offset::Before(d), Offset::After(e))` | `t - d ..= t + e` |
/// | `Interval::between(Offset::After(d), Offset::After(e))` | `t + d ..= t + e` |
///
/// ```
/// use std::time::Duration;
/// use rheos_operators::{Interval, Offset};
/// // A payment comes 5 to 10 seconds after its order: orders.interval_join(payments, interval).
/// let interval = Interval::between(
///     Offset::After(Duration::from_secs(5)),
///     Offset::After(Duration::from_secs(10)),
/// );
/// assert_eq!(interval.to_string(), "from 5000 ms after to 10000 ms after");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// In milliseconds, seen from the left record.
    lower: i64,
    upper: i64,
}

impl Interval {
    /// The right record is at most `distance` earlier or later than the left one.
    #[must_use]
    pub fn within(distance: Duration) -> Self {
        Self::between(Offset::Before(distance), Offset::After(distance))
    }

    /// The right record is at the time of the left one or at most `distance` before it.
    #[must_use]
    pub fn before(distance: Duration) -> Self {
        Self::between(Offset::Before(distance), Offset::After(Duration::ZERO))
    }

    /// The right record is at the time of the left one or at most `distance` after it.
    #[must_use]
    pub fn after(distance: Duration) -> Self {
        Self::between(Offset::Before(Duration::ZERO), Offset::After(distance))
    }

    /// The right record is neither earlier than `first` nor later than `last`, seen from the left
    /// one.
    ///
    /// # Panics
    /// When `first` is later than `last`, so that no two records would match.
    #[must_use]
    pub fn between(first: Offset, last: Offset) -> Self {
        let (lower, upper) = (first.as_millis(), last.as_millis());
        assert!(lower <= upper, "an interval from {first:?} to {last:?} is empty");
        Self { lower, upper }
    }

    /// The times of right records that match a left record: the first and the last.
    #[inline]
    pub(crate) fn rights_of(&self, left: EventTime) -> (EventTime, EventTime) {
        (shifted(left, self.lower), shifted(left, self.upper))
    }

    /// The times of left records that match a right record: the first and the last.
    #[inline]
    pub(crate) fn lefts_of(&self, right: EventTime) -> (EventTime, EventTime) {
        (shifted(right, -self.upper), shifted(right, -self.lower))
    }

    /// By how much the last match of a left record can be later than the record.
    pub(crate) fn left_waits(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.upper).unwrap_or(0))
    }

    /// By how much the last match of a right record can be later than the record.
    pub(crate) fn right_waits(&self) -> Duration {
        Duration::from_millis(u64::try_from(-self.lower).unwrap_or(0))
    }
}

/// Times beyond the ends of time are those ends.
#[inline]
fn shifted(time: EventTime, millis: i64) -> EventTime {
    EventTime::from_millis(time.as_millis().saturating_add(millis))
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |millis: i64| if millis < 0 { "before" } else { "after" };
        let (lower, upper) = (self.lower, self.upper);
        let (first, last) = (lower.unsigned_abs(), upper.unsigned_abs());
        write!(f, "from {first} ms {} to {last} ms {}", side(lower), side(upper))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> EventTime {
        EventTime::from_millis(millis)
    }

    #[test]
    fn both_sides_see_the_same_interval() {
        let (five, ten) = (Duration::from_millis(5), Duration::from_millis(10));
        let cases = [
            (Interval::within(five), -5, 5),
            (Interval::before(five), -5, 0),
            (Interval::after(five), 0, 5),
            (Interval::between(Offset::After(five), Offset::After(ten)), 5, 10),
            (Interval::between(Offset::Before(ten), Offset::Before(five)), -10, -5),
            (Interval::between(Offset::Before(five), Offset::After(ten)), -5, 10),
        ];
        for (interval, lower, upper) in cases {
            assert_eq!(interval.rights_of(at(100)), (at(100 + lower), at(100 + upper)));
            assert_eq!(interval.lefts_of(at(100)), (at(100 - upper), at(100 - lower)));
            let waits = (interval.left_waits(), interval.right_waits());
            let wanted = (upper.max(0) as u64, (-lower).max(0) as u64);
            assert_eq!((waits.0.as_millis() as u64, waits.1.as_millis() as u64), wanted);
        }
    }

    #[test]
    fn endless_intervals_stay_within_time() {
        let endless = Interval::within(Duration::MAX);
        assert_eq!(endless.rights_of(at(-5)), (EventTime::MIN, at(i64::MAX - 5)));
        assert_eq!(endless.lefts_of(EventTime::MAX), (EventTime::from_millis(0), EventTime::MAX));
    }

    #[test]
    #[should_panic(expected = "is empty")]
    fn an_empty_interval_is_refused() {
        let _ = Interval::between(
            Offset::After(Duration::from_secs(2)),
            Offset::After(Duration::from_secs(1)),
        );
    }
}
