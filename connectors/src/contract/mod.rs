//! The contract suite: the same rules, checked on every connector by driving it by hand.
//!
//! For tests only. It never sleeps: it waits as a worker does, until it is woken.

mod sink;
mod source;

use std::time::Duration;

pub(crate) use self::sink::{check_sink, drive_sink, open_writer};
pub(crate) use self::source::{check_drop, drive_source, read_until};

/// How long a test waits for a wake-up before it looks again; waking is a hint, and a test that
/// hangs for ever says nothing.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Waits until the thread is woken.
pub(crate) fn wait() {
    std::thread::park_timeout(LOOK_AGAIN);
}
