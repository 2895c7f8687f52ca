//! Days and times of day, in UTC, as rows show them.

use compact_str::{CompactString, format_compact};
use rheos::prelude::EventTime;

const DAY: i64 = 24 * HOUR;
const HOUR: i64 = 60 * MINUTE;
const MINUTE: i64 = 60_000;

/// The number of the day since 1970-01-01 that a time in milliseconds belongs to.
#[inline]
pub(crate) fn day(millis: i64) -> i64 {
    millis.div_euclid(DAY)
}

/// The number of the minute since 1970 that a time belongs to.
#[inline]
pub(crate) fn minute(millis: i64) -> i64 {
    millis.div_euclid(MINUTE)
}

/// The hour of the day, 0 to 23.
#[inline]
pub(crate) fn hour_of_day(millis: i64) -> i64 {
    millis.rem_euclid(DAY) / HOUR
}

/// A day by its number, as 2015-07-15.
pub(crate) fn day_text(day: i64) -> CompactString {
    let text = EventTime::from_millis(day * DAY).to_string();
    CompactString::from(text.split('T').next().unwrap_or_default())
}

/// A minute of the day by its number since 1970, as 08:59.
pub(crate) fn minute_text(minute: i64) -> CompactString {
    let of_day = minute.rem_euclid(DAY / MINUTE);
    format_compact!("{:02}:{:02}", of_day / 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc() {
        // 2015-07-15T00:00:00Z, a minute before and some time after.
        let base = 1_436_918_400_000;
        for (millis, date, time, hour) in [
            (base, "2015-07-15", "00:00", 0),
            (base - 1, "2015-07-14", "23:59", 23),
            (base + 20 * HOUR + 59 * MINUTE + 59_999, "2015-07-15", "20:59", 20),
            (0, "1970-01-01", "00:00", 0),
            (-1, "1969-12-31", "23:59", 23),
            (951_782_400_000, "2000-02-29", "00:00", 0),
        ] {
            assert_eq!(day_text(day(millis)), date, "{millis}");
            assert_eq!(minute_text(minute(millis)), time, "{millis}");
            assert_eq!(hour_of_day(millis), hour, "{millis}");
        }
    }
}
