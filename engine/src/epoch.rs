//! Epochs: one clock of a job for progress, flow control, and later checkpoints and commits.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Waker;

/// The number of an epoch: a few milliseconds of the job's work, the same on every worker.
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
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The epoch that a process is in. Whoever closes an epoch moves everybody.
pub(crate) struct EpochClock {
    current: AtomicU64,
    /// Called after every move, in the thread that made it.
    moved: Waker,
}

impl EpochClock {
    /// A clock at epoch 0 that calls `moved` whenever it has moved.
    pub(crate) fn new(moved: Waker) -> Self {
        Self { current: AtomicU64::new(0), moved }
    }

    /// The current epoch.
    pub(crate) fn current(&self) -> Epoch {
        Epoch(self.current.load(Ordering::Acquire))
    }

    /// Moves to `epoch` unless the clock is there or further; says whether it moved.
    pub(crate) fn advance_to(&self, epoch: Epoch) -> bool {
        let before = self.current.fetch_max(epoch.0, Ordering::AcqRel);
        let moved = before < epoch.0;
        if moved {
            self.moved.wake();
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_clock_moves_only_forward_and_says_so_once() {
        let moves = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&moves);
        let clock = EpochClock::new(Waker::new(move || {
            seen.fetch_add(1, Ordering::SeqCst);
        }));
        assert!(clock.advance_to(Epoch(3)));
        assert!(!clock.advance_to(Epoch(3)));
        assert!(!clock.advance_to(Epoch(2)));
        assert_eq!(clock.current(), Epoch(3));
        assert_eq!(moves.load(Ordering::SeqCst), 1);
    }
}
