//! Accumulators by slice and key, and the accumulators of whole windows made of them.
//!
//! A window is a run of slices. What a window has in common with the one before it need not be
//! aggregated again:
//!
//! * Where the aggregate has an inverse, one running table is kept: the slices that a window has
//!   more than the last one are merged in, those that it has no more are taken out.
//! * Otherwise neighbouring slices are merged in pairs, the pairs in pairs, and so on, each once; a
//!   window of n slices is then made of at most 2 log2 n tables (a segment tree over slices).
//!
//! Only slices that are complete are merged; a late record is brought into whatever was made of
//! its slice.

use std::collections::BTreeMap;

use rheos_engine::{
    Entry, Error, Extent, GroupBuffers, Key, KeyedState, KeyedTable, Rewrite, Schema, StateChange,
    StateRecords, hash_key,
};

use super::aligned::Aligned;
use crate::Aggregate;

/// Accumulators by key.
pub(crate) type Table<K, A> = KeyedState<K, A>;

/// Accumulators that have left their table, with the places that were empty.
pub(crate) type Entries<K, A> = Vec<Option<Entry<K, A>>>;

/// What is kept of a window that moves on slice by slice.
struct Running<K, A> {
    /// The window's end.
    end: i64,
    /// The accumulators, and of how many slices each is made.
    table: Table<K, (A, u32)>,
}

/// The slices of a worker.
pub(crate) struct Slices<K, A: Aggregate> {
    aggregate: A,
    aligned: Aligned,
    /// Whether the aggregate has an inverse.
    has_inverse: bool,
    slices: BTreeMap<i64, Table<K, A::Acc>>,
    /// The slice that was used last, out of the map while it is in use.
    hot: Option<(i64, Table<K, A::Acc>)>,
    running: Option<Running<K, A::Acc>>,
    /// Merged slices by level and number: one at level n covers 2^n slices.
    merged: BTreeMap<(u32, i64), Table<K, A::Acc>>,
    /// The highest level at which slices are merged.
    levels: u32,
    /// Before this moment slices may be part of what was made of them.
    complete_before: i64,
    entries: usize,
    /// No window needs a slice before this one any more: what captures have stored of those is
    /// not restored.
    kept_from: i64,
    /// Tables of slices that are not needed any more except by the capture under way.
    leaving: Vec<Table<K, A::Acc>>,
    /// Emptied tables, for the slices to come.
    spare_tables: Vec<Table<K, A::Acc>>,
    /// The memory of the window that spoke last.
    spare_entries: Entries<K, A::Acc>,
}

/// Emptied tables that are kept at most.
const SPARE_TABLES: usize = 4;

impl<K: Key, A: Aggregate> Slices<K, A> {
    pub(crate) fn new(aggregate: A, aligned: Aligned) -> Self {
        let mut nothing = aggregate.create();
        let has_inverse = aggregate.unmerge(&mut nothing, &aggregate.create());
        Self {
            aggregate,
            aligned,
            has_inverse,
            slices: BTreeMap::new(),
            hot: None,
            running: None,
            merged: BTreeMap::new(),
            levels: aligned.slices_a_window().ilog2() + 1,
            complete_before: i64::MIN,
            entries: 0,
            kept_from: i64::MIN,
            leaving: Vec::new(),
            spare_tables: Vec::new(),
            spare_entries: Vec::new(),
        }
    }

    /// Brings records of a key into the slice that holds `time`.
    #[inline]
    pub(crate) fn add(&mut self, time: i64, hash: u64, key: K, acc: A::Acc) {
        let start = self.make_hot(time);
        if start < self.complete_before {
            self.amend(start, hash, &key, &acc);
        }
        let (_, table) = self.hot.as_mut().expect("a slice was made hot");
        let mut acc = Some(acc);
        let before = table.len();
        let at = table.find_or_insert(hash, key, || acc.take().expect("it is used once"));
        match acc {
            Some(acc) => self.aggregate.merge(&mut table.entry_mut(at).state, acc),
            None => self.entries += table.len() - before,
        }
    }

    /// Makes the slice that holds `time` the hot one and gives its beginning.
    #[inline]
    fn make_hot(&mut self, time: i64) -> i64 {
        if let Some((start, _)) = &self.hot
            && time >= *start
            && time - *start < self.aligned.slice()
        {
            return *start;
        }
        self.cool();
        let start = self.aligned.slice_of(time);
        let table = self.slices.remove(&start).or_else(|| self.spare_tables.pop());
        self.hot = Some((start, table.unwrap_or_default()));
        start
    }

