//! The end of a channel that a job reads.
//!
//! Used by programs through [`channel`](super::channel). It has one split, can be opened once and
//! never waits for a sender.

use std::fmt;
use std::sync::Arc;

use rheos_engine::{
    Error, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Source, Split, SplitContext,
};

use super::queue::Queue;

/// A source of what [`ChannelSender`](super::ChannelSender)s send; see
/// [`channel`](super::channel) for the rules.
pub struct ChannelSource<T> {
    queue: Arc<Queue<T>>,
}

impl<T> ChannelSource<T> {
    pub(super) fn new(queue: Arc<Queue<T>>) -> Self {
        Self { queue }
    }
}

impl<T: Send + 'static> Source for ChannelSource<T> {
    type Record = T;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        Ok(vec![Split { at_origin: true, ..Split::named("channel") }])
    }

    fn open(
        &self,
        _split: &Split,
        _position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<T>>, Error> {
        if self.queue.open(context.waker) {
            Ok(Box::new(ChannelReader { queue: Arc::clone(&self.queue) }))
        } else {
            Err(Error::usage("open the channel", "it has been opened before")
                .advise("make a new channel for each run of a job"))
        }
    }
}

impl<T> Drop for ChannelSource<T> {
    fn drop(&mut self) {
        self.queue.close_unopened();
    }
}

impl<T> fmt::Debug for ChannelSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelSource")
    }
}

struct ChannelReader<T> {
    queue: Arc<Queue<T>>,
}

impl<T: Send + 'static> Reader<T> for ChannelReader<T> {
    fn read(&mut self, buffer: &mut ReadBuffer<T>) -> Result<ReadStatus, Error> {
        // One at the least: a reader that takes nothing counts as waiting.
        let room = buffer.room().max(1);
        let records = buffer.records_mut();
        let before = records.len();
        let ended = self.queue.take(room, records);
        let taken = records.len() - before;
        buffer.count_bytes((taken * size_of::<T>()) as u64);
        Ok(match taken {
            _ if ended => ReadStatus::End,
            0 => ReadStatus::Pending,
            _ => ReadStatus::More,
        })
    }
}

impl<T> Drop for ChannelReader<T> {
    fn drop(&mut self) {
        self.queue.close();
    }
}
