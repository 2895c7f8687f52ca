//! The consumer behind every stateless step: a function of batches.
//!
//! A step keeps nothing from one batch to the next, so there is nothing to flush: a step that
//! does is a [`Consumer`] of its own.

use rheos_engine::{Consumer, Flush, Next, Run};

/// Hands each batch to `work`, which hands what it makes of it to the next step.
///
/// `work` leaves the batch empty, with its allocation where that is possible.
pub(crate) struct Batchwise<W, U> {
    work: W,
    next: Next<U>,
}

impl<W, U> Batchwise<W, U> {
    pub(crate) fn boxed(work: W, next: Next<U>) -> Box<Self> {
        Box::new(Self { work, next })
    }
}

impl<T, U: 'static, W> Consumer<T> for Batchwise<W, U>
where
    W: FnMut(&mut Vec<T>, &mut Next<U>, &mut Run) + 'static,
{
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        (self.work)(batch, &mut self.next, run);
        debug_assert!(batch.is_empty(), "a step takes every record of a batch");
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.next.flush(flush, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.next.end(run);
    }
}