    /// Puts the hot slice to the others.
    pub(crate) fn cool(&mut self) {
        if let Some((start, table)) = self.hot.take()
            && !table.is_empty()
        {
            self.slices.insert(start, table);
        }
    }

    /// Brings a late record into what has been made of its slice, which is the hot one.
    fn amend(&mut self, start: i64, hash: u64, key: &K, acc: &A::Acc) {
        let hot = self.hot.as_ref().map(|(_, table)| table);
        let is_new = hot.is_none_or(|table| table.find(hash, key).is_none());
        if let Some(Running { end, table }) = &mut self.running
            && (self.aligned.start_of(*end)..*end).contains(&start)
        {
            let aggregate = &self.aggregate;
            let at = table.find_or_insert(hash, key.clone(), || (aggregate.create(), 0));
            let (running, slices) = &mut table.entry_mut(at).state;
            aggregate.merge(running, acc.clone());
            *slices += u32::from(is_new);
        }
        let number = self.aligned.number_of(start);
        for level in 1..=self.levels {
            if let Some(table) = self.merged.get_mut(&(level, number >> level)) {
                merge_into(&self.aggregate, table, hash, key, acc);
            }
        }
    }

    /// The first slice that some window ending after `after` lies over.
    pub(crate) fn first_open(&self, after: i64) -> Option<i64> {
        let from = self.aligned.open_from(after);
        self.slices.range(from..).next().map(|(start, _)| *start)
    }

    /// Slices that are kept.
    pub(crate) fn len(&self) -> usize {
        self.slices.len() + usize::from(self.hot.is_some())
    }

    /// Accumulators that are kept for slices.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// Bytes of everything that is kept.
    pub(crate) fn bytes(&self) -> usize {
        let merged: usize = self.merged.values().map(KeyedState::bytes).sum();
        let running = self.running.as_ref().map_or(0, |running| running.table.bytes());
        let entry = size_of::<Entry<K, A::Acc>>();
        self.entries * entry + merged + running
    }

    /// Takes a slice out that no other window needs.
    pub(crate) fn take(&mut self, start: i64) -> Entries<K, A::Acc> {
        let Some(table) = self.slices.remove(&start) else { return Vec::new() };
        self.entries -= table.len();
        if table.is_captured() {
            let (entries, mut table) = table.into_parts();
            table.recycle(std::mem::take(&mut self.spare_entries));
            self.let_go(table);
            return entries;
        }
        let entries = table.iter().cloned().map(Some).collect();
        self.leaving.push(table);
        entries
    }

    /// The accumulators of the window that ends at `end`, all slices of which are complete.
    /// Windows are asked for in order.
    pub(crate) fn window(&mut self, end: i64) -> Entries<K, A::Acc> {
        self.complete_before = self.complete_before.max(end);
        let mut entries = std::mem::take(&mut self.spare_entries);
        if self.aligned.slices_a_window() == 1 {
            let table = self.slices.get(&self.aligned.start_of(end));
            entries.extend(table.into_iter().flat_map(KeyedState::iter).cloned().map(Some));
            return entries;
        }
        if self.has_inverse {
            let entry = |entry: &Entry<K, (A::Acc, u32)>| {
                let (acc, _) = entry.state.clone();
                Some(Entry { hash: entry.hash, key: entry.key.clone(), state: acc })
            };
            let running = self.advance_running(end);
            entries.reserve(running.len());
            entries.extend(running.iter().map(entry));
            return entries;
        }
        let (aggregate, mut window) = (self.aggregate.clone(), Table::default());
        window.recycle(entries);
        for node in self.cover(end) {
            if let Some(table) = self.node(node) {
                merge_table(&aggregate, &mut window, table);
            }
        }
        window.take_entries()
    }

    /// Takes back the memory of what a window has said.
    pub(crate) fn recycle(&mut self, mut entries: Entries<K, A::Acc>) {
        entries.clear();
        if entries.capacity() > self.spare_entries.capacity() {
            self.spare_entries = entries;
        }
    }

    /// Keeps the room of a table that nobody needs any more.
    fn let_go(&mut self, table: Table<K, A::Acc>) {
        if self.spare_tables.len() < SPARE_TABLES {
            self.spare_tables.push(table.emptied());
        }
    }

