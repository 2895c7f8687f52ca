//! One piece of blocking work on a thread of its own.
//!
//! For what a worker must not wait for: it asks now and then, and is woken when it is done.

use crossbeam_channel::{Receiver, TryRecvError, bounded};
use rheos_engine::{Error, ErrorKind, Waker};

/// Work that is being done.
pub(crate) struct Task {
    name: String,
    done: Receiver<Result<(), Error>>,
}

impl Task {
    /// Begins `work`, which a person calls `name`; wakes the worker when it has ended.
    pub(crate) fn spawn(
        name: impl Into<String>,
        waker: Waker,
        work: impl FnOnce() -> Result<(), Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let name = name.into();
        let (send, done) = bounded(1);
        let wake = WakeAtEnd(waker);
        std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || {
                // What is declared last is dropped first, also when the work panics: the worker that
                // is woken sees that nobody will send any more.
                let _wake_last = wake;
                let send = send;
                // Without a receiver nobody wants to know.
                let _ = send.send(work());
            })
            .map_err(|error| Error::io(format!("start a thread to {name}"), error))?;
        Ok(Self { name, done })
    }

    /// Whether it is done.
    pub(crate) fn is_done(&self) -> Result<bool, Error> {
        match self.done.try_recv() {
            Ok(done) => done.map(|()| true),
            Err(TryRecvError::Empty) => Ok(false),
            Err(TryRecvError::Disconnected) => Err(self.died()),
        }
    }

    /// Waits until it is done.
    pub(crate) fn wait(self) -> Result<(), Error> {
        self.done.recv().unwrap_or_else(|_| Err(self.died()))
    }

    fn died(&self) -> Error {
        Error::new(ErrorKind::Internal, &*self.name, "the thread that does it has ended")
    }
}

/// Wakes the worker also when the work panics.
struct WakeAtEnd(Waker);

impl Drop for WakeAtEnd {
    fn drop(&mut self) {
        self.0.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::wait;

    fn outcome(work: impl FnOnce() -> Result<(), Error> + Send + 'static) -> Result<(), String> {
        let task = Task::spawn("work", Waker::current_thread(), work).unwrap();
        loop {
            match task.is_done() {
                Ok(true) => return Ok(()),
                Ok(false) => wait(),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    #[test]
    fn the_worker_is_woken_for_a_result_a_failure_and_a_panic() {
        assert_eq!(outcome(|| Ok(())), Ok(()));
        let failed = outcome(|| Err(Error::usage("work", "it does not want to")));
        assert!(failed.unwrap_err().contains("does not want to"));
        let died = outcome(|| panic!("work that panics on purpose"));
        assert!(died.unwrap_err().contains("has ended"));
    }
}
