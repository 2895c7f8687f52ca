//! When to try a connection again. Pure decisions: it waits for nothing.
//!
//! Used by the thread that keeps a source connected.

use std::time::Duration;

/// The longest wait between two attempts to connect, however often the wait has been doubled.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// How often and when a lost connection is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retry {
    /// Attempts in a row that may fail.
    pub(super) max_attempts: u32,
    /// The wait before the first of them; doubled before each further one.
    pub(super) backoff: Duration,
}

impl Retry {
    /// How long to wait when this many attempts have failed in a row; `None` when that is enough.
    pub(super) fn wait_after(&self, failed: u32) -> Option<Duration> {
        if failed >= self.max_attempts {
            return None;
        }
        let factor = 1_u32.checked_shl(failed).unwrap_or(u32::MAX);
        Some(self.backoff.saturating_mul(factor).min(LONGEST_BACKOFF))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_bound_and_the_attempts_end() {
        let retry = Retry { max_attempts: 100, backoff: Duration::from_secs(1) };
        let waits: Vec<_> =
            (0..7).map(|failed| retry.wait_after(failed).unwrap().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(retry.wait_after(99), Some(LONGEST_BACKOFF));
        assert_eq!(retry.wait_after(100), None);
        assert_eq!(Retry { max_attempts: 0, ..retry }.wait_after(0), None);
    }
}
