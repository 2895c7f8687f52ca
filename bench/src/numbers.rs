//! A source of integers from memory, as cheap as a source can be.

use std::sync::Arc;

use rheos::engine::{
    Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Source, Split, SplitContext,
};
use rheos::prelude::*;

/// Integers in a block of memory that is read over and over until `total` have been read.
#[derive(Clone)]
pub(crate) struct Numbers {
    pub(crate) block: Arc<[u64]>,
    pub(crate) total: u64,
    /// The number of splits; one a worker unless set.
    pub(crate) splits: Option<usize>,
}

/// Integers in the block: 256 KiB, which stays in the second-level cache.
const BLOCK: usize = 32 << 10;

impl Numbers {
    pub(crate) fn new(total: u64) -> Self {
        let mut random = Random::new(1);
        let block = (0..BLOCK).map(|_| random.next_u64());
        Self { block: block.collect(), total, splits: None }
    }

    pub(crate) fn splits(mut self, splits: usize) -> Self {
        self.splits = Some(splits);
        self
    }
}

struct NumbersReader {
    block: Arc<[u64]>,
    at: usize,
    left: u64,
}

impl Source for Numbers {
    type Record = u64;

    fn splits(&self, context: &SplitContext) -> Result<Vec<Split>, Error> {
        let splits = self.splits.unwrap_or(context.workers) as u64;
        let share = |n: u64| self.total * (n + 1) / splits - self.total * n / splits;
        let split = |n| Split {
            payload: share(n).to_le_bytes().to_vec(),
            bytes: Some(share(n) * 8),
            ..Split::named(format!("numbers {n}"))
        };
        Ok((0..splits).map(split).collect())
    }

    fn open(
        &self,
        split: &Split,
        _position: Option<&Position>,
        _context: ReaderContext,
    ) -> Result<Box<dyn Reader<u64>>, Error> {
        let left = split.payload.as_slice().try_into().map_or(0, u64::from_le_bytes);
        Ok(Box::new(NumbersReader { block: Arc::clone(&self.block), at: 0, left }))
    }
}

impl Reader<u64> for NumbersReader {
    fn read(&mut self, buffer: &mut ReadBuffer<u64>) -> Result<ReadStatus, Error> {
        if self.left == 0 {
            return Ok(ReadStatus::End);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let count = buffer.room().min(most).min(self.block.len() - self.at);
        buffer.records_mut().extend_from_slice(&self.block[self.at..self.at + count]);
        self.left -= count as u64;
        self.at = (self.at + count) % self.block.len();
        Ok(ReadStatus::More)
    }
}
