//! Processing time. The engine reads it here and nowhere else, so that tests can hold it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment of processing time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct ProcessingTime(pub u64);

impl ProcessingTime {
    /// The moment `duration` later; stays at the largest one when it would pass it.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

/// Where processing time comes from.
///
/// One worker reads it once when an epoch is entered and tells all the others, so every operator
/// sees the same time for the same epoch.
pub trait Clock: Send + Sync + 'static {
    /// The current moment; never earlier than an earlier answer by more than the machine's own
    /// clock was set back.
    fn now(&self) -> ProcessingTime;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> ProcessingTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        ProcessingTime(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that moves only when a test moves it.
///
/// ```
/// use std::time::Duration;
/// use rheos_engine::{Clock, ProcessingTime, TestClock};
/// let clock = TestClock::at(ProcessingTime(1_000));
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(clock.now(), ProcessingTime(3_000));
/// ```
#[derive(Debug, Default)]
pub struct TestClock {
    millis: AtomicU64,
}

impl TestClock {
    /// A clock that stands at `time`.
    #[must_use]
    pub fn at(time: ProcessingTime) -> Self {
        Self { millis: AtomicU64::new(time.0) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.millis.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> ProcessingTime {
        ProcessingTime(self.millis.load(Ordering::SeqCst))
    }
}
