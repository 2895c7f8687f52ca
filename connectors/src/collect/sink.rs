//! The sink that keeps records in memory until the job commits.
//!
//! Used by programs through [`collect`](super::collect). Staged and on one worker; it never grows
//! past its limit and never hands out anything before the commit.

use std::fmt;

use rheos_engine::{
    CheckpointId, Delivery, Error, ErrorKind, Finish, Placement, Recovery, Sink, Writer,
    WriterContext,
};

use super::Collected;
use crate::ordinal;

/// How many records a [`CollectSink`] takes unless told otherwise.
pub const DEFAULT_COLLECT_LIMIT: usize = 10_000_000;

/// Keeps the records in memory; see [`collect`](super::collect).
#[must_use]
pub struct CollectSink<T> {
    collected: Collected<T>,
    limit: usize,
}

impl<T> CollectSink<T> {
    pub(super) fn new(collected: Collected<T>) -> Self {
        Self { collected, limit: DEFAULT_COLLECT_LIMIT }
    }

    /// Fails the job when there are more records than this; [`DEFAULT_COLLECT_LIMIT`] without it.
    pub fn limit(mut self, records: usize) -> Self {
        self.limit = records;
        self
    }
}

impl<T: Send + 'static> Sink for CollectSink<T> {
    type Record = T;

    fn delivery(&self) -> Delivery {
        Delivery::Staged
    }

    fn placement(&self) -> Placement {
        Placement::OneWorker
    }

    fn prepare_target(&self) -> Result<(), Error> {
        let mut kept = self.collected.lock();
        kept.turn += 1;
        kept.prepared.clear();
        kept.is_delivered = false;
        Ok(())
    }

    fn recover(&self, recovery: &Recovery<'_>) -> Result<(), Error> {
        let mut kept = self.collected.lock();
        kept.turn += 1;
        let Some(prepared) = recovery.prepared.iter().find(|bytes| !bytes.is_empty()) else {
            kept.prepared.clear();
            return Ok(());
        };
        let is_lost = || {
            let reason = "what was collected before the checkpoint was in the memory of a program \
                          that has ended";
            Error::usage("continue the collected records", reason)
                .advise("write to a file, or begin without a checkpoint")
        };
        let [id, count, is_whole] = ordinal::decode(prepared).ok_or_else(is_lost)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if id != self.collected.id || (kept.prepared.len() < count && !kept.is_delivered) {
            return Err(is_lost());
        }
        kept.prepared.truncate(count);
        if is_whole == 1 {
            kept.deliver();
        }
        Ok(())
    }

    fn open(&self, _context: WriterContext) -> Result<Box<dyn Writer<T>>, Error> {
        let collected = self.collected.clone();
        let (turn, staged, answered, limit) = (collected.lock().turn, Vec::new(), None, self.limit);
        Ok(Box::new(CollectWriter { collected, turn, staged, answered, limit }))
    }
}

impl<T> fmt::Debug for CollectSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectSink").field("limit", &self.limit).finish_non_exhaustive()
    }
}

struct CollectWriter<T> {
    collected: Collected<T>,
    /// Whose writer it is.
    turn: u64,
    /// Written after the last cut.
    staged: Vec<T>,
    /// The last cut and what was answered to it.
    answered: Option<(CheckpointId, Vec<u8>)>,
    limit: usize,
}

impl<T: Send + 'static> Writer<T> for CollectWriter<T> {
    fn write(&mut self, batch: &mut Vec<T>) -> Result<(), Error> {
        let held = self.collected.lock().prepared.len() + self.staged.len();
        if batch.len() > self.limit.saturating_sub(held) {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("collect more than {} records", self.limit),
                "that is the limit of this sink, which keeps them in memory",
            )
            .advise("write to a file, or raise the limit with CollectSink::limit"));
        }
        self.staged.append(batch);
        Ok(())
    }

    fn prepare(&mut self, cut: CheckpointId) -> Result<Option<Vec<u8>>, Error> {
        if let Some((asked, answer)) = &self.answered
            && *asked == cut
        {
            return Ok(Some(answer.clone()));
        }
        let mut kept = self.collected.lock_for(self.turn)?;
        kept.prepared.append(&mut self.staged);
        let is_whole = u64::from(cut == CheckpointId::END);
        let count = kept.prepared.len() as u64;
        let answer = ordinal::encode([self.collected.id, count, is_whole]);
        self.answered = Some((cut, answer.clone()));
        Ok(Some(answer))
    }

    fn finish(mut self: Box<Self>, how: Finish) -> Result<(), Error> {
        if how == Finish::Commit {
            self.prepare(CheckpointId::END)?;
            self.collected.lock_for(self.turn)?.deliver();
        }
        Ok(())
    }
}