    /// What a key has come to in the window that ends at `end`, from its slices.
    pub(crate) fn of_key(&self, end: i64, hash: u64, key: &K) -> Option<A::Acc> {
        let mut sum: Option<A::Acc> = None;
        for (_, table) in self.slices.range(self.aligned.start_of(end)..end) {
            if let Some(acc) = table.get(hash, key) {
                match &mut sum {
                    Some(sum) => self.aggregate.merge(sum, acc.clone()),
                    None => sum = Some(acc.clone()),
                }
            }
        }
        sum
    }

    /// Forgets the slices that no window ending after `over` lies over, except those that must
    /// still be taken out of the running window.
    pub(crate) fn forget_before(&mut self, over: i64) {
        let open_from = self.aligned.open_from(over);
        self.kept_from = self.kept_from.max(open_from);
        if self.slices.last_key_value().is_none_or(|(last, _)| *last < open_from) {
            let slices = std::mem::take(&mut self.slices).into_values();
            self.leaving.extend(slices.filter(|table| !table.is_captured()));
            self.merged.clear();
            self.running = None;
            self.entries = 0;
            return;
        }
        let running = self.running.as_ref().map_or(i64::MAX, |r| self.aligned.start_of(r.end));
        let keep_from = open_from.min(running);
        while let Some(first) = self.slices.first_entry().filter(|f| *f.key() < keep_from) {
            let table = first.remove();
            self.entries -= table.len();
            match table.is_captured() {
                true => self.let_go(table),
                false => self.leaving.push(table),
            }
        }
        let number = i128::from(self.aligned.number_of(open_from));
        self.merged.retain(|(level, at), _| (i128::from(*at) + 1) << level > number);
    }

    /// Moves the running table to the window that ends at `end`.
    fn advance_running(&mut self, end: i64) -> &Table<K, (A::Acc, u32)> {
        let (aligned, aggregate) = (self.aligned, &self.aggregate);
        let began = aligned.start_of(end);
        let running = self.running.get_or_insert_with(|| Running { end, table: Table::default() });
        if running.table.is_empty() || began >= running.end {
            // Nothing in common with the last window.
            running.table = Table::default();
            running.end = began;
        } else {
            for (_, table) in self.slices.range(aligned.start_of(running.end)..began) {
                take_out(aggregate, &mut running.table, table);
            }
        }
        for (_, table) in self.slices.range(running.end.max(began)..end) {
            for entry in table.iter() {
                let first = || (aggregate.create(), 0);
                let at = running.table.find_or_insert(entry.hash.get(), entry.key.clone(), first);
                let (acc, slices) = &mut running.table.entry_mut(at).state;
                aggregate.merge(acc, entry.state.clone());
                *slices += 1;
            }
        }
        running.end = end;
        &running.table
    }

    /// The fewest merged slices that make up the window that ends at `end`.
    fn cover(&self, end: i64) -> Vec<(u32, i64)> {
        let mut from = self.aligned.number_of(self.aligned.start_of(end));
        let mut to = from + self.aligned.slices_a_window();
        let (mut level, mut nodes) = (0, Vec::new());
        while from < to {
            if from & 1 == 1 {
                nodes.push((level, from));
                from += 1;
            }
            if to & 1 == 1 {
                to -= 1;
                nodes.push((level, to));
            }
            (from, to, level) = (from >> 1, to >> 1, level + 1);
        }
        nodes
    }

    /// The accumulators of some merged slices, made of two halves when they are first needed.
    fn node(&mut self, (level, at): (u32, i64)) -> Option<&Table<K, A::Acc>> {
        if level == 0 {
            return self.slices.get(&self.aligned.start_of_number(at));
        }
        if !self.merged.contains_key(&(level, at)) {
            let (aggregate, mut table) = (self.aggregate.clone(), Table::default());
            for half in [2 * at, 2 * at + 1] {
                if let Some(half) = self.node((level - 1, half)) {
                    merge_table(&aggregate, &mut table, half);
                }
            }
            self.merged.insert((level, at), table);
        }
        self.merged.get(&(level, at))
    }

    /// The first slice that is kept for windows, which is restored before the slices are.
    pub(crate) fn kept_from_mut(&mut self) -> &mut i64 {
        &mut self.kept_from
    }

