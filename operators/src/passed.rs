//! Which times a watermark proves to be over, for steps that take records in order.

use rheos_engine::EventTime;

/// Whether no further record with this time can come. One with the watermark's own time can,
/// except at the end.
pub(crate) fn is_passed(time: EventTime, watermark: EventTime) -> bool {
    time.as_millis() <= last_passed(watermark)
}

/// The last time, in milliseconds, of which that is so.
pub(crate) fn last_passed(watermark: EventTime) -> i64 {
    match watermark {
        EventTime::MAX => i64::MAX,
        watermark => watermark.as_millis().saturating_sub(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_before_the_watermark_has_passed_and_everything_at_the_end() {
        for (time, watermark, expected) in [
            (9, 10, true),
            (10, 10, false),
            (11, 10, false),
            (i64::MAX - 1, i64::MAX, true),
            (i64::MAX, i64::MAX, true),
            (i64::MIN + 1, i64::MIN, false),
        ] {
            let at = EventTime::from_millis;
            assert_eq!(is_passed(at(time), at(watermark)), expected, "{time} at {watermark}");
        }
    }
}
