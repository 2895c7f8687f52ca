//! Combines the records of each key and slice into accumulators before they travel to the key's
//! worker.
//!
//! As the combiner of ordinary aggregates it holds a bounded number of keys, gives them up at the
//! end of each epoch, and steps aside where it does not reduce. What it must not combine is what
//! may be late, because a late record is a record again: it lets such records pass as they are. So
//! it does with all records of a worker that has been idle, and of one whose job goes on from a
//! checkpoint, until it knows how far the watermark has gone on without it (see `judged`).

use std::sync::Arc;
use std::vec::Drain;

use rheos_engine::{
    Consumer, Entry, Epoch, EventTime, Flush, Key, Keyed, KeyedState, Limits, Next, Run, Stamped,
};

use super::aligned::{Aligned, placed};
use super::arrival::Arrival;
use super::judged::Judged;
use super::windowed::Prepare;
use crate::Aggregate;
use crate::aggregate::Reduction;

/// What leaves the stage.
type Sent<K, V, A> = Stamped<Keyed<K, Arrival<V, A>>>;

/// A stage in front of an exchange by key to windows that share slices.
pub(crate) struct SliceCombiner<K, V: 'static, A: Aggregate, P> {
    aggregate: A,
    prepare: P,
    aligned: Aligned,
    /// How long windows wait for late records, in milliseconds.
    lateness: i64,
    /// The accumulators of the slices that this epoch has had records of.
    slices: Vec<(i64, KeyedState<K, A::Acc>)>,
    /// Tables to be used again.
    spare_tables: Vec<KeyedState<K, A::Acc>>,
    /// The place of the slice that the last record belonged to.
    last: usize,
    /// Keys in all tables, and how many there may be.
    keys: usize,
    most_keys: usize,
    reduction: Reduction,
    /// The highest watermark of this worker.
    promised: i64,
    /// The first moment that belongs to no window that may be over; never goes back, except from
    /// the end of time, where it is while nobody knows.
    open_from: i64,
    behind: Behind,
    /// Whether it has asked if its job goes on from a checkpoint.
    has_begun: bool,
    judged: Arc<Judged>,
    /// What is on its way; empty between calls.
    sent: Vec<Sent<K, V, A::Acc>>,
    /// Arrivals in a batch.
    target: usize,
    next: Next<Sent<K, V, A::Acc>>,
}

