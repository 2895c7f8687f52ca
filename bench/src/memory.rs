//! A source that reads records from memory: one split a share.

use std::sync::Arc;

use rheos::engine::{
    Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Source, Split, SplitContext,
};
use rheos::prelude::*;

/// Reads shares that were made before.
pub(crate) struct Memory<T> {
    shares: Vec<Arc<[T]>>,
}

impl<T> Memory<T> {
    pub(crate) fn new(shares: &[Arc<[T]>]) -> Self {
        Self { shares: shares.to_vec() }
    }
}

struct ShareReader<T> {
    share: Arc<[T]>,
    at: usize,
}

impl<T: Clone + Send + Sync + 'static> Source for Memory<T> {
    type Record = T;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        let split = |(number, share): (usize, &Arc<[T]>)| Split {
            payload: (number as u64).to_le_bytes().to_vec(),
            bytes: Some(size_of_val::<[T]>(share) as u64),
            ..Split::named(format!("share {number}"))
        };
        Ok(self.shares.iter().enumerate().map(split).collect())
    }

    fn open(
        &self,
        split: &Split,
        _position: Option<&Position>,
        _context: ReaderContext,
    ) -> Result<Box<dyn Reader<T>>, Error> {
        let number = split.payload.as_slice().try_into().map_or(0, u64::from_le_bytes);
        let share = Arc::clone(&self.shares[number as usize]);
        Ok(Box::new(ShareReader { share, at: 0 }))
    }
}

impl<T: Clone + 'static> Reader<T> for ShareReader<T> {
    fn read(&mut self, buffer: &mut ReadBuffer<T>) -> Result<ReadStatus, Error> {
        let left = &self.share[self.at..];
        if left.is_empty() {
            return Ok(ReadStatus::End);
        }
        let count = buffer.room_to_lend().min(left.len());
        buffer.lend(&self.share, self.at..self.at + count);
        self.at += count;
        Ok(ReadStatus::More)
    }
}
