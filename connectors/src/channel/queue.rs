//! The bounded queue between the senders and the reader of a channel.
//!
//! Used by `sender.rs` and `source.rs` only. All its rules are transitions of one state under one
//! lock; the lock is never held while foreign code runs, and the reader never waits for anything
//! but the lock.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rheos_engine::Waker;

pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    /// There is room, or the reader is gone.
    room: Condvar,
}

struct State<T> {
    records: VecDeque<T>,
    capacity: usize,
    senders: usize,
    finished: bool,
    reader: ReaderState,
}

enum ReaderState {
    /// Nobody has opened the source yet.
    Unopened,
    /// It reads, and looks again by itself.
    Busy(Waker),
    /// It found nothing and wants to be woken.
    Waiting(Waker),
    /// It was dropped, or the source was without ever being opened.
    Gone,
}

/// Why a record was not taken.
pub(super) enum Refused<T> {
    Full(T),
    Closed(T),
}

impl<T> Queue<T> {
    /// An empty queue with one sender.
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        assert!(capacity > 0, "a channel holds at least one record");
        Arc::new(Self {
            state: Mutex::new(State {
                records: VecDeque::new(),
                capacity,
                senders: 1,
                finished: false,
                reader: ReaderState::Unopened,
            }),
            room: Condvar::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Every transition is complete before anything in it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add_sender(&self) {
        self.lock().senders += 1;
    }

    pub(super) fn remove_sender(&self) {
        let mut state = self.lock();
        state.senders -= 1;
        if state.senders == 0 {
            self.end(state);
        }
    }

    /// Ends the input for all senders.
    pub(super) fn finish(&self) {
        self.end(self.lock());
    }

    fn end(&self, mut state: MutexGuard<'_, State<T>>) {
        state.finished = true;
        let waker = state.reader.wake_up();
        drop(state);
        self.room.notify_all();
        wake(waker);
    }

    /// Adds a record if there is room.
    pub(super) fn try_push(&self, record: T) -> Result<(), Refused<T>> {
        self.push_into(self.lock(), record)
    }

    /// Adds a record as soon as there is room.
    pub(super) fn push(&self, record: T) -> Result<(), T> {
        let state = self
            .room
            .wait_while(self.lock(), |state| !state.is_closed() && state.is_full())
            .unwrap_or_else(PoisonError::into_inner);
        self.push_into(state, record)
            .map_err(|(Refused::Full(record) | Refused::Closed(record))| record)
    }

    fn push_into(&self, mut state: MutexGuard<'_, State<T>>, record: T) -> Result<(), Refused<T>> {
        if state.is_closed() {
            return Err(Refused::Closed(record));
        }
        if state.is_full() {
            return Err(Refused::Full(record));
        }
        state.records.push_back(record);
        let waker = state.reader.wake_up();
        drop(state);
        wake(waker);
        Ok(())
    }

    /// Makes this the reader; false if there has been one.
    pub(super) fn open(&self, waker: Waker) -> bool {
        let mut state = self.lock();
        let unopened = matches!(state.reader, ReaderState::Unopened);
        if unopened {
            state.reader = ReaderState::Busy(waker);
        }
        unopened
    }

    /// Moves at most `count` records out; says whether the input has ended and nothing is left.
    /// If there was nothing, the reader is woken for the next.
    pub(super) fn take(&self, count: usize, into: &mut Vec<T>) -> bool {
        let mut state = self.lock();
        let count = count.min(state.records.len());
        into.extend(state.records.drain(..count));
        let ended = state.finished && state.records.is_empty();
        if count == 0 && !ended {
            state.reader.wait();
        }
        drop(state);
        if count > 0 {
            self.room.notify_all();
        }
        ended
    }

    /// Nobody reads any more: refuses what comes and lets go of what waits.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.reader = ReaderState::Gone;
        let unread = std::mem::take(&mut state.records);
        drop(state);
        self.room.notify_all();
        drop(unread);
    }

    /// As [`close`](Queue::close), if nobody has opened it.
    pub(super) fn close_unopened(&self) {
        let unopened = matches!(self.lock().reader, ReaderState::Unopened);
        if unopened {
            self.close();
        }
    }
}

impl<T> State<T> {
    fn is_closed(&self) -> bool {
        self.finished || matches!(self.reader, ReaderState::Gone)
    }

    fn is_full(&self) -> bool {
        self.records.len() >= self.capacity
    }
}

impl ReaderState {
    /// A waiting reader is busy again; its waker is due.
    fn wake_up(&mut self) -> Option<Waker> {
        let ReaderState::Waiting(waker) = self else {
            return None;
        };
        let waker = waker.clone();
        *self = ReaderState::Busy(waker.clone());
        Some(waker)
    }

    fn wait(&mut self) {
        if let ReaderState::Busy(waker) = self {
            *self = ReaderState::Waiting(waker.clone());
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
