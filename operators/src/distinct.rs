//! `distinct`: the first record of each key, or of each value.

use std::marker::PhantomData;

use rheos_engine::{
    Consumer, Error, ExchangeData, Flush, Key, Keyed, KeyedState, Limits, Next, Operator, Output,
    Run,
};

use crate::aggregate::Reduction;
use crate::apply::by_key;
use crate::{KeyedStream, Stream};

impl<T: Key> Stream<T> {
    /// Leaves out every record that has been there before.
    ///
    /// # Semantics
    /// * **Order**: a record is passed on at once when it comes for the first time.
    /// * **State**: every different record ever seen, until the job ends: it grows with them.
    /// * **End of the input**: passed on; nothing more is said.
    /// * **Workers**: the result does not depend on them, its order does. Each leaves out what it
    ///   has lately sent itself, so that repetitions hardly travel.
    ///
    /// ```
    /// # use rheos_operators::{Job, Stream, examples::given};
    /// let job = Job::new("vocabulary");
    /// let words = job.source(given(["to", "be", "to"].map(String::from)));
    /// let vocabulary: Stream<String> = words.distinct();
    /// # drop(vocabulary);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn distinct(self) -> Stream<T> {
        self.key_by_self().distinct().keys()
    }
}

impl<K: Key, V: ExchangeData> KeyedStream<K, V> {
    /// Keeps the first record of each key.
    ///
    /// # Semantics
    /// * **Order**: a record is passed on at once when it is the first of its key.
    /// * **State**: every key ever seen, until the job ends: it grows with them.
    /// * **End of the input**: passed on; nothing more is said.
    /// * **Workers**: where several have records of a key, which of them is the first is not fixed.
    ///
    /// ```
    /// # use rheos_operators::{Job, KeyedStream, examples::given};
    /// let job = Job::new("one word of each length");
    /// let words = job.source(given(["to", "be", "not"].map(String::from)));
    /// let first: KeyedStream<usize, String> = words.key_by(|word| word.len()).distinct();
    /// # drop(first);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn distinct(self) -> KeyedStream<K, V> {
        let records = self.into_keyed();
        let graph = records.port().graph();
        let fresh = graph.stage(records.port(), "combine", |context, next| {
            Box::new(Repetitions::<K, V>::new(context.limits(), next))
        });
        let make = |_: &_| First::<K, V>::default();
        KeyedStream::new(Stream::new(graph.operator(&fresh, by_key(), "distinct", make)))
    }
}

/// Drops, before records travel, those whose keys its worker has sent lately.
///
/// It remembers a bounded number of keys, and begins anew when that is reached; it steps aside
/// where that drops too little (see [`Reduction`]).
struct Repetitions<K, V> {
    sent: KeyedState<K, ()>,
    /// Keys that are remembered at most.
    keys: usize,
    reduction: Reduction,
    next: Next<Keyed<K, V>>,
}

impl<K: Key, V: 'static> Repetitions<K, V> {
    fn new(limits: &Limits, next: Next<Keyed<K, V>>) -> Self {
        let (keys, reduction) = (limits.combiner_keys, Reduction::default());
        Self { sent: KeyedState::default(), keys, reduction, next }
    }

    /// Remembers a key; says whether it was not remembered before.
    fn is_new(&mut self, hash: u64, key: &K) -> bool {
        if self.sent.find(hash, key).is_some() {
            return false;
        }
        if self.sent.len() >= self.keys {
            self.forget();
        }
        self.sent.find_or_insert(hash, key.clone(), || ());
        true
    }

    fn forget(&mut self) {
        let entries = self.sent.take_entries();
        self.sent.recycle(entries);
    }
}

impl<K: Key, V: 'static> Consumer<Keyed<K, V>> for Repetitions<K, V> {
    fn batch(&mut self, batch: &mut Vec<Keyed<K, V>>, run: &mut Run) {
        let records = batch.len();
        if self.reduction.combines() {
            batch.retain(|keyed| self.is_new(keyed.hash, &keyed.key));
            self.reduction = self.reduction.combined(records, batch.len());
            if !self.reduction.combines() {
                self.forget();
            }
        } else {
            self.reduction = self.reduction.passed(records);
        }
        if !batch.is_empty() {
            self.next.batch(batch, run);
        }
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.next.flush(flush, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.next.end(run);
    }
}

/// Passes on the first record of each key.
struct First<K, V> {
    seen: KeyedState<K, ()>,
    values: PhantomData<fn(V)>,
}

impl<K, V> Default for First<K, V> {
    fn default() -> Self {
        Self { seen: KeyedState::default(), values: PhantomData }
    }
}

impl<K: Key, V: ExchangeData> Operator for First<K, V> {
    type In = Keyed<K, V>;
    type Out = Keyed<K, V>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Keyed<K, V>>,
        out: &mut Output<'_, Keyed<K, V>>,
    ) -> Result<(), Error> {
        for keyed in batch.drain(..) {
            if self.seen.find(keyed.hash, &keyed.key).is_none() {
                self.seen.find_or_insert(keyed.hash, keyed.key.clone(), || ());
                out.push(keyed);
            }
        }
        Ok(())
    }
}
