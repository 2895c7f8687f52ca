//! Combines the records of each key into accumulators before they travel to the key's worker.
//!
//! It holds a bounded number of keys and gives them all up when that is reached and at the end of
//! each epoch. Where it does not reduce, it steps aside for a while (see `reduction`): each record
//! then travels as an accumulator of its own.

use rheos_engine::{Consumer, Flush, Key, Keyed, KeyedState, Limits, Next, Run};

use super::{Aggregate, Reduction};

/// A stage in front of an exchange by key.
pub(crate) struct Combiner<K, A: Aggregate> {
    aggregate: A,
    table: KeyedState<K, A::Acc>,
    /// Keys that the table holds at most.
    keys: usize,
    reduction: Reduction,
    /// Accumulators on their way; empty between calls.
    spare: Vec<Keyed<K, A::Acc>>,
    /// Accumulators in a batch.
    target: usize,
    next: Next<Keyed<K, A::Acc>>,
}

impl<K: Key, A: Aggregate> Combiner<K, A> {
    pub(crate) fn new(aggregate: A, limits: &Limits, next: Next<Keyed<K, A::Acc>>) -> Self {
        Self {
            aggregate,
            table: KeyedState::default(),
            keys: limits.combiner_keys,
            reduction: Reduction::default(),
            spare: Vec::new(),
            target: limits.records_per_batch::<Keyed<K, A::Acc>>(),
            next,
        }
    }

    fn combine(&mut self, batch: &mut Vec<Keyed<K, A::In>>, run: &mut Run) {
        let records = batch.len();
        let mut new_keys = 0;
        for Keyed { hash, key, value } in batch.drain(..) {
            let before = self.table.len();
            let at = self.table.find_or_insert(hash, key, || self.aggregate.create());
            self.aggregate.add(&mut self.table.entry_mut(at).state, value);
            if self.table.len() > before {
                new_keys += 1;
                if self.table.len() >= self.keys {
                    self.give_up(run);
                }
            }
        }
        self.reduction = self.reduction.combined(records, new_keys);
        if !self.reduction.combines() {
            self.give_up(run);
        }
    }

    fn let_pass(&mut self, batch: &mut Vec<Keyed<K, A::In>>, run: &mut Run) {
        self.reduction = self.reduction.passed(batch.len());
        for Keyed { hash, key, value } in batch.drain(..) {
            let mut acc = self.aggregate.create();
            self.aggregate.add(&mut acc, value);
            self.spare.push(Keyed { hash, key, value: acc });
            if self.spare.len() >= self.target {
                self.next.batch(&mut self.spare, run);
            }
        }
        if !self.spare.is_empty() {
            self.next.batch(&mut self.spare, run);
        }
    }

    /// Hands everything on, in batches, and keeps the memory.
    fn give_up(&mut self, run: &mut Run) {
        if self.table.is_empty() {
            return;
        }
        let mut entries = self.table.take_entries();
        let mut rest = entries.drain(..).peekable();
        while rest.peek().is_some() {
            let batch = rest.by_ref().take(self.target);
            self.spare.extend(batch.map(|e| Keyed { hash: e.hash, key: e.key, value: e.state }));
            self.next.batch(&mut self.spare, run);
        }
        drop(rest);
        self.table.recycle(entries);
    }
}

impl<K: Key, A: Aggregate> Consumer<Keyed<K, A::In>> for Combiner<K, A> {
    fn batch(&mut self, batch: &mut Vec<Keyed<K, A::In>>, run: &mut Run) {
        if self.reduction.combines() {
            self.combine(batch, run);
        } else {
            self.let_pass(batch, run);
        }
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        if flush == Flush::EpochEnd {
            self.give_up(run);
        }
        self.next.flush(flush, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.next.end(run);
    }
}