impl<K: Key, V: 'static, A: Aggregate, P: Prepare<V, A>> SliceCombiner<K, V, A, P> {
    pub(crate) fn new(
        aggregate: A,
        prepare: P,
        (aligned, lateness): (Aligned, i64),
        limits: &Limits,
        next: Next<Sent<K, V, A::Acc>>,
    ) -> Self {
        Self {
            aggregate,
            prepare,
            aligned,
            lateness,
            slices: Vec::new(),
            spare_tables: Vec::new(),
            last: 0,
            keys: 0,
            most_keys: limits.combiner_keys,
            reduction: Reduction::default(),
            promised: i64::MIN,
            open_from: i64::MIN,
            behind: Behind::No,
            has_begun: false,
            judged: Arc::default(),
            sent: Vec::new(),
            target: limits.records_per_batch::<Sent<K, V, A::Acc>>(),
            next,
        }
    }

    /// Lets the windows behind it say how far they are.
    pub(crate) fn judged_by(mut self, judged: Arc<Judged>) -> Self {
        self.judged = judged;
        self
    }

    /// Before anything else: in a job that goes on from a checkpoint, the windows are further than
    /// this stage, which begins anew and does not know how far.
    #[inline]
    fn begin(&mut self, run: &Run) {
        if !std::mem::replace(&mut self.has_begun, true) && run.is_restored() {
            self.behind = Behind::Since(Epoch(run.epoch.0.saturating_sub(1)));
            self.open_from = i64::MAX;
        }
    }

    /// Finds out from when on windows are open: those that end after `over`.
    fn open_after(&mut self, watermark: i64) {
        // A window is over when the watermark is past its end by the allowed lateness: moments
        // from the start of the first window on that is not over cannot be late.
        let over = watermark.saturating_sub(self.lateness);
        self.open_from = self.aligned.open_from(over);
    }

    /// Combines again if the windows have said meanwhile how far the others went on.
    fn catch_up(&mut self) {
        if let Behind::Since(epoch) = self.behind
            && let Some(reached) = self.judged.reached(epoch)
        {
            self.behind = Behind::No;
            self.promised = self.promised.max(reached);
            self.open_after(self.promised);
        }
    }

    /// The place of the slice that holds a moment, if a window lies over it.
    #[inline]
    fn slice_at(&mut self, time: i64, run: &mut Run) -> Option<usize> {
        let length = self.aligned.slice();
        let holds = |start: i64| time >= start && time - start < length;
        if self.slices.get(self.last).is_some_and(|(start, _)| holds(*start)) {
            return Some(self.last);
        }
        if let Some(at) = self.slices.iter().position(|(start, _)| holds(*start)) {
            self.last = at;
            return Some(at);
        }
        let start = self.aligned.slice_of(time);
        if !self.aligned.is_covered(start) {
            return None;
        }
        if self.slices.len() >= MOST_SLICES {
            self.give_up(run);
        }
        let table = self.spare_tables.pop().unwrap_or_default();
        self.slices.push((start, table));
        self.last = self.slices.len() - 1;
        Some(self.last)
    }

    fn combine(&mut self, batch: &mut Vec<Stamped<Keyed<K, V>>>, run: &mut Run) {
        let count = batch.len();
        let mut new_keys = 0;
        let mut records = batch.drain(..);
        while let Some(first) = records.as_slice().first() {
            let moment = placed(first.time);
            let slice = match moment < self.open_from {
                true => None,
                false => self.slice_at(moment, run),
            };
            if let Some(at) = slice {
                new_keys += self.combine_run(at, &mut records);
                if self.keys >= self.most_keys {
                    self.give_up(run);
                }
            } else if let Some(Stamped { time, value: Keyed { hash, key, value } }) = records.next()
                && moment < self.open_from
            {
                self.send(time, hash, key, Arrival::Record(Box::new(value)), run);
            }
        }
        drop(records);
        self.reduction = self.reduction.combined(count, new_keys);
        if !self.reduction.combines() {
            self.give_up(run);
        }
    }

    /// Combines the records that stand first and belong to one slice, until there are too many
    /// keys. Gives how many keys are new.
    fn combine_run(&mut self, at: usize, records: &mut Drain<'_, Stamped<Keyed<K, V>>>) -> usize {
        let (start, table) = &mut self.slices[at];
        let (from, to) = ((*start).max(self.open_from), start.saturating_add(self.aligned.slice()));
        let is_within = |record: &Stamped<Keyed<K, V>>| {
            let moment = placed(record.time);
            moment >= from && moment < to
        };
        let run = records.as_slice().iter().position(|record| !is_within(record));
        let behind = run.map_or(0, |length| records.len() - length);
        let before = table.len();
        let room = self.most_keys - self.keys.min(self.most_keys);
        while records.len() > behind
            && table.len() - before < room
            && let Some(Stamped { time, value: Keyed { hash, key, value } }) = records.next()
        {
            let entry = table.find_or_insert(hash, key, || self.aggregate.create());
            let acc = &mut table.entry_mut(entry).state;
            self.aggregate.add(acc, (self.prepare)(time, value));
            // A type without size has one value: a whole stream has one key, and needs one look.
            if size_of::<K>() == 0 {
                let rest = records.len() - behind;
                for Stamped { time, value } in records.by_ref().take(rest) {
                    self.aggregate.add(acc, (self.prepare)(time, value.value));
                }
            }
        }
        let new = table.len() - before;
        self.keys += new;
        new
    }

    fn let_pass(&mut self, batch: &mut Vec<Stamped<Keyed<K, V>>>, run: &mut Run) {
        self.reduction = self.reduction.passed(batch.len());
        if self.aligned.has_gaps() {
            let slice = |time: EventTime| self.aligned.slice_of(placed(time));
            batch.retain(|record| self.aligned.is_covered(slice(record.time)));
        }
        for Stamped { time, value: Keyed { hash, key, value } } in batch.drain(..) {
            let arrival = if placed(time) < self.open_from {
                Arrival::Record(Box::new(value))
            } else {
                let mut acc = self.aggregate.create();
                self.aggregate.add(&mut acc, (self.prepare)(time, value));
                Arrival::Combined(acc)
            };
            self.send(time, hash, key, arrival, run);
        }
    }

    #[inline]
    fn send(
        &mut self,
        time: EventTime,
        hash: u64,
        key: K,
        value: Arrival<V, A::Acc>,
        run: &mut Run,
    ) {
        self.sent.push(Stamped { time, value: Keyed { hash, key, value } });
        if self.sent.len() >= self.target {
            self.next.batch(&mut self.sent, run);
        }
    }

    fn hand_on(&mut self, run: &mut Run) {
        if !self.sent.is_empty() {
            self.next.batch(&mut self.sent, run);
        }
    }

    /// Hands everything on, in batches, and keeps the memory.
    fn give_up(&mut self, run: &mut Run) {
        self.keys = 0;
        self.last = 0;
        while let Some((start, mut table)) = self.slices.pop() {
            let mut entries = table.take_entries();
            for Entry { hash, key, state } in entries.drain(..).flatten() {
                let time = EventTime::from_millis(start);
                self.send(time, hash.get(), key, Arrival::Combined(state), run);
            }
            table.recycle(entries);
            self.spare_tables.push(table);
        }
        self.spare_tables.truncate(SPARE_TABLES);
    }
}

/// Whether the others may have gone on without this worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    No,
    /// They do: it is idle.
    Idle,
    /// They did: it was idle when this epoch ended, or the job was left then, and it is waited for
    /// since.
    Since(Epoch),
}

/// Slices that a combiner holds at the same time: it looks through them one by one.
const MOST_SLICES: usize = 64;

/// Emptied tables that are kept for the slices of the next epoch.
const SPARE_TABLES: usize = 8;

impl<K: Key, V: 'static, A: Aggregate, P: Prepare<V, A>> Consumer<Stamped<Keyed<K, V>>>
    for SliceCombiner<K, V, A, P>
{
    fn batch(&mut self, batch: &mut Vec<Stamped<Keyed<K, V>>>, run: &mut Run) {
        self.begin(run);
        self.catch_up();
        if self.reduction.combines() {
            self.combine(batch, run);
        } else {
            self.let_pass(batch, run);
        }
        self.hand_on(run);
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        if flush == Flush::EpochEnd {
            self.give_up(run);
            self.hand_on(run);
        }
        self.next.flush(flush, run);
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.begin(run);
        // A split that comes back may take a promise back, but nobody opens a window again for it.
        self.promised = self.promised.max(watermark.as_millis());
        self.behind = match (run.is_idle(), self.behind) {
            (true, _) => Behind::Idle,
            (false, Behind::Idle) => Behind::Since(Epoch(run.epoch.0.saturating_sub(1))),
            (false, behind) => behind,
        };
        match self.behind {
            Behind::No => self.open_after(self.promised),
            Behind::Idle | Behind::Since(_) => self.open_from = i64::MAX,
        }
        self.next.watermark(watermark, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.next.end(run);
    }
}
