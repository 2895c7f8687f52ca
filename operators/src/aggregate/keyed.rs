//! The steps that keep an accumulator for each key: one says what changed, one says all at the end.

use rheos_engine::{
    Entry, EpochEnd, Error, Holdings, Key, Keyed, KeyedState, Operator, Output, StateParts, Turn,
};
use serde::{Deserialize, Serialize};

use super::Absorb;

/// What is remembered of a key whose changes are reported.
#[derive(Serialize, Deserialize)]
struct Watched<A> {
    acc: A,
    /// Whether its position is in the list of changes. Between epochs nothing is.
    #[serde(skip)]
    changed: bool,
}

/// Says, at the end of each epoch, what the keys that changed have come to.
pub(crate) struct KeyedUpdates<K, I: Absorb> {
    how: I,
    keys: KeyedState<K, Watched<I::Acc>>,
    /// Positions of the keys that changed in this epoch, each once.
    changes: Vec<usize>,
    /// How many of them have been reported.
    reported: usize,
}

impl<K: Key, I: Absorb> KeyedUpdates<K, I> {
    pub(crate) fn new(how: I) -> Self {
        Self { how, keys: KeyedState::default(), changes: Vec::new(), reported: 0 }
    }
}

impl<K: Key, I: Absorb> Operator for KeyedUpdates<K, I> {
    type In = Keyed<K, I::In>;
    type Out = (K, I::Out);

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        _out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for Keyed { hash, key, value } in batch.drain(..) {
            let mut value = Some(value);
            let first = || {
                let value = value.take().expect("a record is taken once");
                Watched { acc: self.how.start(value), changed: false }
            };
            let at = self.keys.find_or_insert(hash, key, first);
            let watched = &mut self.keys.entry_mut(at).state;
            if let Some(value) = value {
                self.how.absorb(&mut watched.acc, value);
            }
            if !std::mem::replace(&mut watched.changed, true) {
                self.changes.push(at);
            }
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        _end: EpochEnd,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        while let Some(&at) = self.changes.get(self.reported) {
            if out.is_full() {
                return Ok(Turn::More);
            }
            let Entry { key, state, .. } = self.keys.entry_mut(at);
            state.changed = false;
            out.push((key.clone(), self.how.finish(&state.acc)));
            self.reported += 1;
        }
        self.changes.clear();
        self.reported = 0;
        Ok(Turn::Done)
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("keys", &mut self.keys)
    }

    fn holdings(&self) -> Holdings {
        Holdings { keys: self.keys.len(), bytes: self.keys.bytes(), ..Holdings::default() }
    }
}

/// Entries that are still to be said.
type Rest<K, S> = std::iter::Flatten<std::vec::IntoIter<Option<Entry<K, S>>>>;

/// Says what every key has come to when the input has ended.
pub(crate) struct KeyedAtEnd<K, I: Absorb> {
    how: I,
    keys: KeyedState<K, I::Acc>,
    /// What is still to be said, once the input has ended.
    rest: Option<Rest<K, I::Acc>>,
}

impl<K: Key, I: Absorb> KeyedAtEnd<K, I> {
    pub(crate) fn new(how: I) -> Self {
        Self { how, keys: KeyedState::default(), rest: None }
    }
}

impl<K: Key, I: Absorb> Operator for KeyedAtEnd<K, I> {
    type In = Keyed<K, I::In>;
    type Out = (K, I::Out);

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        _out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for Keyed { hash, key, value } in batch.drain(..) {
            let mut value = Some(value);
            let first = || self.how.start(value.take().expect("a record is taken once"));
            let at = self.keys.find_or_insert(hash, key, first);
            if let Some(value) = value {
                self.how.absorb(&mut self.keys.entry_mut(at).state, value);
            }
        }
        Ok(())
    }

    fn on_input_end(&mut self, out: &mut Output<'_, Self::Out>) -> Result<Turn, Error> {
        let rest = self.rest.get_or_insert_with(|| self.keys.take_entries().into_iter().flatten());
        while !out.is_full() {
            let Some(Entry { key, state, .. }) = rest.next() else { return Ok(Turn::Done) };
            out.push((key, self.how.finish(&state)));
        }
        Ok(Turn::More)
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("keys", &mut self.keys)
    }

    fn holdings(&self) -> Holdings {
        Holdings { keys: self.keys.len(), bytes: self.keys.bytes(), ..Holdings::default() }
    }
}
