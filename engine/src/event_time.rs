//! Event time: when something happened, as the record itself says.
//!
//! Whoever compares it with [`ProcessingTime`](crate::ProcessingTime), when the engine saw the
//! record, does so on purpose: the two are different types.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment of event time: milliseconds since 1970-01-01T00:00:00Z, before it negative.
///
/// As a watermark it promises that no later record has a time below it.
///
/// ```
/// use std::time::Duration;
/// use rheos_engine::EventTime;
/// let noon = EventTime::from_millis(1_436_961_600_000);
/// assert_eq!(noon.to_string(), "2015-07-15T12:00:00Z");
/// assert_eq!(noon.plus(Duration::from_secs(1)).since(noon), Duration::from_secs(1));
/// assert_eq!(EventTime::MAX.plus(Duration::from_secs(1)), EventTime::MAX);
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EventTime(i64);

impl EventTime {
    /// Before every record: the watermark of a stream that has promised nothing yet.
    pub const MIN: Self = Self(i64::MIN);

    /// After every record: the watermark of a stream that has ended.
    pub const MAX: Self = Self(i64::MAX);

    /// So many milliseconds after 1970-01-01T00:00:00Z.
    #[inline]
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// So many seconds after 1970-01-01T00:00:00Z.
    ///
    /// ```
    /// use rheos_engine::EventTime;
    /// assert_eq!(EventTime::from_secs(3), EventTime::from_millis(3_000));
    /// ```
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[inline]
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment `duration` later, in whole milliseconds; stays at [`MAX`](Self::MAX) when it
    /// would pass it.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The moment `duration` earlier, in whole milliseconds; stays at [`MIN`](Self::MIN) when it
    /// would pass it. The end of time has nothing before it: [`MAX`](Self::MAX) stays.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        match self {
            Self::MAX => self,
            Self(time) => Self(time.saturating_sub(millis(duration))),
        }
    }

    /// How much later this moment is than `earlier`; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let millis = (i128::from(self.0) - i128::from(earlier.0)).max(0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

/// A duration in whole milliseconds.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl From<SystemTime> for EventTime {
    /// Rounded down to whole milliseconds.
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self(millis(since)),
            Err(before) => {
                let before = before.duration();
                let rounding = i64::from(before.subsec_nanos() % 1_000_000 != 0);
                Self(-millis(before) - rounding)
            }
        }
    }
}

impl From<jiff::Timestamp> for EventTime {
    /// Rounded down to whole milliseconds.
    fn from(time: jiff::Timestamp) -> Self {
        Self(time.as_nanosecond().div_euclid(1_000_000) as i64)
    }
}

impl TryFrom<EventTime> for jiff::Timestamp {
    type Error = jiff::Error;

    /// Fails for times outside the years -9999 to 9999.
    fn try_from(time: EventTime) -> Result<Self, jiff::Error> {
        Self::from_millisecond(time.0)
    }
}

impl fmt::Display for EventTime {
    /// As RFC 3339 in UTC; as milliseconds where that has no year for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (*self, jiff::Timestamp::try_from(*self)) {
            (Self::MIN, _) => f.write_str("the beginning of time"),
            (Self::MAX, _) => f.write_str("the end of time"),
            (_, Ok(time)) => time.fmt(f),
            (Self(millis), Err(_)) => write!(f, "{millis} ms"),
        }
    }
}

/// A record with its event time: what flows through a stream that has event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamped<T> {
    /// When it happened.
    pub time: EventTime,
    /// The record.
    pub value: T,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_round_down_like_those_after() {
        for (nanos, millis) in [(0, 0), (999_999, 0), (1_000_000, 1), (1_500_000, 1)] {
            let time = UNIX_EPOCH + Duration::from_nanos(nanos);
            assert_eq!(EventTime::from(time).as_millis(), millis, "{nanos} ns after");
        }
        for (nanos, millis) in [(1, -1), (1_000_000, -1), (1_000_001, -2)] {
            let time = UNIX_EPOCH - Duration::from_nanos(nanos);
            assert_eq!(EventTime::from(time).as_millis(), millis, "{nanos} ns before");
            let time = jiff::Timestamp::from_nanosecond(-i128::from(nanos)).unwrap();
            assert_eq!(EventTime::from(time).as_millis(), millis, "{nanos} ns before");
        }
    }

    #[test]
    fn arithmetic_stays_within_time() {
        let hour = Duration::from_secs(3600);
        assert_eq!(EventTime::MIN.minus(hour), EventTime::MIN);
        assert_eq!(EventTime::MAX.minus(hour), EventTime::MAX, "the end stays the end");
        assert_eq!(EventTime::MAX.plus(Duration::MAX), EventTime::MAX);
        assert_eq!(EventTime::MAX.since(EventTime::MIN).as_millis(), u128::from(u64::MAX));
        assert_eq!(EventTime::MIN.since(EventTime::MAX), Duration::ZERO);
    }

    #[test]
    fn the_ends_of_time_have_names() {
        assert_eq!(EventTime::MIN.to_string(), "the beginning of time");
        assert_eq!(EventTime::MAX.to_string(), "the end of time");
        assert_eq!(EventTime::from_millis(i64::MAX - 1).to_string(), "9223372036854775806 ms");
    }
}
