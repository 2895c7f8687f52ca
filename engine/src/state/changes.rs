//! What a table notes of its changes once it has been captured for the first time, so that it can
//! be captured while it goes on changing, and so that the next capture takes only what changed.
//!
//! A capture takes the table as it was when the capture began. Entries that it has still to write
//! are *pending*; whoever is about to change one of them saves it first. An entry that was changed
//! since the capture began is *dirty*, and is not pending any more: so a single look at the dirty
//! ones tells whether anything is to be done. What the captures have taken of is *known*: only of
//! those keys it needs to be said that they were removed.

use serde::Serialize;

use super::keyed::Entry;
use super::marks::Marks;
use super::records::{self, GroupBuffers, RecordLog};
use crate::key::key_group;
use crate::{Error, Extent};

type Written = postcard::Result<()>;

/// What a table notes of its changes.
#[derive(Debug)]
pub(super) struct Changes<K, S> {
    /// Positions of the entries that were changed since the last capture began.
    dirty: Marks,
    /// Positions of the entries that the capture under way has still to write.
    pending: Marks,
    pending_entries: usize,
    /// The word of `pending` from which it goes on.
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

impl<K: Serialize, S: Serialize> Changes<K, S> {
    /// Notes changes of a table from now on.
    pub(super) fn of_table(table: Vec<u8>) -> Self {
        Self {
            dirty: Marks::default(),
            pending: Marks::default(),
            pending_entries: 0,
            cursor: 0,
            known: Marks::default(),
            removed: RecordLog::default(),
            saved: RecordLog::default(),
            table,
            write_entry: records::put,
            write_removed: records::remove,
            failed: None,
        }
    }

    /// Writes what is pending until about `bytes` bytes are written; says whether all is.
    pub(super) fn capture(
        &mut self,
        entries: &[Option<Entry<K, S>>],
        bytes: usize,
        into: &mut GroupBuffers,
    ) -> Result<bool, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let enough = into.bytes().saturating_add(bytes);
        self.saved.move_to(into);
        while let Some(at) = self.pending.pop(&mut self.cursor) {
            self.pending_entries -= 1;
            let entry = entries[at].as_ref().expect("what is removed is not pending any more");
            let (table, group) = (&self.table, key_group(entry.hash.get()));
            into.write(group, |into| records::put(table, &entry.key, &entry.state, into))?;
            if into.bytes() >= enough {
                break;
            }
        }
        Ok(self.pending_entries == 0)
    }
}

impl<K, S> Changes<K, S> {
    /// Begins a capture of all entries, which are `occupied`, or of those that changed.
    pub(super) fn begin(&mut self, extent: Extent, occupied: impl FnOnce() -> Marks) {
        match extent {
            Extent::Whole => {
                self.pending = occupied();
                self.known.clear();
                self.removed = RecordLog::default();
                self.saved = RecordLog::default();
                self.dirty.clear();
            }
            Extent::Changes => {
                assert!(self.is_captured(), "behind a capture that was given up comes a whole one");
                // The removed keys come first: some of them may have come again.
                self.saved = std::mem::take(&mut self.removed);
                // Nothing is pending, so what was is as good as new.
                std::mem::swap(&mut self.dirty, &mut self.pending);
            }
        }
        self.known.add(&self.pending);
        self.pending_entries = self.pending.len();
        self.cursor = 0;
    }

    /// Lets the capture fail that is under way, or else the next one.
    pub(super) fn fail(&mut self, error: Error) {
        self.failed.get_or_insert(error);
    }

    /// Whether the last capture has written everything.
    pub(super) fn is_captured(&self) -> bool {
        self.pending_entries == 0 && self.saved.is_empty()
    }

    /// An entry is about to be changed.
    #[inline]
    pub(super) fn touch(&mut self, at: usize, entry: Option<&Entry<K, S>>) {
        if !self.dirty.contains(at) {
            self.touch_first(at, entry);
        }
    }

    /// An entry is about to be changed for the first time since the last capture began.
    #[cold]
    #[inline(never)]
    fn touch_first(&mut self, at: usize, entry: Option<&Entry<K, S>>) {
        self.save(at, entry);
        self.dirty.insert(at);
    }

    /// Saves an entry if it is pending.
    fn save(&mut self, at: usize, entry: Option<&Entry<K, S>>) {
        if self.pending.remove(at) {
            self.pending_entries -= 1;
            let entry = entry.expect("what is removed is not pending any more");
            let (table, write, group) =
                (&self.table, self.write_entry, key_group(entry.hash.get()));
            let saved = self.saved.write(group, |log| write(table, &entry.key, &entry.state, log));
            saved.err().into_iter().for_each(|error| self.fail(error));
        }
    }

    /// An entry was inserted.
    pub(super) fn inserted(&mut self, at: usize) {
        self.dirty.insert(at);
    }

    /// An entry is about to be removed.
    pub(super) fn removing(&mut self, at: usize, entry: &Entry<K, S>) {
        self.save(at, Some(entry));
        self.dirty.remove(at);
        if self.known.remove(at) {
            let (table, write, group) =
                (&self.table, self.write_removed, key_group(entry.hash.get()));
            let noted = self.removed.write(group, |log| write(table, &entry.key, log));
            noted.err().into_iter().for_each(|error| self.fail(error));
        }
    }
}
