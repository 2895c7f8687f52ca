//! The consumer behind every stateless step: a function of batches.
//!
//! A step keeps nothing from one batch to the next, so there is nothing to flush: a step that
//! does is a [`Consumer`] of its own.

use rheos_engine::{Consumer, EventTime, Flush, Next, Run};

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

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.next.watermark(watermark, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.next.end(run);
    }
}

/// Passes batches through the work of a step; see [`rheos_engine::harness::through`].
#[cfg(test)]
pub(crate) fn through<T: 'static, U: 'static>(
    work: impl FnMut(&mut Vec<T>, &mut Next<U>, &mut Run) + 'static,
    batches: impl IntoIterator<Item = Vec<T>>,
) -> Result<Vec<U>, rheos_engine::Error> {
    rheos_engine::harness::through(|_, next| Batchwise::boxed(work, next) as Next<T>, batches)
}

/// A consumer that keeps the lengths of the batches it is handed, for tests of bounds.
#[cfg(test)]
pub(crate) struct BatchLengths(std::rc::Rc<std::cell::RefCell<Vec<usize>>>);

#[cfg(test)]
impl BatchLengths {
    /// The consumer, and where the lengths can be read.
    pub(crate) fn consumer<T: 'static>() -> (Next<T>, std::rc::Rc<std::cell::RefCell<Vec<usize>>>) {
        let lengths = std::rc::Rc::default();
        (Box::new(Self(std::rc::Rc::clone(&lengths))), lengths)
    }
}

#[cfg(test)]
impl<T: 'static> Consumer<T> for BatchLengths {
    fn batch(&mut self, batch: &mut Vec<T>, _run: &mut Run) {
        self.0.borrow_mut().push(batch.drain(..).count());
    }

    fn flush(&mut self, _flush: Flush, _run: &mut Run) {}

    fn watermark(&mut self, _watermark: EventTime, _run: &mut Run) {}

    fn end(&mut self, _run: &mut Run) {}
}
