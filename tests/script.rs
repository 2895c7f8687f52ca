//! A source that follows a script: which split gives which records in which epoch is fixed, so
//! that what is late is known exactly, for any number of workers.
//!
//! A step of the script is read in one piece, and the next one only after the epoch of the step
//! is complete everywhere: a mark travels behind its records, and the sink that gets it lets the
//! script go on at the end of the epoch.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rheos::engine::{
    ExchangeData, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Split, SplitContext,
    Waker,
};
use rheos::prelude::*;

/// One step: the split, and the records that it gives.
pub(crate) type Step<T> = (u32, Vec<T>);

/// How far a script has come. Shared by all splits, also those in other processes of a test,
/// which are threads of it.
#[derive(Default)]
struct Progress {
    step: AtomicUsize,
    wakers: Mutex<Vec<Waker>>,
}

impl Progress {
    fn advance(&self) {
        self.step.fetch_add(1, Ordering::SeqCst);
        self.wakers.lock().unwrap().iter().for_each(Waker::wake);
    }
}

/// The script of one run of a job.
pub(crate) struct Script<T> {
    splits: u32,
    steps: Arc<Vec<Step<T>>>,
    progress: Arc<Progress>,
}

impl<T: Clone + ExchangeData + Sync> Script<T> {
    /// A script for `splits` splits, each of which ends after the last step.
    pub(crate) fn new(splits: u32, steps: &[Step<T>]) -> Self {
        Self { splits, steps: Arc::new(steps.to_vec()), progress: Arc::default() }
    }

    /// Another reader of the same script, in another process.
    pub(crate) fn share(&self) -> Self {
        let (steps, progress) = (Arc::clone(&self.steps), Arc::clone(&self.progress));
        Self { splits: self.splits, steps, progress }
    }

    /// The records of the script as a stream.
    pub(crate) fn records<U: 'static, M: Timeline>(
        self,
        job: &Job,
        stamp: impl FnOnce(Stream<Option<T>>) -> Stream<Option<U>, M>,
    ) -> Stream<U, M> {
        let progress = Arc::clone(&self.progress);
        let marked = job.source(self);
        let marks = marked.clone().filter(Option::is_none).map(|_| ());
        marks.for_each_epoch(move |_, _| {
            progress.advance();
            Ok::<(), std::convert::Infallible>(())
        });
        stamp(marked).filter_map(|record| record)
    }
}

impl<T: Clone + ExchangeData + Sync> Source for Script<T> {
    type Record = Option<T>;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        let split = |n: u32| Split {
            payload: n.to_le_bytes().to_vec(),
            ..Split::named(format!("split {n}"))
        };
        Ok((0..self.splits).map(split).collect())
    }

    fn open(
        &self,
        split: &Split,
        _position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<Option<T>>>, Error> {
        self.progress.wakers.lock().unwrap().push(context.waker);
        let split = u32::from_le_bytes(split.payload.as_slice().try_into().unwrap());
        let (steps, progress) = (Arc::clone(&self.steps), Arc::clone(&self.progress));
        Ok(Box::new(ScriptReader { split, steps, progress, read: 0 }))
    }
}

struct ScriptReader<T> {
    split: u32,
    steps: Arc<Vec<Step<T>>>,
    progress: Arc<Progress>,
    /// Steps that were read or are another split's.
    read: usize,
}

impl<T: Clone + 'static> Reader<Option<T>> for ScriptReader<T> {
    fn read(&mut self, buffer: &mut ReadBuffer<Option<T>>) -> Result<ReadStatus, Error> {
        let now = self.progress.step.load(Ordering::SeqCst);
        while self.read < self.steps.len() && self.read <= now {
            let (split, records) = &self.steps[self.read];
            self.read += 1;
            if *split == self.split {
                let out = buffer.records_mut();
                out.extend(records.iter().cloned().map(Some));
                out.push(None);
                return Ok(ReadStatus::Pending);
            }
        }
        let is_over = now >= self.steps.len();
        Ok(if is_over { ReadStatus::End } else { ReadStatus::Pending })
    }
}
