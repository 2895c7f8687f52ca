//! A source that reads the events from memory: one split a worker.

use std::sync::Arc;

use rheos::engine::{
    Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Source, Split, SplitContext,
};
use rheos::prelude::*;

use super::events::{Event, Events};

/// Reads shares that were made before.
pub(crate) struct Memory {
    events: Events,
}

impl Memory {
    pub(crate) fn new(events: &Events) -> Self {
        Self { events: events.clone() }
    }
}

struct ShareReader {
    share: Arc<[Event]>,
    at: usize,
}

impl Source for Memory {
    type Record = Event;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        let split = |(number, share): (usize, &Arc<[Event]>)| Split {
            payload: (number as u64).to_le_bytes().to_vec(),
            bytes: Some(size_of_val::<[Event]>(share) as u64),
            ..Split::named(format!("share {number}"))
        };
        Ok(self.events.shares().iter().enumerate().map(split).collect())
    }

    fn open(
        &self,
        split: &Split,
        _position: Option<&Position>,
        _context: ReaderContext,
    ) -> Result<Box<dyn Reader<Event>>, Error> {
        let number = split.payload.as_slice().try_into().map_or(0, u64::from_le_bytes);
        let share = Arc::clone(&self.events.shares()[number as usize]);
        Ok(Box::new(ShareReader { share, at: 0 }))
    }
}

impl Reader<Event> for ShareReader {
    fn read(&mut self, buffer: &mut ReadBuffer<Event>) -> Result<ReadStatus, Error> {
        let left = &self.share[self.at..];
        if left.is_empty() {
            return Ok(ReadStatus::End);
        }
        let count = buffer.room().min(left.len());
        buffer.records_mut().extend_from_slice(&left[..count]);
        self.at += count;
        Ok(ReadStatus::More)
    }
}
