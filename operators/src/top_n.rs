//! `top_n`: what the largest records of a stream are, as it changes.

use std::marker::PhantomData;

use rheos_engine::{ExchangeData, Key};
use serde::{Deserialize, Serialize};

use crate::aggregate::{Aggregate, KeyedAggregate, StreamAggregate};
use crate::{KeyedStream, Stream, Timeline};

/// How the largest records changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TopChange<T> {
    /// It is not among them any more.
    Left(T),
    /// It is among them now.
    Entered(T),
}

impl<T: ExchangeData + Clone + Ord + Sync, M: Timeline> Stream<T, M> {
    /// The `n` largest records so far: at the end of each epoch, which records are new among them
    /// and which are not among them any more. Equal records count each by itself.
    ///
    /// # Semantics
    /// * **Order**: what left in an epoch comes before what entered, each from the largest to the
    ///   smallest. The order of the records does not matter.
    /// * **Watermarks**: the results have no event time.
    /// * **State**: `n` records, twice.
    /// * **End of the input**: passed on; what changed in the last epoch has been said.
    /// * **Workers**: each keeps the largest of its own records in an epoch; one compares. How the
    ///   input is cut into epochs, and so what enters for a while only, is not fixed; all changes
    ///   together give the `n` largest records.
    ///
    /// # Panics
    /// When `n` is zero.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use rheos_operators::TopChange;
    /// let changes = results([3u64, 9, 4, 7], |numbers| numbers.top_n(2));
    /// assert_eq!(changes, [TopChange::Entered(9), TopChange::Entered(7)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn top_n(self, n: usize) -> Stream<TopChange<T>> {
        let tops = StreamAggregate::combined("top n", self, Top::new(n)).updates();
        tops.map(|top| ((), top)).keyed().process_with(
            Vec::new(),
            |before: &mut Vec<T>, now: Vec<T>, context| {
                changes(before, &now).for_each(|change| context.emit(change));
                *before = now;
            },
            |_, _| (),
        )
    }
}

impl<K: Key, V: ExchangeData + Clone + Ord + Sync, M: Timeline> KeyedStream<K, V, M> {
    /// The `n` largest values of each key so far: at the end of each epoch, which values are new
    /// among them and which are not among them any more, with their keys.
    ///
    /// # Semantics
    /// As for [`top_n`](Stream::top_n) on a whole stream, for each key; the order between keys is
    /// not fixed.
    ///
    /// # Panics
    /// When `n` is zero.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use rheos_operators::TopChange;
    /// let bids = [("lamp", 3u64), ("book", 9), ("lamp", 4)];
    /// let best = results(bids.map(|(thing, bid)| (thing.to_owned(), bid)), |bids| {
    ///     bids.keyed().top_n(1)
    /// });
    /// let wanted = [("lamp", TopChange::Entered(4)), ("book", TopChange::Entered(9))];
    /// assert_eq!(best, wanted.map(|(thing, change)| (thing.to_owned(), change)));
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn top_n(self, n: usize) -> Stream<(K, TopChange<V>)> {
        let tops = KeyedAggregate::combined("top n", self, Top::new(n)).updates();
        tops.keyed().process_with(
            Vec::new(),
            |before: &mut Vec<V>, now: Vec<V>, context| {
                let changed = changes(before, &now);
                changed.for_each(|change| context.emit((context.key().clone(), change)));
                *before = now;
            },
            |_, _| (),
        )
    }
}

/// What is different between two lists, both from the largest to the smallest.
fn changes<'a, T: Ord + Clone>(
    before: &'a [T],
    now: &'a [T],
) -> impl Iterator<Item = TopChange<T>> + use<'a, T> {
    let left = missing(before, now).into_iter().map(TopChange::Left);
    left.chain(missing(now, before).into_iter().map(TopChange::Entered))
}

/// The records of a list that another one lacks; both are from the largest to the smallest.
fn missing<T: Ord + Clone>(from: &[T], other: &[T]) -> Vec<T> {
    let mut other = other.iter().peekable();
    let lacks = |record: &&T| {
        while other.next_if(|next| *next > *record).is_some() {}
        other.next_if(|next| *next == *record).is_none()
    };
    from.iter().filter(lacks).cloned().collect()
}

/// The largest records, from the largest to the smallest.
struct Top<T> {
    n: usize,
    records: PhantomData<fn(T)>,
}

impl<T> Top<T> {
    fn new(n: usize) -> Self {
        assert!(n > 0, "the largest none are not worth a step");
        Self { n, records: PhantomData }
    }
}

impl<T> Clone for Top<T> {
    fn clone(&self) -> Self {
        Self::new(self.n)
    }
}

impl<T: ExchangeData + Clone + Ord> Aggregate for Top<T> {
    type In = T;
    type Acc = Vec<T>;
    type Out = Vec<T>;

    fn create(&self) -> Vec<T> {
        Vec::new()
    }

    fn add(&self, top: &mut Vec<T>, record: T) {
        let at = top.partition_point(|other| *other >= record);
        if at < self.n {
            top.truncate(self.n - 1);
            top.insert(at, record);
        }
    }

    fn merge(&self, top: &mut Vec<T>, other: Vec<T>) {
        other.into_iter().for_each(|record| self.add(top, record));
    }

    fn finish(&self, top: &Vec<T>) -> Vec<T> {
        top.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_aggregate;
    use crate::random::Random;

    #[test]
    fn the_largest_are_those_of_a_sorted_list() {
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let records: Vec<u64> = (0..random.below(40)).map(|_| random.below(20)).collect();
            for n in [1, 3, 100] {
                let top = Top::new(n);
                let mut acc = top.create();
                records.iter().for_each(|record| top.add(&mut acc, *record));
                let mut sorted = records.clone();
                sorted.sort_unstable_by(|a, b| b.cmp(a));
                sorted.truncate(n);
                assert_eq!(acc, sorted, "seed {seed}, the largest {n}");
                if !records.is_empty() {
                    check_aggregate(&top, &records);
                }
            }
        }
    }

    #[test]
    fn changes_lead_from_one_list_to_the_next() {
        use TopChange::{Entered, Left};
        let check = |before: &[u32], now: &[u32], wanted: &[TopChange<u32>]| {
            assert_eq!(changes(before, now).collect::<Vec<_>>(), wanted, "{before:?} {now:?}");
        };
        check(&[], &[2, 1], &[Entered(2), Entered(1)]);
        check(&[2, 1], &[2, 1], &[]);
        check(&[2, 1], &[3, 2], &[Left(1), Entered(3)]);
        check(&[2, 2, 1], &[2, 2, 2], &[Left(1), Entered(2)]);
        check(&[5, 4], &[9, 8], &[Left(5), Left(4), Entered(9), Entered(8)]);
    }
}
