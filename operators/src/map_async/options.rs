//! How asynchronous calls are made: how many at a time, for how long, how often.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::AsyncError;

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
/// # let _: AsyncOptions<String> = options;
/// ```
///
/// `E` is what calls fail with; the compiler finds it out from the call.
#[must_use]
pub struct AsyncOptions<E> {
    pub(super) in_flight: usize,
    pub(super) is_ordered: bool,
    pub(super) timeout: Duration,
    pub(super) retries: u32,
    pub(super) backoff: Duration,
    /// Whether another attempt can help after a failure; always, unless there is one.
    pub(super) retry_if: Option<RetryIf<E>>,
}

/// Looks at a failure.
type RetryIf<E> = Arc<dyn Fn(&E) -> bool + Send + Sync>;

impl<E> Clone for AsyncOptions<E> {
    fn clone(&self) -> Self {
        Self { retry_if: self.retry_if.clone(), ..*self }
    }
}

impl<E> fmt::Debug for AsyncOptions<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncOptions")
            .field("in_flight", &self.in_flight)
            .field("is_ordered", &self.is_ordered)
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .field("backoff", &self.backoff)
            .finish_non_exhaustive()
    }
}

impl<E> Default for AsyncOptions<E> {
    fn default() -> Self {
        Self {
            in_flight: 100,
            is_ordered: true,
            timeout: Duration::from_secs(30),
            retries: 0,
            backoff: Duration::ZERO,
            retry_if: None,
        }
    }
}

impl<E> AsyncOptions<E> {
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

    /// Tries again only after failures of which `can_help` says that another attempt can help: a
    /// service that is busy, but not a customer that does not exist. What takes too long is tried
    /// again in any case. Every failure is, unless set.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use std::time::Duration;
    /// use rheos_operators::AsyncOptions;
    ///
    /// #[derive(Debug)]
    /// enum Refusal { Busy, Unknown }
    ///
    /// let options = AsyncOptions::default()
    ///     .retries(3, Duration::from_millis(1))
    ///     .retry_if(|refusal| matches!(refusal, Refusal::Busy));
    /// let attempts = results([7], |customers| {
    ///     let names = customers.map_async(options, |_| async { Err::<u32, _>(Refusal::Unknown) });
    ///     names.map(|name| name.unwrap_err().attempts)
    /// });
    /// assert_eq!(attempts, [1]);
    /// ```
    pub fn retry_if(mut self, can_help: impl Fn(&E) -> bool + Send + Sync + 'static) -> Self {
        self.retry_if = Some(Arc::new(can_help));
        self
    }

    /// Whether another attempt can help after a failure.
    pub(super) fn can_help(&self, error: &AsyncError<E>) -> bool {
        match (error, &self.retry_if) {
            (AsyncError::Failed(error), Some(can_help)) => can_help(error),
            (AsyncError::Failed(_), None) | (AsyncError::TimedOut(_), _) => true,
        }
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
        let options = AsyncOptions::<()>::default().retries(9, Duration::from_secs(4));
        let waits = [1, 2, 3, 4, 5, 1_000].map(|attempts| options.wait_after(attempts).as_secs());
        assert_eq!(waits, [4, 8, 16, 32, 60, 60]);
        assert_eq!(AsyncOptions::<()>::default().wait_after(7), Duration::ZERO);
    }
}
