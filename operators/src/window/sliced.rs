//! The operator behind windows at fixed places that answer when their time has come: they share
//! slices.

use std::collections::BTreeMap;
use std::sync::Arc;

use rheos_engine::{
    Entry, EpochEnd, Error, EventTime, ExchangeData, Holdings, Key, Keyed, KeyedState, Operator,
    Output, ProcessingTime, Stamped, StateParts, Turn,
};

use super::aligned::{Aligned, placed};
use super::arrival::Arrival;
use super::clock::Domain;
use super::judged::Judged;
use super::pane::{Pane, PaneTiming, Window};
use super::slices::{Entries, Slices};
use super::windowed::Prepare;
use crate::Aggregate;
use crate::with_late::{Emitted, LateRecords};

/// A window in the middle of what it has to say.
struct Speaking<K, A> {
    end: i64,
    timing: PaneTiming,
    /// Its accumulators, and how many of them have spoken.
    entries: Entries<K, A>,
    said: usize,
}

impl<K, A> Speaking<K, A> {
    /// The next accumulator, if there is one left.
    #[inline]
    fn next(&mut self) -> Option<Entry<K, A>> {
        loop {
            let entry = self.entries.get_mut(self.said)?.take();
            self.said += 1;
            if entry.is_some() {
                return entry;
            }
        }
    }
}

/// Windows that share slices, for the keys of a worker.
pub(crate) struct SlicedWindows<K, V, A: Aggregate, P, L> {
    aggregate: A,
    prepare: P,
    aligned: Aligned,
    /// How long windows wait for late records, in milliseconds.
    lateness: i64,
    late: LateRecords<(K, V), L>,
    domain: Domain,
    slices: Slices<K, A>,
    judged: Arc<Judged>,
    /// The watermark at the start of the epoch.
    watermark: i64,
    /// Windows that end here or before have answered.
    answered: i64,
    /// Keys with late records in windows that have answered, by the window's end.
    amended: BTreeMap<i64, KeyedState<K, ()>>,
    speaking: Option<Speaking<K, A::Acc>>,
}

impl<K: Key, V, A: Aggregate, P, L> SlicedWindows<K, V, A, P, L> {
    pub(crate) fn new(
        aggregate: A,
        prepare: P,
        (aligned, lateness): (Aligned, i64),
        late: LateRecords<(K, V), L>,
        domain: Domain,
    ) -> Self {
        let slices = Slices::new(aggregate.clone(), aligned);
        Self {
            aggregate,
            prepare,
            aligned,
            lateness,
            late,
            domain,
            slices,
            judged: Arc::default(),
            watermark: i64::MIN,
            answered: i64::MIN,
            amended: BTreeMap::new(),
            speaking: None,
        }
    }

    /// Says to the combiner in front of it how far it is.
    pub(crate) fn judging(mut self, judged: Arc<Judged>) -> Self {
        self.judged = judged;
        self
    }

    /// The moment at which windows that end there or before are over for good.
    fn over(&self, watermark: i64) -> i64 {
        watermark.saturating_sub(self.lateness)
    }

    fn absorb(&mut self, time: i64, hash: u64, key: K, acc: A::Acc) {
        if self.lateness > 0 {
            self.note_amended(time, hash, &key);
        }
        self.slices.add(time, hash, key, acc);
    }

    /// Notes which windows have answered already and must answer again.
    fn note_amended(&mut self, time: i64, hash: u64, key: &K) {
        let slice = self.aligned.slice_of(time);
        if slice >= self.answered {
            return;
        }
        let over = self.over(self.watermark);
        let mut end = self.aligned.first_end(slice, over);
        while end <= self.answered && end <= self.aligned.last_end(slice) {
            let keys = self.amended.entry(end).or_default();
            let _ = keys.find_or_insert(hash, key.clone(), || ());
            end = self.aligned.first_end(slice, end);
        }
    }

