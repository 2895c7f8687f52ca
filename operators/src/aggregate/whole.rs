//! The steps of an aggregation over a whole stream: a part on each worker, the whole on one.

use rheos_engine::{
    Consumer, EpochEnd, Error, EventTime, Flush, Next, Operator, Output, Run, StateParts, Turn,
};

use super::{Absorb, Aggregate};

/// Aggregates the records of a worker and hands one accumulator on at the end of each epoch.
pub(crate) struct Partial<A: Aggregate> {
    aggregate: A,
    /// Absent while the epoch has had no record.
    acc: Option<A::Acc>,
    spare: Vec<A::Acc>,
    next: Next<A::Acc>,
}

impl<A: Aggregate> Partial<A> {
    pub(crate) fn new(aggregate: A, next: Next<A::Acc>) -> Self {
        Self { aggregate, acc: None, spare: Vec::new(), next }
    }
}

impl<A: Aggregate> Consumer<A::In> for Partial<A> {
    fn batch(&mut self, batch: &mut Vec<A::In>, _run: &mut Run) {
        if batch.is_empty() {
            return;
        }
        let acc = self.acc.get_or_insert_with(|| self.aggregate.create());
        batch.drain(..).for_each(|record| self.aggregate.add(acc, record));
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        if flush == Flush::EpochEnd
            && let Some(acc) = self.acc.take()
        {
            self.spare.push(acc);
            self.next.batch(&mut self.spare, run);
        }
        self.next.flush(flush, run);
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.next.watermark(watermark, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.next.end(run);
    }
}

/// What has arrived so far.
struct Total<I: Absorb> {
    how: I,
    acc: Option<I::Acc>,
}

impl<I: Absorb> Total<I> {
    fn take(&mut self, batch: &mut Vec<I::In>) {
        for value in batch.drain(..) {
            match &mut self.acc {
                Some(acc) => self.how.absorb(acc, value),
                None => self.acc = Some(self.how.start(value)),
            }
        }
    }

    fn result(&self) -> Option<I::Out> {
        self.acc.as_ref().map(|acc| self.how.finish(acc))
    }
}

/// Says, at the end of each epoch that brought something, what it has come to.
pub(crate) struct WholeUpdates<I: Absorb> {
    total: Total<I>,
    changed: bool,
}

impl<I: Absorb> WholeUpdates<I> {
    pub(crate) fn new(how: I) -> Self {
        Self { total: Total { how, acc: None }, changed: false }
    }
}

impl<I: Absorb> Operator for WholeUpdates<I> {
    type In = I::In;
    type Out = I::Out;

    fn on_batch(
        &mut self,
        batch: &mut Vec<I::In>,
        _out: &mut Output<'_, I::Out>,
    ) -> Result<(), Error> {
        self.changed |= !batch.is_empty();
        self.total.take(batch);
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        _end: EpochEnd,
        out: &mut Output<'_, I::Out>,
    ) -> Result<Turn, Error> {
        if std::mem::take(&mut self.changed) {
            out.extend(self.total.result());
        }
        Ok(Turn::Done)
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.singleton("total", &mut self.total.acc)
    }
}

/// Says what it has come to when the input has ended.
pub(crate) struct WholeAtEnd<I: Absorb> {
    total: Total<I>,
    /// Whether this worker speaks for a stream that had no records.
    speaks_of_nothing: bool,
}

impl<I: Absorb> WholeAtEnd<I> {
    pub(crate) fn new(how: I, speaks_of_nothing: bool) -> Self {
        Self { total: Total { how, acc: None }, speaks_of_nothing }
    }
}

impl<I: Absorb> Operator for WholeAtEnd<I> {
    type In = I::In;
    type Out = I::Out;

    fn on_batch(
        &mut self,
        batch: &mut Vec<I::In>,
        _out: &mut Output<'_, I::Out>,
    ) -> Result<(), Error> {
        self.total.take(batch);
        Ok(())
    }

    fn on_input_end(&mut self, out: &mut Output<'_, I::Out>) -> Result<Turn, Error> {
        match self.total.result() {
            Some(result) => out.push(result),
            None if self.speaks_of_nothing => out.extend(self.total.how.of_nothing()),
            None => {}
        }
        Ok(Turn::Done)
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.singleton("total", &mut self.total.acc)
    }
}
