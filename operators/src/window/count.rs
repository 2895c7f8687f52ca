//! Windows of so many records.

use std::collections::VecDeque;
use std::marker::PhantomData;

use rheos_engine::{
    Error, EventTime, ExchangeData, Holdings, Key, Keyed, KeyedState, Operator, Output, Stamped,
    StateParts, Turn,
};
use serde::{Deserialize, Serialize};

use super::pane::{Pane, PaneTiming, Window};
use super::windowed::Prepare;
use crate::Aggregate;
use crate::with_late::Emitted;

/// How many records a window has, and after how many the next one answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    size: u64,
    slide: u64,
    /// Records are aggregated in slices of so many, which the windows share.
    slice: u64,
}

impl Counts {
    /// # Panics
    /// When either is zero.
    pub(crate) fn new(size: u64, slide: u64) -> Self {
        assert!(size > 0 && slide > 0, "a window has records, and moves on by some");
        let (mut slice, mut rest) = (size, slide);
        while rest != 0 {
            (slice, rest) = (rest, slice % rest);
        }
        Self { size, slide, slice }
    }

    /// What explains a step with these windows.
    pub(crate) fn describe(&self) -> String {
        format!("the last {} records, every {}", self.size, self.slide)
    }
}

/// What is kept of a key.
#[derive(Serialize, Deserialize)]
struct Counted<A> {
    /// Records so far.
    total: u64,
    /// The slice that is not complete, and its records.
    current: A,
    in_current: u64,
    /// Complete slices that a window still needs, the oldest first.
    slices: VecDeque<A>,
}

/// Windows of so many records, for the keys of a worker.
pub(crate) struct CountWindows<K, V, A: Aggregate, P, L> {
    aggregate: A,
    prepare: P,
    counts: Counts,
    keys: KeyedState<K, Counted<A::Acc>>,
    /// The next key to be looked at when the input has ended.
    at: usize,
    types: PhantomData<fn(V, L)>,
}

impl<K: Key, V, A: Aggregate, P, L> CountWindows<K, V, A, P, L> {
    pub(crate) fn new(aggregate: A, prepare: P, counts: Counts) -> Self {
        let (keys, types) = (KeyedState::default(), PhantomData);
        Self { aggregate, prepare, counts, keys, at: 0, types }
    }

    /// The pane over the last slices of a key.
    fn pane(&self, at: usize) -> Pane<K, A::Out> {
        let Self { aggregate, counts, .. } = self;
        let entry = self.keys.entry(at);
        let Counted { total, current, in_current, slices } = &entry.state;
        // An incomplete slice takes the place of the oldest one.
        let wanted = counts.size / counts.slice - u64::from(*in_current > 0);
        let skipped = slices.len().saturating_sub(usize::try_from(wanted).unwrap_or(usize::MAX));
        let mut acc = aggregate.create();
        slices.iter().skip(skipped).for_each(|slice| aggregate.merge(&mut acc, slice.clone()));
        if *in_current > 0 {
            aggregate.merge(&mut acc, current.clone());
        }
        let records = (slices.len() - skipped) as u64 * counts.slice + in_current;
        let number = |n: u64| EventTime::from_millis(i64::try_from(n).unwrap_or(i64::MAX));
        let window = Window { start: number(total - records), end: number(*total) };
        let value = aggregate.finish(&acc);
        Pane { key: entry.key.clone(), window, timing: PaneTiming::OnTime, value }
    }
}