    /// What a window says to begin with: late answers first, then the next window in time.
    fn next_to_speak(&mut self, watermark: i64) -> Option<Speaking<K, A::Acc>> {
        if let Some((end, keys)) = self.amended.pop_first() {
            let slices = &self.slices;
            let of_keys = keys.iter().filter_map(|Entry { hash, key, .. }| {
                let state = slices.of_key(end, hash.get(), key)?;
                Some(Some(Entry { hash: *hash, key: key.clone(), state }))
            });
            let entries = of_keys.collect();
            return Some(Speaking { end, timing: PaneTiming::Late, entries, said: 0 });
        }
        let slice = self.slices.first_open(self.answered)?;
        let end = self.aligned.first_end(slice, self.answered);
        if end > watermark {
            return None;
        }
        self.answered = end;
        // The only slice of a window that waits for nobody is not needed any more.
        let is_last = self.aligned.slices_a_window() == 1 && self.lateness == 0;
        let entries = if is_last {
            self.slices.take(slice)
        } else {
            let entries = self.slices.window(end);
            self.slices.forget_before(self.over(end));
            entries
        };
        Some(Speaking { end, timing: PaneTiming::OnTime, entries, said: 0 })
    }
}

/// What leaves the operator.
type Out<K, L, A> = Stamped<Emitted<Pane<K, <A as Aggregate>::Out>, L>>;

impl<K, V, A, P, L> Operator for SlicedWindows<K, V, A, P, L>
where
    K: Key,
    V: ExchangeData,
    A: Aggregate,
    P: Prepare<V, A>,
    L: Send + 'static,
{
    type In = Stamped<Keyed<K, Arrival<V, A::Acc>>>;
    type Out = Out<K, L, A>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        let open_from = self.aligned.open_from(self.over(self.watermark));
        for Stamped { time, value: Keyed { hash, key, value } } in batch.drain(..) {
            let millis = placed(time);
            match value {
                Arrival::Combined(acc) => self.absorb(millis, hash, key, acc),
                // What falls between windows belongs to none and cannot be late for one.
                Arrival::Record(_) if !self.aligned.is_covered(self.aligned.slice_of(millis)) => {}
                Arrival::Record(value) if millis < open_from => {
                    self.late.take(time, || (key, *value), out);
                }
                Arrival::Record(value) => {
                    let mut acc = self.aggregate.create();
                    self.aggregate.add(&mut acc, (self.prepare)(time, *value));
                    self.absorb(millis, hash, key, acc);
                }
            }
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        end: EpochEnd,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        self.slices.cool();
        let (epoch, watermark) = (end.epoch, end.watermark.as_millis());
        loop {
            if self.speaking.is_none() {
                self.speaking = self.next_to_speak(watermark);
            }
            let Some(speaking) = &mut self.speaking else { break };
            let (end, timing) = (speaking.end, speaking.timing);
            let window = Window {
                start: EventTime::from_millis(self.aligned.start_of(end)),
                end: EventTime::from_millis(end),
            };
            let time = EventTime::from_millis(end.saturating_sub(1));
            while let Some(Entry { key, state, .. }) = speaking.next() {
                let value = self.aggregate.finish(&state);
                let pane = Pane { key, window, timing, value };
                out.push(Stamped { time, value: Emitted::Result(pane) });
                if out.is_full() {
                    return Ok(Turn::More);
                }
            }
            if let Some(Speaking { entries, .. }) = self.speaking.take() {
                self.slices.recycle(entries);
            }
        }
        self.watermark = watermark;
        self.judged.reach(epoch, watermark);
        self.answered = self.answered.max(watermark);
        self.slices.forget_before(self.over(watermark));
        Ok(Turn::Done)
    }

    fn deadline(&self) -> Option<ProcessingTime> {
        let slice = self.slices.first_open(self.answered)?;
        self.domain.deadline(self.aligned.first_end(slice, self.answered))
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.broadcast("answered", &mut self.answered)?;
        parts.broadcast("kept from", self.slices.kept_from_mut())?;
        parts.keyed("slices", &mut self.slices)
    }

    fn restored(&mut self) {
        self.slices.restored();
        self.watermark = self.answered;
    }

    fn holdings(&self) -> Holdings {
        Holdings {
            windows: self.slices.len(),
            records: self.slices.entries(),
            bytes: self.slices.bytes(),
            ..Holdings::default()
        }
    }
}
