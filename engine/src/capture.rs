//! Captures the state of one step on one worker, piece by piece while the step goes on.
//!
//! Values are written when a capture begins; tables note then what they are, and are written as
//! the capture is advanced. What is ready is taken in sections, which is what files hold.

use serde::{Deserialize, Serialize};

use crate::state::GroupBuffers;
use crate::state_parts::{KeyedTable, Spread, StateParts, Value, Walk, declared, sealed};
use crate::{Error, ErrorKind};

/// So many bytes are a slice of a capture between two batches: a millisecond or so of work. Less
/// would draw the capture out, and an entry that is changed before it is captured costs more.
pub(crate) const SLICE_BYTES: usize = 1 << 20;

/// So many bytes of a capture are collected by group before they are given out as sections.
const COLLECTED_BYTES: usize = 4 << 20;

/// How much a capture takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Extent {
    /// Everything.
    Whole,
    /// What has changed since the capture before.
    Changes,
}

/// How a piece of state is spread over workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SectionKind {
    /// Entries of one key group, which belong to the worker that owns it.
    Keyed {
        /// The group.
        group: u16,
    },
    /// State of the whole step, for worker 0.
    Singleton,
    /// State that every worker has a copy of.
    Broadcast,
}

/// A piece of the captured state of one step on one worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The part of the operator's state that it belongs to.
    pub part: String,
    /// How the part is spread over workers.
    pub kind: SectionKind,
    /// Entries that it puts; 1 where it is one value.
    pub entries: u64,
    /// The state, in the part's own encoding.
    pub bytes: Vec<u8>,
}

/// The capture of the state of one step on one worker.
#[derive(Debug)]
pub(crate) struct Capture {
    tables: Vec<TableCapture>,
    ready: Vec<Section>,
}

/// A keyed part of which something is still to be captured.
#[derive(Debug)]
struct TableCapture {
    part: String,
    collected: GroupBuffers,
    is_complete: bool,
}

impl Capture {
    /// Begins to capture the state as it is now: between two epochs.
    ///
    /// # Errors
    /// When a value cannot be serialized, or two parts have one name.
    pub(crate) fn begin(worker: usize, extent: Extent, walk: &mut Walk<'_>) -> Result<Self, Error> {
        declared(walk)?;
        let mut capture = Self { tables: Vec::new(), ready: Vec::new() };
        walk(&mut Begin { capture: &mut capture, worker, extent })?;
        Ok(capture)
    }

    /// Captures only what every worker has a copy of.
    ///
    /// # Errors
    /// When a value cannot be serialized, or two parts have one name.
    pub(crate) fn of_copies(worker: usize, walk: &mut Walk<'_>) -> Result<Self, Error> {
        declared(walk)?;
        let mut capture = Self { tables: Vec::new(), ready: Vec::new() };
        walk(&mut Copies { capture: &mut capture, worker })?;
        Ok(capture)
    }

    /// Writes about `bytes` bytes more, and at least one entry; says whether everything is
    /// captured.
    ///
    /// # Errors
    /// When a key or a state cannot be serialized.
    pub(crate) fn advance(&mut self, bytes: usize, walk: &mut Walk<'_>) -> Result<bool, Error> {
        if !self.is_complete() {
            walk(&mut Advance { capture: self, left: bytes.max(1) })?;
        }
        let is_complete = self.is_complete();
        let collected: usize = self.tables.iter().map(|table| table.collected.bytes()).sum();
        if is_complete || collected >= COLLECTED_BYTES {
            self.give_out();
        }
        Ok(is_complete)
    }

    /// Whether everything is captured.
    pub(crate) fn is_complete(&self) -> bool {
        self.tables.iter().all(|table| table.is_complete)
    }

    /// Takes the sections that are ready. A group may come in several, in order.
    pub(crate) fn take(&mut self) -> Vec<Section> {
        std::mem::take(&mut self.ready)
    }