impl<K, V, A, P, L> Operator for CountWindows<K, V, A, P, L>
where
    K: Key,
    V: ExchangeData,
    A: Aggregate,
    P: Prepare<V, A>,
    L: Send + 'static,
{
    type In = Stamped<Keyed<K, V>>;
    type Out = Stamped<Emitted<Pane<K, A::Out>, L>>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        let Counts { size, slide, slice } = self.counts;
        for Stamped { time, value: Keyed { hash, key, value } } in batch.drain(..) {
            let aggregate = &self.aggregate;
            let fresh = || Counted {
                total: 0,
                current: aggregate.create(),
                in_current: 0,
                slices: VecDeque::new(),
            };
            let at = self.keys.find_or_insert(hash, key, fresh);
            let counted = &mut self.keys.entry_mut(at).state;
            aggregate.add(&mut counted.current, (self.prepare)(time, value));
            counted.in_current += 1;
            counted.total += 1;
            if counted.in_current == slice {
                counted.in_current = 0;
                let complete = std::mem::replace(&mut counted.current, aggregate.create());
                counted.slices.push_back(complete);
                if counted.slices.len() as u64 > size / slice {
                    counted.slices.pop_front();
                }
            }
            if counted.total.is_multiple_of(slide) {
                let value = Emitted::Result(self.pane(at));
                out.push(Stamped { time, value });
            }
        }
        Ok(())
    }

    fn on_input_end(&mut self, out: &mut Output<'_, Self::Out>) -> Result<Turn, Error> {
        while self.at < self.keys.positions() {
            if out.is_full() {
                return Ok(Turn::More);
            }
            let rest =
                self.keys.at(self.at).map_or(0, |entry| entry.state.total % self.counts.slide);
            if rest > 0 {
                let value = Emitted::Result(self.pane(self.at));
                out.push(Stamped { time: EventTime::MAX, value });
            }
            self.at += 1;
        }
        Ok(Turn::Done)
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("keys", &mut self.keys)
    }

    fn holdings(&self) -> Holdings {
        Holdings { keys: self.keys.len(), bytes: self.keys.bytes(), ..Holdings::default() }
    }
}

#[cfg(test)]
mod tests {
    use rheos_engine::harness::Harness;

    use super::*;
    use crate::random::Random;

    /// All numbers that it was given.
    #[derive(Clone)]
    struct All;

    impl Aggregate for All {
        type In = u64;
        type Acc = Vec<u64>;
        type Out = Vec<u64>;

        fn create(&self) -> Vec<u64> {
            Vec::new()
        }

        fn add(&self, all: &mut Vec<u64>, number: u64) {
            all.push(number);
        }

        fn merge(&self, all: &mut Vec<u64>, mut other: Vec<u64>) {
            all.append(&mut other);
        }

        fn finish(&self, all: &Vec<u64>) -> Vec<u64> {
            all.clone()
        }
    }

    type Said = Stamped<Emitted<Pane<u64, Vec<u64>>, ()>>;

    #[test]
    fn windows_hold_the_last_records_of_their_key() {
        for (size, slide) in [(1, 1), (3, 3), (4, 2), (6, 4), (5, 1), (2, 5)] {
            for seed in 0..10 {
                let context = format!("{size} by {slide}, seed {seed}");
                let mut random = Random::new(seed);
                let number = |_: EventTime, number: u64| number;
                let operator = CountWindows::<u64, u64, All, _, ()>::new(
                    All,
                    number,
                    Counts::new(size, slide),
                );
                let mut harness = Harness::new(operator);
                let mut records: Vec<Vec<u64>> = vec![Vec::new(); 3];
                let last = |of_key: &[u64], size: u64| {
                    of_key[of_key.len().saturating_sub(size as usize)..].to_vec()
                };
                let values = |said: Vec<Said>| {
                    let value = |said: Said| {
                        let Emitted::Result(pane) = said.value else { panic!("nothing is late") };
                        let length = pane.window.end.since(pane.window.start).as_millis();
                        assert_eq!(length, pane.value.len() as u128);
                        (pane.key, pane.value)
                    };
                    said.into_iter().map(value).collect::<Vec<_>>()
                };
                for number in 0..100 {
                    let key = random.below(3);
                    let of_key = &mut records[key as usize];
                    of_key.push(number);
                    let value = Keyed::new(key, number);
                    let said = harness.batch(vec![Stamped { time: EventTime::MIN, value }]);
                    let answers = (of_key.len() as u64).is_multiple_of(slide);
                    let expected = answers.then(|| (key, last(of_key, size)));
                    let expected: Vec<_> = expected.into_iter().collect();
                    assert_eq!(values(said.unwrap()), expected, "{context}");
                }
                let slice = Counts::new(size, slide).slice;
                let mut said = values(harness.end_input().unwrap());
                said.sort();
                let rest = |(key, of_key): (usize, &Vec<u64>)| {
                    let in_current = of_key.len() as u64 % slice;
                    // As much before the incomplete slice as fits in whole slices.
                    let length = if in_current > 0 { size - slice + in_current } else { size };
                    let answers = !(of_key.len() as u64).is_multiple_of(slide);
                    answers.then(|| (key as u64, last(of_key, length)))
                };
                let expected: Vec<_> = records.iter().enumerate().filter_map(rest).collect();
                assert_eq!(said, expected, "{context}, at the end");
            }
        }
    }
}
