//! Combines the records of each key into accumulators before they travel to the key's worker.
//!
//! It holds a bounded number of keys and gives them all up when that is reached and at the end of
//! each epoch. Where it does not reduce, it steps aside for a while (see `reduction`): each record
//! then travels as an accumulator of its own.

use rheos_engine::{Consumer, Entry, EventTime, Flush, Key, Keyed, KeyedState, Limits, Next, Run};

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
        let mut rest = entries.drain(..).flatten().peekable();
        while rest.peek().is_some() {
            let batch = rest.by_ref().take(self.target);
            self.spare.extend(batch.map(|Entry { hash, key, state }| Keyed {
                hash: hash.get(),
                key,
                value: state,
            }));
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

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.next.watermark(watermark, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.next.end(run);
    }
}

#[cfg(test)]
mod tests {
    use rheos_engine::harness::{Collected, run};

    use super::super::count::Count;
    use super::super::reduction::{ASIDE_RECORDS, TRIAL_RECORDS};
    use super::*;
    use crate::batchwise::BatchLengths;

    /// What a combiner of counts has sent.
    type Sent = Collected<Keyed<u64, u64>>;

    fn combiner(limits: &Limits) -> (Combiner<u64, Count<()>>, Sent) {
        let (next, sent) = Collected::consumer();
        (Combiner::new(Count::default(), limits, next), sent)
    }

    fn keyed(keys: impl IntoIterator<Item = u64>) -> Vec<Keyed<u64, ()>> {
        keys.into_iter().map(|key| Keyed::new(key, ())).collect()
    }

    #[test]
    fn a_combiner_sends_one_accumulator_a_key_and_epoch() {
        let (mut combiner, sent) = combiner(&Limits::default());
        let mut run = run();
        for _ in 0..2 {
            combiner.batch(&mut keyed([1, 2, 1, 1]), &mut run);
            combiner.flush(Flush::Idle, &mut run);
            combiner.batch(&mut keyed([2]), &mut run);
            assert_eq!(sent.take(), [], "it waits for the end of the epoch");
            combiner.flush(Flush::EpochEnd, &mut run);
            assert_eq!(sent.take(), [Keyed::new(1, 3), Keyed::new(2, 2)]);
            combiner.flush(Flush::EpochEnd, &mut run);
            assert_eq!(sent.take(), [], "it says nothing twice");
        }
    }

    #[test]
    fn a_combiner_never_holds_more_keys_than_its_limit() {
        let limits = Limits { combiner_keys: 10, batch_records: 4, ..Limits::default() };
        let (mut combiner, sent) = combiner(&limits);
        let mut run = run();
        let mut received = 0;
        for batch in 0..20 {
            combiner.batch(&mut keyed((0..7).map(|n| 7 * batch + n)), &mut run);
            received += sent.take().len() as u64;
            assert!(7 * (batch + 1) - received < 10, "after batch {batch}: {received} received");
        }
    }

    #[test]
    fn a_combiner_sends_in_batches_of_the_usual_size() {
        let limits = Limits { batch_records: 100, ..Limits::default() };
        let (next, lengths) = BatchLengths::consumer();
        let mut combiner = Combiner::new(Count::default(), &limits, next);
        let mut run = run();
        combiner.batch(&mut keyed(0..250), &mut run);
        combiner.flush(Flush::EpochEnd, &mut run);
        assert_eq!(lengths.take(), [100, 100, 50]);
    }

    #[test]
    fn a_combiner_that_does_not_reduce_steps_aside_and_tries_again() {
        let (mut combiner, sent) = combiner(&Limits::default());
        let mut run = run();
        combiner.batch(&mut keyed(0..TRIAL_RECORDS), &mut run);
        assert_eq!(sent.take().len() as u64, TRIAL_RECORDS, "it gives up what it holds");
        let mut passed = 0;
        while passed < ASIDE_RECORDS {
            combiner.batch(&mut keyed([7; 1000]), &mut run);
            let sent = sent.take();
            assert_eq!(sent.len(), 1000, "after {passed} records every record is sent");
            assert!(sent.iter().all(|keyed| keyed.value == 1));
            passed += 1000;
        }
        combiner.batch(&mut keyed([7; 1000]), &mut run);
        assert_eq!(sent.take(), [], "it combines again");
        combiner.flush(Flush::EpochEnd, &mut run);
        assert_eq!(sent.take(), [Keyed::new(7, 1000)]);
    }
}
