//! The step behind `join_at_end`: keeps the records of both sides, and joins them in the end.

use std::marker::PhantomData;

use rheos_engine::{
    Entry, Error, ExchangeData, Holdings, Key, Keyed, KeyedState, Output, StateParts, Turn,
    TwoInput,
};
use serde::{Deserialize, Serialize};

use super::kind::JoinKind;
use crate::Timeline;

/// The records of a key.
#[derive(Serialize, Deserialize)]
struct Sides<L, R> {
    left: Vec<L>,
    right: Vec<R>,
}

impl<L, R> Default for Sides<L, R> {
    fn default() -> Self {
        Self { left: Vec::new(), right: Vec::new() }
    }
}

/// Collects the records of the keys that a worker owns, and joins them in the end.
pub(crate) struct AtEnd<K, L, R, J: JoinKind<K, L, R>, M, N> {
    keys: KeyedState<K, Sides<L, J::Right>>,
    left_records: usize,
    right_records: usize,
    /// The key whose rows are said next, and how many of its pairs have been.
    next: usize,
    pairs_said: usize,
    timelines: PhantomData<fn(R, M, N)>,
}

impl<K: Key, L: ExchangeData, R, J: JoinKind<K, L, R>, M, N> AtEnd<K, L, R, J, M, N> {
    pub(crate) fn new() -> Self {
        Self {
            keys: KeyedState::default(),
            left_records: 0,
            right_records: 0,
            next: 0,
            pairs_said: 0,
            timelines: PhantomData,
        }
    }

    /// Says the rows of a key, until they are all said or the output is full.
    fn say(&mut self, at: usize, out: &mut Output<'_, J::Row>) -> Turn {
        let Entry { key, state: Sides { left, right }, .. } = self.keys.entry_mut(at);
        if J::PAIRS && !left.is_empty() && !right.is_empty() {
            while self.pairs_said < left.len() * right.len() {
                let (l, r) = (self.pairs_said / right.len(), self.pairs_said % right.len());
                out.extend(J::pair(key, &left[l], &right[r]));
                self.pairs_said += 1;
                if out.is_full() {
                    return Turn::More;
                }
            }
            self.pairs_said = 0;
            self.left_records -= left.len();
            self.right_records -= right.len();
            return Turn::Done;
        }
        // Records leave one of the two sides only, so that what is left there says what was.
        if !left.is_empty() {
            while let Some(record) = left.pop() {
                self.left_records -= 1;
                let row = match right.is_empty() {
                    true => J::left_alone(key, record),
                    false => J::met(key, record),
                };
                out.extend(row);
                if out.is_full() && !left.is_empty() {
                    return Turn::More;
                }
            }
            self.right_records -= right.len();
            return Turn::Done;
        }
        while let Some(record) = right.pop() {
            self.right_records -= 1;
            out.extend(J::right_alone(key, record));
            if out.is_full() && !right.is_empty() {
                return Turn::More;
            }
        }
        Turn::Done
    }
}

impl<K, L, R, J, M, N> TwoInput for AtEnd<K, L, R, J, M, N>
where
    K: Key,
    L: ExchangeData,
    R: ExchangeData,
    J: JoinKind<K, L, R>,
    M: Timeline,
    N: Timeline,
    M::Record<Keyed<K, L>>: Send,
    N::Record<Keyed<K, R>>: Send,
{
    type Left = M::Record<Keyed<K, L>>;
    type Right = N::Record<Keyed<K, R>>;
    type Out = J::Row;

    fn on_left(
        &mut self,
        batch: &mut Vec<Self::Left>,
        _out: &mut Output<'_, J::Row>,
    ) -> Result<(), Error> {
        self.left_records += batch.len();
        for record in batch.drain(..) {
            let (_, Keyed { hash, key, value }) = M::split(record);
            let at = self.keys.find_or_insert(hash, key, Sides::default);
            self.keys.entry_mut(at).state.left.push(value);
        }
        Ok(())
    }

    fn on_right(
        &mut self,
        batch: &mut Vec<Self::Right>,
        _out: &mut Output<'_, J::Row>,
    ) -> Result<(), Error> {
        self.right_records += batch.len();
        for record in batch.drain(..) {
            let (_, Keyed { hash, key, value }) = N::split(record);
            let at = self.keys.find_or_insert(hash, key, Sides::default);
            self.keys.entry_mut(at).state.right.push(J::keep(value));
        }
        Ok(())
    }

    fn on_input_end(&mut self, out: &mut Output<'_, J::Row>) -> Result<Turn, Error> {
        while self.next < self.keys.positions() {
            if self.keys.at(self.next).is_some() {
                if self.say(self.next, out) == Turn::More {
                    return Ok(Turn::More);
                }
                self.keys.remove_at(self.next);
            }
            self.next += 1;
        }
        Ok(Turn::Done)
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("records", &mut self.keys)
    }

    fn restored(&mut self) {
        self.left_records = self.keys.iter().map(|entry| entry.state.left.len()).sum();
        self.right_records = self.keys.iter().map(|entry| entry.state.right.len()).sum();
    }

    fn holdings(&self) -> Holdings {
        let left = self.left_records * size_of::<L>();
        let right = self.right_records * size_of::<J::Right>();
        Holdings {
            keys: self.keys.len(),
            records: self.left_records + self.right_records,
            bytes: self.keys.bytes() + left + right,
            ..Holdings::default()
        }
    }
}
