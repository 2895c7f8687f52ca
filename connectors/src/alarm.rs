//! Wakes a worker at a moment, so that a reader that waits for time does not keep a worker busy.
//!
//! Used by the generator for its rate. One thread an alarm; it only ever sleeps and wakes, and
//! never calls anything but the waker it was given. Dropping the alarm ends the thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use rheos_engine::{Error, Waker};

/// Calls a waker when a moment has come.
pub(crate) struct Alarm {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// What the thread waits for.
#[derive(Clone, Copy, Default)]
enum State {
    /// Nothing was asked for.
    #[default]
    Unset,
    /// The waker is due at this moment.
    Set(Instant),
    /// The alarm was dropped.
    Closed,
}

impl Alarm {
    /// An alarm that is not set.
    pub(crate) fn new(waker: Waker) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        let sleeper = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("rheos-alarm".into())
            .spawn(move || sleeper.run(&waker))
            .map_err(|cause| Error::io("start the thread of an alarm", cause))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Wakes at `moment` instead of whatever was set before.
    pub(crate) fn set(&self, moment: Instant) {
        self.shared.replace(State::Set(moment));
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.shared.replace(State::Closed);
        if let Some(thread) = self.thread.take() {
            // A waker that panicked has been reported by its own thread already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_one();
    }

    fn run(&self, waker: &Waker) {
        let mut state = self.lock();
        loop {
            state = match *state {
                State::Closed => return,
                State::Unset => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                State::Set(moment) => match moment.checked_duration_since(Instant::now()) {
                    Some(left) if !left.is_zero() => {
                        let waited = self.changed.wait_timeout(state, left);
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                    _ => {
                        *state = State::Unset;
                        drop(state);
                        waker.wake();
                        self.lock()
                    }
                },
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_alarm_rings_not_before_its_moment_and_the_last_one_set_counts() {
        let (rang, ringing) = crossbeam_channel::unbounded();
        let alarm = Alarm::new(Waker::new(move || rang.send(Instant::now()).unwrap())).unwrap();
        let moment = Instant::now() + Duration::from_millis(5);
        alarm.set(moment + Duration::from_secs(3600));
        alarm.set(moment);
        let at = ringing.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(at >= moment);
        drop(alarm);
        assert!(ringing.recv().is_err(), "the thread has ended and rang once");
    }
}
