//! Processing time. The engine reads it here and nowhere else, so that tests can hold it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Waker;

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

    /// Has `moved` called whenever the clock jumps rather than runs; a running job waits for
    /// moments by the length of real time otherwise.
    fn watch(&self, moved: Waker) {
        let _ = moved;
    }
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
#[derive(Default)]
pub struct TestClock {
    millis: AtomicU64,
    watchers: Mutex<Vec<Waker>>,
}

impl TestClock {
    /// A clock that stands at `time`.
    #[must_use]
    pub fn at(time: ProcessingTime) -> Self {
        Self { millis: AtomicU64::new(time.0), watchers: Mutex::default() }
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.millis.fetch_add(millis, Ordering::SeqCst);
        let watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.iter().for_each(Waker::wake);
    }
}

impl Clock for TestClock {
    fn now(&self) -> ProcessingTime {
        ProcessingTime(self.millis.load(Ordering::SeqCst))
    }

    fn watch(&self, moved: Waker) {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(moved);
    }
}
