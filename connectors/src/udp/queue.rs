//! Datagrams between the thread that receives and the thread that hands over blocks.
//!
//! Used by the source of this folder. The receiving thread never waits, so that the system's own
//! buffer, whose losses nobody counts, stays empty: what does not fit here is refused, and counted.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rheos_engine::Error;

/// Bytes of datagrams that wait for a slow job before further ones are dropped.
pub const RECEIVE_QUEUE_BYTES: usize = 4 << 20;

/// What a datagram counts beside its bytes, so that small ones are bounded too.
const DATAGRAM_OVERHEAD: usize = 64;

#[derive(Default)]
pub(super) struct DatagramQueue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    datagrams: VecDeque<Vec<u8>>,
    bytes: usize,
    failure: Option<Error>,
    closed: bool,
}

impl DatagramQueue {
    /// Adds a datagram; false if there is no room.
    pub(super) fn push(&self, datagram: &[u8]) -> bool {
        let mut state = self.lock();
        let bytes = state.bytes + cost(datagram);
        if bytes > RECEIVE_QUEUE_BYTES {
            return false;
        }
        state.bytes = bytes;
        state.datagrams.push_back(datagram.to_vec());
        drop(state);
        self.changed.notify_one();
        true
    }

    /// Nothing more can be received.
    pub(super) fn fail(&self, error: Error) {
        self.lock().failure = Some(error);
        self.changed.notify_one();
    }

    /// Nobody wants any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits for the next datagram; `None` once closed.
    pub(super) fn wait_and_pop(&self) -> Result<Option<Vec<u8>>, Error> {
        let waits = |state: &mut State| {
            !state.closed && state.datagrams.is_empty() && state.failure.is_none()
        };
        let state = self.changed.wait_while(self.lock(), waits);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Ok(None);
        }
        match state.pop() {
            Some(datagram) => Ok(Some(datagram)),
            None => state.failure.take().map_or(Ok(None), Err),
        }
    }

    /// The next datagram, if there is one.
    pub(super) fn pop(&self) -> Option<Vec<u8>> {
        self.lock().pop()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pop(&mut self) -> Option<Vec<u8>> {
        let datagram = self.datagrams.pop_front()?;
        self.bytes -= cost(&datagram);
        Some(datagram)
    }
}

fn cost(datagram: &[u8]) -> usize {
    datagram.len() + DATAGRAM_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_until_there_is_room() {
        let queue = DatagramQueue::default();
        let datagram = vec![b'x'; 60_000];
        let fitting = RECEIVE_QUEUE_BYTES / cost(&datagram);
        assert!((0..fitting).all(|_| queue.push(&datagram)));
        assert!(!queue.push(&datagram));
        assert_eq!(queue.wait_and_pop().unwrap(), Some(datagram.clone()));
        assert!(queue.push(&datagram));
    }

    #[test]
    fn a_failure_comes_after_what_was_received_and_a_close_at_once() {
        let queue = DatagramQueue::default();
        queue.push(b"a");
        queue.fail(Error::usage("receive", "no reason"));
        assert_eq!(queue.wait_and_pop().unwrap(), Some(b"a".to_vec()));
        assert!(queue.wait_and_pop().is_err());
        queue.push(b"b");
        queue.close();
        assert_eq!(queue.wait_and_pop().unwrap(), None);
    }
}
