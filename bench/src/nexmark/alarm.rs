//! Wakes a worker at a moment, so that a reader that waits for time does not keep it busy.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use rheos::engine::Waker;

/// Calls a waker when a moment has come. Dropping it ends its thread.
pub(crate) struct Alarm {
    /// Absent once it is dropped.
    moments: Option<Sender<Instant>>,
    thread: Option<JoinHandle<()>>,
}

impl Alarm {
    /// An alarm that is not set.
    pub(crate) fn new(waker: Waker) -> Self {
        let (moments, set) = channel();
        let thread = std::thread::spawn(move || wait(&set, &waker));
        Self { moments: Some(moments), thread: Some(thread) }
    }

    /// Wakes at `moment` instead of whatever was set before.
    pub(crate) fn set(&self, moment: Instant) {
        if let Some(moments) = &self.moments {
            // The thread ends only after this end of the channel.
            let _ = moments.send(moment);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.moments = None;
        if let Some(thread) = self.thread.take() {
            // A waker that panicked has been reported by its own thread already.
            let _ = thread.join();
        }
    }
}

fn wait(set: &Receiver<Instant>, waker: &Waker) {
    while let Ok(mut moment) = set.recv() {
        loop {
            match set.recv_timeout(moment.saturating_duration_since(Instant::now())) {
                Ok(instead) => moment = instead,
                Err(RecvTimeoutError::Timeout) => break waker.wake(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}