    /// The state was restored: nothing has been made of the slices yet.
    pub(crate) fn restored(&mut self) {
        self.cool();
        self.entries = self.slices.values().map(KeyedState::len).sum();
    }
}

fn merge_into<K: Key, A: Aggregate>(
    aggregate: &A,
    table: &mut Table<K, A::Acc>,
    hash: u64,
    key: &K,
    acc: &A::Acc,
) {
    match table.find(hash, key) {
        Some(at) => aggregate.merge(&mut table.entry_mut(at).state, acc.clone()),
        None => {
            let _ = table.find_or_insert(hash, key.clone(), || acc.clone());
        }
    }
}

fn merge_table<K: Key, A: Aggregate>(
    aggregate: &A,
    into: &mut Table<K, A::Acc>,
    from: &Table<K, A::Acc>,
) {
    for entry in from.iter() {
        merge_into(aggregate, into, entry.hash.get(), &entry.key, &entry.state);
    }
}

/// Takes a slice that leaves out of a running window.
fn take_out<K: Key, A: Aggregate>(
    aggregate: &A,
    running: &mut Table<K, (A::Acc, u32)>,
    leaving: &Table<K, A::Acc>,
) {
    for entry in leaving.iter() {
        let at = running.find(entry.hash.get(), &entry.key);
        let at = at.expect("what leaves a window had come into it");
        let (acc, slices) = &mut running.entry_mut(at).state;
        let taken = aggregate.unmerge(acc, &entry.state);
        assert!(taken, "an aggregate that has an inverse has it for every accumulator");
        *slices -= 1;
        if *slices == 0 {
            running.remove_at(at);
        }
    }
}

impl<K: Key, A: Aggregate> KeyedTable for Slices<K, A> {
    /// What was made of the slices follows from them and is not captured.
    fn begin_capture(&mut self, extent: Extent) {
        self.leaving.clear();
        let slices = self.slices.iter_mut().map(|(start, table)| (*start, table));
        let hot = self.hot.iter_mut().map(|(start, table)| (*start, table));
        for (start, table) in slices.chain(hot).filter(|(start, _)| *start >= self.kept_from) {
            table.begin_capture_of(start, extent);
        }
    }

    fn capture(&mut self, bytes: usize, into: &mut GroupBuffers) -> Result<bool, Error> {
        let enough = into.bytes().saturating_add(bytes);
        while let Some(table) = self.leaving.last_mut() {
            if !table.capture(enough.saturating_sub(into.bytes()), into)? {
                return Ok(false);
            }
            self.leaving.pop();
        }
        let hot = self.hot.iter_mut().map(|(_, table)| table);
        for table in self.slices.values_mut().chain(hot) {
            if !table.capture(enough.saturating_sub(into.bytes()), into)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How the entries spread over the slices is not known before they come.
    fn reserve(&mut self, _entries: usize) {}

    fn restore(
        &mut self,
        bytes: &[u8],
        keep: &dyn Fn(u64) -> bool,
        rewrite: &Rewrite,
    ) -> Result<(), Error> {
        let mut records = StateRecords::new(bytes)?;
        while let Some(change) = records.next_change()? {
            let start: i64 = records.read()?;
            let key: K = records.read()?;
            let hash = hash_key(&key);
            let acc = match change {
                StateChange::Put => Some(records.read_rewritten(rewrite)?),
                StateChange::Remove => None,
            };
            if start < self.kept_from || !keep(hash) {
                continue;
            }
            let table = self.restoring(start);
            match acc {
                Some(acc) => table.put(hash, key, acc),
                None => drop(table.remove(hash, &key)),
            }
        }
        Ok(())
    }

    fn schema_before(&self, rewrite: &Rewrite) -> Schema {
        Schema::table(&Schema::of::<(i64, K)>(), &rewrite.schema_before::<A::Acc>())
    }
}

impl<K: Key, A: Aggregate> Slices<K, A> {
    /// The table of a slice that is being restored: mostly that of the record before.
    fn restoring(&mut self, start: i64) -> &mut Table<K, A::Acc> {
        if self.hot.as_ref().is_some_and(|(hot, _)| *hot != start) {
            self.cool();
        }
        let slices = &mut self.slices;
        let of_start = || (start, slices.remove(&start).unwrap_or_default());
        &mut self.hot.get_or_insert_with(of_start).1
    }
}
