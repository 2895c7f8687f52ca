//! The end of a channel that ordinary code holds.
//!
//! Used by programs. Sending is the only thing here that blocks, and only while the queue is full;
//! it must not be called from a worker.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::queue::{Queue, Refused};

/// Sends records into a job; see [`channel`](super::channel) for the rules.
///
/// A clone sends into the same queue. The records of one sender keep their order.
pub struct ChannelSender<T> {
    queue: Arc<Queue<T>>,
}

impl<T> ChannelSender<T> {
    pub(super) fn new(queue: Arc<Queue<T>>) -> Self {
        Self { queue }
    }

    /// Sends a record; waits while the queue is full.
    ///
    /// # Errors
    /// When the job is gone, also one that was never run, or the input was finished; gives the
    /// record back.
    pub fn send(&self, record: T) -> Result<(), ChannelClosed<T>> {
        self.queue.push(record).map_err(ChannelClosed)
    }

    /// Sends a record if there is room at once.
    ///
    /// # Errors
    /// As [`send`](Self::send), and when the queue is full; gives the record back.
    pub fn try_send(&self, record: T) -> Result<(), TrySendError<T>> {
        self.queue.try_push(record).map_err(|refused| match refused {
            Refused::Full(record) => TrySendError::Full(record),
            Refused::Closed(record) => TrySendError::Closed(record),
        })
    }

    /// The input has ended: what was sent is still read, and the other senders are refused from
    /// now on.
    pub fn finish(self) {
        self.queue.finish();
    }
}

impl<T> Clone for ChannelSender<T> {
    fn clone(&self) -> Self {
        self.queue.add_sender();
        Self { queue: Arc::clone(&self.queue) }
    }
}

impl<T> Drop for ChannelSender<T> {
    fn drop(&mut self) {
        self.queue.remove_sender();
    }
}

impl<T> fmt::Debug for ChannelSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelSender")
    }
}

/// The record that was not sent because nobody reads the channel any more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChannelClosed<T>(pub T);

/// The record that was not sent, and why.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The queue is full now.
    Full(T),
    /// Nobody reads the channel any more.
    Closed(T),
}

const CLOSED: &str = "cannot send into the channel: its job is gone or its input was finished";

impl<T> fmt::Display for ChannelClosed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CLOSED)
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "cannot send into the channel: it is full",
            TrySendError::Closed(_) => CLOSED,
        })
    }
}

impl<T> fmt::Debug for ChannelClosed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelClosed(..)")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "Full(..)",
            TrySendError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> StdError for ChannelClosed<T> {}

impl<T> StdError for TrySendError<T> {}
