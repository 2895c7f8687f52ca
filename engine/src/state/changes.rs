//! What a table notes of its changes once it has been captured for the first time, so that it can
//! be captured while it goes on changing, and so that the next capture takes only what changed.
//!
//! A capture takes the table as it was when the capture began. Entries that it has still to write
//! are *pending*; whoever is about to change one of them saves it first. An entry that was changed
//! since the capture began is *dirty*. What captures have taken is *known*: only of those keys it
//! needs to be said that they were removed.

use serde::Serialize;

use super::keyed::Entry;
use super::marks::{Marks, place};
use super::records::{self, GroupBuffers, RecordLog};
use crate::key::key_group;
use crate::{Error, Extent};

type Written = postcard::Result<()>;

/// What a table notes of its changes.
#[derive(Debug)]
pub(super) struct Changes<K, S> {
    /// By position, 64 in each. There are none before the first capture, which is all that a
    /// change costs then; later ones reach as far as there are entries.
    marks: Vec<Mark>,
    log: Option<Box<Log<K, S>>>,
}

/// Marks of 64 positions, together because whoever changes an entry needs both.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// Entries that were changed since the last capture began.
    dirty: u64,
    /// Entries that the capture under way has still to write.
    pending: u64,
}

/// What is noted besides marks.
#[derive(Debug)]
struct Log<K, S> {
    pending_entries: usize,
    /// The mark from which the capture under way goes on.
    cursor: usize,
    /// Positions of the entries that captures have taken.
    known: Marks,
    /// Known keys that were removed since the last capture began. Bounded by the entries that
    /// captures have taken, each of which is removed once.
    removed: RecordLog,
    /// What the capture under way has written out of turn. Bounded by what was pending.
    saved: RecordLog,
    /// Says which table of its part this is; empty if the part has only one.
    table: Vec<u8>,
    // Kept as functions, so that whoever changes an entry need not know how it is written.
    write_entry: fn(&[u8], &K, &S, &mut Vec<u8>) -> Written,
    write_removed: fn(&[u8], &K, &mut Vec<u8>) -> Written,
    /// What writing out of turn failed with, until a capture says it.
    failed: Option<Error>,
}

impl<K, S> Default for Changes<K, S> {
    fn default() -> Self {
        Self { marks: Vec::new(), log: None }
    }
}

impl<K: Serialize, S: Serialize> Changes<K, S> {
    /// Notes changes of a table that was never captured, from now on.
    pub(super) fn turn_on(&mut self, table: Vec<u8>) {
        self.log = Some(Box::new(Log {
            pending_entries: 0,
            cursor: 0,
            known: Marks::default(),
            removed: RecordLog::default(),
            saved: RecordLog::default(),
            table,
            write_entry: records::put,
            write_removed: records::remove,
            failed: None,
        }));
    }

    /// Writes what is pending until about `bytes` bytes are written; says whether all is.
    pub(super) fn capture(
        &mut self,
        entries: &[Option<Entry<K, S>>],
        bytes: usize,
        into: &mut GroupBuffers,
    ) -> Result<bool, Error> {
        let Some(log) = &mut self.log else { return Ok(true) };
        if let Some(error) = log.failed.take() {
            return Err(error);
        }
        let enough = into.bytes().saturating_add(bytes);
        log.saved.move_to(into);
        while log.pending_entries > 0
            && let Some(mark) = self.marks.get_mut(log.cursor)
        {
            if mark.pending == 0 {
                log.cursor += 1;
                continue;
            }
            let at = log.cursor * 64 + mark.pending.trailing_zeros() as usize;
            mark.pending &= mark.pending - 1;
            log.pending_entries -= 1;
            let entry = entries[at].as_ref().expect("what is removed is not pending any more");
            let (table, group) = (&log.table, key_group(entry.hash.get()));
            into.write(group, |into| records::put(table, &entry.key, &entry.state, into))?;
            if into.bytes() >= enough {
                break;
            }
        }
        Ok(log.pending_entries == 0)
    }
}