    /// Writes a value, of which that of worker 0 is enough.
    fn write(
        &mut self,
        worker: usize,
        part: &str,
        kind: SectionKind,
        value: &dyn Value,
    ) -> Result<(), Error> {
        if worker == 0 {
            let (part, bytes) = (part.to_owned(), value.save()?);
            self.ready.push(Section { part, kind, entries: 1, bytes });
        }
        Ok(())
    }

    /// Makes sections of what was collected.
    fn give_out(&mut self) {
        for TableCapture { part, collected, .. } in &mut self.tables {
            self.ready.extend(collected.take().map(|(group, entries, bytes)| {
                let kind = SectionKind::Keyed { group };
                Section { part: part.clone(), kind, entries, bytes }
            }));
        }
    }
}

/// Writes the broadcast values alone.
struct Copies<'a> {
    capture: &'a mut Capture,
    worker: usize,
}

impl sealed::Visitor for Copies<'_> {}

impl StateParts for Copies<'_> {
    fn keyed(&mut self, _name: &str, _table: &mut dyn KeyedTable) -> Result<(), Error> {
        Ok(())
    }

    fn singleton(&mut self, _name: &str, _value: &mut dyn Value) -> Result<(), Error> {
        Ok(())
    }

    fn broadcast(&mut self, name: &str, value: &mut dyn Value) -> Result<(), Error> {
        self.capture.write(self.worker, name, SectionKind::Broadcast, value)
    }
}

/// Writes the values and begins the tables.
struct Begin<'a> {
    capture: &'a mut Capture,
    worker: usize,
    extent: Extent,
}

impl sealed::Visitor for Begin<'_> {}

impl StateParts for Begin<'_> {
    fn keyed(&mut self, name: &str, table: &mut dyn KeyedTable) -> Result<(), Error> {
        table.begin_capture(self.extent);
        let (part, collected) = (name.to_owned(), GroupBuffers::default());
        self.capture.tables.push(TableCapture { part, collected, is_complete: false });
        Ok(())
    }

    fn singleton(&mut self, name: &str, value: &mut dyn Value) -> Result<(), Error> {
        self.capture.write(self.worker, name, SectionKind::Singleton, value)
    }

    fn broadcast(&mut self, name: &str, value: &mut dyn Value) -> Result<(), Error> {
        self.capture.write(self.worker, name, SectionKind::Broadcast, value)
    }
}

/// Goes on with the tables, in the order in which they are declared.
struct Advance<'a> {
    capture: &'a mut Capture,
    left: usize,
}

impl sealed::Visitor for Advance<'_> {}

impl StateParts for Advance<'_> {
    fn keyed(&mut self, name: &str, table: &mut dyn KeyedTable) -> Result<(), Error> {
        let capture = self.capture.tables.iter_mut().find(|capture| capture.part == name);
        let Some(capture) = capture else {
            let attempted = format!("capture the part `{name}` of the state of a step");
            let reason = "it was not declared when the capture began";
            return Err(Error::new(ErrorKind::UserCode, attempted, reason)
                .advise("an operator must always declare the same parts"));
        };
        if !capture.is_complete && self.left > 0 {
            let before = capture.collected.bytes();
            capture.is_complete = table.capture(self.left, &mut capture.collected)?;
            self.left = self.left.saturating_sub(capture.collected.bytes() - before);
        }
        Ok(())
    }

    fn singleton(&mut self, _name: &str, _value: &mut dyn Value) -> Result<(), Error> {
        Ok(())
    }

    fn broadcast(&mut self, _name: &str, _value: &mut dyn Value) -> Result<(), Error> {
        Ok(())
    }
}

impl SectionKind {
    /// The kind without the group.
    #[must_use]
    pub fn spread(self) -> Spread {
        match self {
            SectionKind::Keyed { .. } => Spread::Keyed,
            SectionKind::Singleton => Spread::Singleton,
            SectionKind::Broadcast => Spread::Broadcast,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyedState, hash_key};

    /// Two tables and two values.
    #[derive(Default)]
    struct Held {
        counts: KeyedState<u64, u64>,
        names: KeyedState<u64, String>,
        total: u64,
        rate: u64,
    }

    impl Held {
        fn new(keys: u64, name: &str) -> Self {
            let mut held = Self { total: 7, rate: 9, ..Self::default() };
            for key in 0..keys {
                held.counts.put(hash_key(&key), key, key);
                held.names.put(hash_key(&key), key, name.to_owned());
            }
            held
        }

        fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
            parts.keyed("counts", &mut self.counts)?;
            parts.singleton("total", &mut self.total)?;
            parts.keyed("names", &mut self.names)?;
            parts.broadcast("rate", &mut self.rate)
        }
    }

