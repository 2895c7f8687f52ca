//! The contract suite: the same rules, checked on every connector by driving it by hand.
//!
//! For tests only. It never sleeps: it waits as a worker does, until it is woken.

mod sink;
mod source;
mod transactions;

use std::time::Instant;

use crate::drive::PATIENCE;

pub(crate) use self::sink::{check_sink, drive_sink, open_writer, prepare};
pub(crate) use self::source::{check_drop, drive_source, read_until};
pub(crate) use self::transactions::{Appears, Outside, check_transactional_sink};

/// Waits until the thread is woken; counts on the waker alone.
pub(crate) fn wait() {
    let start = Instant::now();
    std::thread::park_timeout(PATIENCE);
    assert!(start.elapsed() < PATIENCE, "nobody woke the worker");
}

/// Waits for a moment, or until the worker is woken.
pub(crate) fn wait_until(moment: Instant) {
    std::thread::park_timeout(moment.saturating_duration_since(Instant::now()));
}