impl<K, S> Changes<K, S> {
    /// Whether changes are noted: the table was captured before.
    pub(super) fn is_on(&self) -> bool {
        self.log.is_some()
    }

    /// Begins a capture of all entries, which are `occupied`, or of those that changed.
    pub(super) fn begin(&mut self, extent: Extent, occupied: impl FnOnce() -> Marks) {
        let Some(log) = &mut self.log else { return };
        match extent {
            Extent::Whole => {
                log.known = occupied();
                log.removed = RecordLog::default();
                log.saved = RecordLog::default();
                let pending = log.known.words().iter();
                self.marks.clear();
                self.marks.extend(pending.map(|pending| Mark { dirty: 0, pending: *pending }));
            }
            Extent::Changes => {
                assert!(log.is_captured(), "behind a capture that was given up comes a whole one");
                // The removed keys come first: some of them may have come again.
                log.saved = std::mem::take(&mut log.removed);
                for (number, mark) in self.marks.iter_mut().enumerate() {
                    *mark = Mark { dirty: 0, pending: mark.dirty };
                    log.known.add(number, mark.pending);
                }
            }
        }
        let pending = self.marks.iter().map(|mark| mark.pending.count_ones() as usize);
        log.pending_entries = pending.sum();
        log.cursor = 0;
    }

    /// Lets the capture fail that is under way, or else the next one.
    pub(super) fn fail(&mut self, error: Error) {
        if let Some(log) = &mut self.log {
            log.failed.get_or_insert(error);
        }
    }

    /// Whether the last capture has written everything.
    pub(super) fn is_captured(&self) -> bool {
        self.log.as_ref().is_none_or(|log| log.is_captured())
    }

    /// An entry is about to be changed.
    #[inline]
    pub(super) fn touch(&mut self, at: usize, entry: &Entry<K, S>) {
        let (word, bit) = place(at);
        if let Some(mark) = self.marks.get_mut(word) {
            mark.dirty |= bit;
            if mark.pending & bit != 0 {
                mark.pending &= !bit;
                self.save(entry);
            }
        }
    }

    /// Saves an entry that was pending.
    #[cold]
    #[inline(never)]
    fn save(&mut self, entry: &Entry<K, S>) {
        if let Some(log) = &mut self.log {
            log.pending_entries -= 1;
            let (table, write, group) = (&log.table, log.write_entry, key_group(entry.hash.get()));
            let saved = log.saved.write(group, |log| write(table, &entry.key, &entry.state, log));
            log.failed = log.failed.take().or(saved.err());
        }
    }

    /// An entry was inserted.
    #[inline]
    pub(super) fn inserted(&mut self, at: usize) {
        if self.is_on() {
            let (word, bit) = place(at);
            if word >= self.marks.len() {
                self.marks.resize(word + 1, Mark::default());
            }
            self.marks[word].dirty |= bit;
        }
    }

    /// An entry is about to be removed.
    #[inline]
    pub(super) fn removing(&mut self, at: usize, entry: &Entry<K, S>) {
        if self.is_on() {
            self.note_removed(at, entry);
        }
    }

    fn note_removed(&mut self, at: usize, entry: &Entry<K, S>) {
        self.touch(at, entry);
        let (word, bit) = place(at);
        self.marks[word].dirty &= !bit;
        let Some(log) = &mut self.log else { return };
        if log.known.remove(at) {
            let (table, write, group) =
                (&log.table, log.write_removed, key_group(entry.hash.get()));
            let noted = log.removed.write(group, |log| write(table, &entry.key, log));
            log.failed = log.failed.take().or(noted.err());
        }
    }
}

impl<K, S> Log<K, S> {
    fn is_captured(&self) -> bool {
        self.pending_entries == 0 && self.saved.is_empty()
    }
}