    /// How many entries a part has in sections.
    fn entries(sections: &[Section], part: &str) -> u64 {
        sections.iter().filter(|s| s.part == part).map(|section| section.entries).sum()
    }

    #[test]
    fn values_are_ready_at_once_and_tables_slice_by_slice() {
        let mut held = Held::new(100, "somebody");
        let mut capture = Capture::begin(0, Extent::Whole, &mut |parts| held.state(parts)).unwrap();
        let values = capture.take();
        let names: Vec<&str> = values.iter().map(|section| section.part.as_str()).collect();
        assert_eq!(names, ["total", "rate"]);
        (held.total, held.rate) = (0, 0);
        let mut slices = 0;
        while !capture.advance(100, &mut |parts| held.state(parts)).unwrap() {
            assert!(capture.take().is_empty(), "little is collected until the end");
            slices += 1;
        }
        assert!(slices > 10, "{slices} slices of some 2000 bytes");
        let tables = capture.take();
        assert_eq!((entries(&tables, "counts"), entries(&tables, "names")), (100, 100));
        assert!(capture.advance(100, &mut |parts| held.state(parts)).unwrap());
        assert!(capture.take().is_empty(), "nothing comes twice");
    }

    #[test]
    fn of_what_has_ended_only_the_copies_are_captured() {
        let mut held = Held::new(10, "somebody");
        let mut capture = Capture::of_copies(0, &mut |parts| held.state(parts)).unwrap();
        assert!(capture.is_complete());
        assert!(capture.advance(1, &mut |parts| held.state(parts)).unwrap());
        let names: Vec<String> = capture.take().into_iter().map(|section| section.part).collect();
        assert_eq!(names, ["rate"]);
        let capture = Capture::of_copies(1, &mut |parts| held.state(parts));
        assert!(capture.unwrap().take().is_empty());
    }

    #[test]
    fn only_worker_0_captures_what_is_not_keyed() {
        let mut held = Held::new(1, "somebody");
        let capture = Capture::begin(1, Extent::Whole, &mut |parts| held.state(parts));
        assert!(capture.unwrap().take().is_empty());
    }

    #[test]
    fn no_more_is_collected_than_the_bound() {
        let name = "n".repeat(10_000);
        let mut held = Held::new(2_000, &name);
        let mut capture = Capture::begin(0, Extent::Whole, &mut |parts| held.state(parts)).unwrap();
        drop(capture.take());
        let (mut most, mut names) = (0, 0);
        loop {
            let is_complete = capture.advance(100_000, &mut |parts| held.state(parts)).unwrap();
            most = most.max(capture.tables.iter().map(|table| table.collected.bytes()).sum());
            names += entries(&capture.take(), "names");
            if is_complete {
                break;
            }
        }
        assert!(most < COLLECTED_BYTES && most > COLLECTED_BYTES / 2, "{most} bytes");
        assert_eq!(names, 2_000);
    }

    #[test]
    fn parts_have_names_of_their_own_and_stay() {
        let mut one = KeyedState::<u64, u64>::default();
        let mut other = KeyedState::<u64, u64>::default();
        let twice = Capture::begin(0, Extent::Whole, &mut |parts| {
            parts.keyed("keys", &mut one)?;
            parts.keyed("keys", &mut other)
        });
        assert!(twice.unwrap_err().to_string().contains("`keys`"));
        let mut capture =
            Capture::begin(0, Extent::Whole, &mut |parts| parts.keyed("one", &mut one)).unwrap();
        let other = capture.advance(1, &mut |parts| parts.keyed("other", &mut other));
        assert!(other.unwrap_err().to_string().contains("`other`"));
    }
}
