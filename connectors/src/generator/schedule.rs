//! When the records of a generator with a rate are due. Pure arithmetic over durations: it reads no
//! clock and waits for nothing.
//!
//! Used by the generator's reader. The load is open: a record is due at its time whether or not the
//! ones before it have been taken, so a job that falls behind gets a backlog, not a slower source.

use std::time::Duration;

/// Due times of the records that one reader makes, counted from when it was opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    per_second: f64,
    first: u64,
}

impl Schedule {
    /// Record `first` is due at once, `first + per_second` a second later.
    pub(super) fn starting_at(first: u64, per_second: f64) -> Self {
        assert!(per_second.is_finite() && per_second > 0.0, "a rate is a positive number");
        Self { per_second, first }
    }

    /// How long after the opening the record with this index is due.
    pub(super) fn due_after(&self, index: u64) -> Duration {
        let seconds = index.saturating_sub(self.first) as f64 / self.per_second;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// The records with an index below this one are due when so much time has passed.
    pub(super) fn due_until(&self, elapsed: Duration) -> u64 {
        let due = (elapsed.as_secs_f64() * self.per_second).floor();
        // A float beyond the range becomes the largest number, which is what is meant.
        self.first.saturating_add(due as u64).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_due_at_its_index_over_the_rate() {
        let schedule = Schedule::starting_at(0, 4.0);
        assert_eq!(schedule.due_after(0), Duration::ZERO);
        assert_eq!(schedule.due_after(2), Duration::from_millis(500));
        assert_eq!(schedule.due_until(Duration::ZERO), 1);
        assert_eq!(schedule.due_until(Duration::from_millis(499)), 2);
        assert_eq!(schedule.due_until(Duration::from_millis(500)), 3);
    }

    #[test]
    fn a_reader_that_continues_starts_its_time_anew() {
        let schedule = Schedule::starting_at(1_000_000, 0.5);
        assert_eq!(schedule.due_after(1_000_001), Duration::from_secs(2));
        assert_eq!(schedule.due_until(Duration::from_secs(3)), 1_000_002);
    }

    #[test]
    fn both_directions_agree_within_the_rounding_of_a_nanosecond() {
        for per_second in [0.1, 3.0, 1_000.0, 999_983.0, 1e9] {
            let schedule = Schedule::starting_at(0, per_second);
            for index in [0_u64, 1, 7, 1_000, 123_456_789] {
                let due = schedule.due_after(index) + Duration::from_nanos(2);
                assert!(schedule.due_until(due) > index, "{index} at {per_second} a second");
            }
        }
    }

    #[test]
    fn extremes_do_not_overflow() {
        let slow = Schedule::starting_at(0, f64::MIN_POSITIVE);
        assert_eq!(slow.due_after(u64::MAX), Duration::MAX);
        let fast = Schedule::starting_at(5, f64::MAX);
        assert_eq!(fast.due_until(Duration::MAX), u64::MAX);
    }
}
