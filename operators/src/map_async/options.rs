//! How asynchronous calls are made: how many at a time, for how long, how often.

use std::time::Duration;

/// The longest wait between two attempts, however often the wait was doubled.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// How [`map_async`](crate::Stream::map_async) makes its calls. By default: 100 at a time on each
/// worker, results in the order of their records, 30 seconds for an answer, no second attempt.
///
/// ```
/// use std::time::Duration;
/// use rheos_operators::AsyncOptions;
/// let options = AsyncOptions::default()
///     .in_flight(20)
///     .unordered()
///     .timeout(Duration::from_secs(2))
///     .retries(3, Duration::from_millis(100));
/// # drop(options);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct AsyncOptions {
    pub(super) in_flight: usize,
    pub(super) is_ordered: bool,
    pub(super) timeout: Duration,
    pub(super) retries: u32,
    pub(super) backoff: Duration,
}

impl Default for AsyncOptions {
    fn default() -> Self {
        Self {
            in_flight: 100,
            is_ordered: true,
            timeout: Duration::from_secs(30),
            retries: 0,
            backoff: Duration::ZERO,
        }
    }
}

impl AsyncOptions {
    /// How many records of a worker may be in calls at the same time; 100 unless set. Where order
    /// is kept, a result that waits for its turn counts too.
    ///
    /// # Panics
    /// When it is zero.
    pub fn in_flight(mut self, records: usize) -> Self {
        assert!(records > 0, "without a call in flight nothing ever comes out");
        self.in_flight = records;
        self
    }

    /// The results of a worker keep the order of its records; the default.
    pub fn ordered(mut self) -> Self {
        self.is_ordered = true;
        self
    }

    /// Results come as the calls end: a slow one holds no other up.
    pub fn unordered(mut self) -> Self {
        self.is_ordered = false;
        self
    }

    /// How long an attempt may take; 30 seconds unless set. There is no way to wait for ever: a
    /// job could neither end nor be stopped.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Tries up to so many times more when a call fails or takes too long, first after `backoff`,
    /// then after twice as long, and so on up to a minute. No second attempt unless set.
    pub fn retries(mut self, retries: u32, backoff: Duration) -> Self {
        self.retries = retries;
        self.backoff = backoff;
        self
    }

    /// How long to wait after so many failed attempts.
    pub(super) fn wait_after(&self, attempts: u32) -> Duration {
        let doubled = 2u32.saturating_pow(attempts.saturating_sub(1));
        self.backoff.saturating_mul(doubled).min(LONGEST_BACKOFF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let options = AsyncOptions::default().retries(9, Duration::from_secs(4));
        let waits = [1, 2, 3, 4, 5, 1_000].map(|attempts| options.wait_after(attempts).as_secs());
        assert_eq!(waits, [4, 8, 16, 32, 60, 60]);
        assert_eq!(AsyncOptions::default().wait_after(7), Duration::ZERO);
    }
}
