//! Wakes a worker from another thread.

use std::fmt;
use std::sync::Arc;

/// Wakes the worker that owns a reader or writer; cheap to clone, callable from any thread.
///
/// Waking is a hint: it may come late, twice or without need, and is never lost.
#[derive(Clone)]
pub struct Waker {
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Waker {
    /// A waker that calls `wake`.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { wake: Arc::new(wake) }
    }

    /// A waker for tests that unparks the thread that makes it.
    #[must_use]
    pub fn current_thread() -> Self {
        let thread = std::thread::current();
        Self::new(move || thread.unpark())
    }

    /// Wakes the worker.
    pub fn wake(&self) {
        (self.wake)();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}
