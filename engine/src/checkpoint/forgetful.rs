//! A disk in memory that forgets, at a crash, what was not synced: a double for tests.
//!
//! It is as hostile as a real disk may be. Of the bytes that were written and not synced any
//! number may be there after a crash, or zeros in their place; of the names that were given and
//! taken away since the folder was synced, each by itself may be as it was or as it became.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, LockGuard, ReadFile, WriteFile};
use super::random::Random;

/// The disk; copies are the same disk.
#[derive(Clone, Default)]
pub(crate) struct ForgetfulDisk {
    state: Arc<Mutex<State>>,
}

/// What goes wrong on a [`ForgetfulDisk`], each counted from 0 over its whole life.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Troubles {
    /// From this operation on, of those that change something, nothing works any more.
    pub(crate) dead_from: Option<usize>,
    /// This write finds the disk full.
    pub(crate) full_at: Option<usize>,
    /// This sync, of a file or of the folder, says that it was done and does nothing.
    pub(crate) deaf_sync: Option<usize>,
    /// Bytes that all its files may have together.
    pub(crate) room: Option<usize>,
}

/// What was done to a [`ForgetfulDisk`] over its whole life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Operations that changed something.
    pub(crate) operations: usize,
    /// Writes among them.
    pub(crate) writes: usize,
}

/// The content of a file, whatever its name.
#[derive(Clone, Debug, Default)]
struct Content {
    durable: Vec<u8>,
    now: Vec<u8>,
}

#[derive(Default)]
struct State {
    contents: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// What happened to names since the folder was synced.
    pending: Vec<(String, Option<usize>)>,
    locked: bool,
    troubles: Troubles,
    done: Done,
    /// Which of the operations were syncs.
    syncs: Vec<usize>,
}

impl State {
    /// Counts an operation, if the disk is still alive.
    fn operate(&mut self) -> io::Result<()> {
        if self.troubles.dead_from.is_some_and(|dead| self.done.operations >= dead) {
            return Err(io::Error::other("the machine has crashed"));
        }
        self.done.operations += 1;
        Ok(())
    }

    /// Counts a sync, and says whether it is to be done.
    fn hears_sync(&mut self) -> io::Result<bool> {
        self.operate()?;
        let hears = self.troubles.deaf_sync != Some(self.syncs.len());
        self.syncs.push(self.done.operations - 1);
        Ok(hears)
    }

    fn rename_pending(&mut self, name: &str, content: Option<usize>) {
        self.pending.push((name.to_owned(), content));
        match content {
            Some(content) => self.names.insert(name.to_owned(), content),
            None => self.names.remove(name),
        };
    }

    /// How many bytes there is room for.
    fn room(&self) -> usize {
        let files = self.names.values().map(|content| self.contents[*content].now.len());
        self.troubles.room.map_or(usize::MAX, |room| room.saturating_sub(files.sum()))
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl ForgetfulDisk {
    /// An empty disk with troubles.
    pub(crate) fn with(troubles: Troubles) -> Self {
        let disk = Self::default();
        disk.state().troubles = troubles;
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on its files may have so many bytes together.
    #[cfg(test)]
    pub(crate) fn give_room(&self, bytes: usize) {
        self.state().troubles.room = Some(bytes);
    }

    /// What was done to it.
    pub(crate) fn done(&self) -> Done {
        self.state().done
    }

    /// Which of the operations that changed something were syncs.
    pub(crate) fn syncs(&self) -> Vec<usize> {
        self.state().syncs.clone()
    }

    /// The machine crashes: a disk with what is left, without troubles and without a lock.
    pub(crate) fn crash(&self, random: &mut Random) -> Self {
        let state = self.state();
        let contents: Vec<Content> = state
            .contents
            .iter()
            .map(|content| {
                let left = surviving(content, random);
                Content { durable: left.clone(), now: left }
            })
            .collect();
        let mut names = state.durable_names.clone();
        let mut changed: Vec<&str> = state.pending.iter().map(|(name, _)| name.as_str()).collect();
        changed.sort_unstable();
        changed.dedup();
        for name in changed {
            let steps: Vec<Option<usize>> =
                state.pending.iter().filter(|(n, _)| n == name).map(|(_, to)| *to).collect();
            match random.below(steps.len() as u64 + 1) as usize {
                0 => {}
                reached => match steps[reached - 1] {
                    Some(content) => drop(names.insert(name.to_owned(), content)),
                    None => drop(names.remove(name)),
                },
            }
        }
        let durable_names = names.clone();
        let left = State { contents, names, durable_names, ..State::default() };
        Self { state: Arc::new(Mutex::new(left)) }
    }

    /// The bytes of a file.
    pub(crate) fn bytes(&self, name: &str) -> io::Result<Vec<u8>> {
        let state = self.state();
        Ok(state.contents[state.find(name)?].now.clone())
    }

    /// Puts bytes in the place of a file, or a new one, durably.
    pub(crate) fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let content = state.contents.len();
        state.contents.push(Content { durable: bytes.clone(), now: bytes });
        state.names.insert(name.to_owned(), content);
        state.durable_names.insert(name.to_owned(), content);
    }

    /// A disk with the same files, to be changed by itself.
    pub(crate) fn copied(&self) -> Self {
        let copy = Self::default();
        let state = self.state();
        for (name, content) in &state.names {
            copy.put(name, state.contents[*content].now.clone());
        }
        copy
    }
}

/// What a crash leaves of a file.
fn surviving(content: &Content, random: &mut Random) -> Vec<u8> {
    let Content { durable, now } = content;
    if durable == now {
        return now.clone();
    }
    // A file that was emptied and written anew may be either the old one or some of the new one.
    let kept = if now.starts_with(durable) { durable.len() } else { 0 };
    let reached = kept + random.below((now.len() - kept) as u64 + 1) as usize;
    match random.below(3) {
        0 => durable.clone(),
        1 => now[..reached].to_vec(),
        _ => {
            let mut holed = now[..reached].to_vec();
            holed.resize(now.len(), 0);
            holed
        }
    }
}

impl Disk for ForgetfulDisk {
    fn path(&self, name: &str) -> String {
        format!("memory/{name}")
    }

    fn lock(&self, _: &str) -> io::Result<Option<Box<dyn LockGuard>>> {
        if std::mem::replace(&mut self.state().locked, true) {
            return Ok(None);
        }
        Ok(Some(Box::new(Lock(self.clone()))))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn WriteFile>> {
        let mut state = self.state();
        state.operate()?;
        let content = match state.find(name) {
            Ok(content) => {
                state.contents[content].now.clear();
                content
            }
            Err(_) => {
                state.contents.push(Content::default());
                let content = state.contents.len() - 1;
                state.rename_pending(name, Some(content));
                content
            }
        };
        Ok(Box::new(File { disk: self.clone(), content }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn ReadFile>> {
        let content = self.state().find(name)?;
        Ok(Box::new(File { disk: self.clone(), content }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        let content = state.find(from)?;
        state.rename_pending(to, Some(content));
        state.rename_pending(from, None);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.find(name)?;
        state.rename_pending(name, None);
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.hears_sync()? {
            state.durable_names = state.names.clone();
            state.pending.clear();
        }
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let state = self.state();
        let length = |content: &usize| state.contents[*content].now.len() as u64;
        Ok(state.names.iter().map(|(name, content)| (name.clone(), length(content))).collect())
    }
}

struct Lock(ForgetfulDisk);

impl LockGuard for Lock {}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.state().locked = false;
    }
}

struct File {
    disk: ForgetfulDisk,
    content: usize,
}

impl WriteFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate()?;
        let is_full = state.troubles.full_at == Some(state.done.writes);
        state.done.writes += 1;
        // A disk takes what it has room for before it says that it is full.
        let taken = if is_full { bytes.len() / 2 } else { bytes.len() };
        let taken = taken.min(state.room());
        state.contents[self.content].now.extend(&bytes[..taken]);
        if taken < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.hears_sync()? {
            let content = &mut state.contents[self.content];
            content.durable = content.now.clone();
        }
        Ok(())
    }
}

impl ReadFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().contents[self.content].now.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let state = self.disk.state();
        let bytes = &state.contents[self.content].now;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let until = from.checked_add(into.len()).filter(|until| *until <= bytes.len());
        let until = until.ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(&bytes[from..until]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(disk: &ForgetfulDisk, name: &str, bytes: &[u8]) -> Box<dyn WriteFile> {
        let mut file = disk.create(name).unwrap();
        file.write(bytes).unwrap();
        file
    }

    #[test]
    fn what_was_synced_is_kept_and_the_rest_may_go() {
        let disk = ForgetfulDisk::default();
        write(&disk, "kept", b"abc").sync().unwrap();
        disk.sync_folder().unwrap();
        write(&disk, "nameless", b"abc").sync().unwrap();
        drop(write(&disk, "empty", b"abc"));
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let left = disk.crash(&mut Random::new(seed));
            assert_eq!(left.bytes("kept").unwrap(), b"abc", "seed {seed}");
            let nameless = left.bytes("nameless").ok();
            assert!(nameless.as_ref().is_none_or(|bytes| bytes == b"abc"), "seed {seed}");
            seen.insert((nameless.is_some(), left.bytes("empty").ok()));
        }
        for bytes in [None, Some(vec![]), Some(b"abc".to_vec()), Some(vec![0; 3])] {
            assert!(seen.iter().any(|(_, empty)| *empty == bytes), "{bytes:?} never came");
        }
        assert!(seen.iter().any(|(kept, _)| *kept) && seen.iter().any(|(kept, _)| !kept));
    }

    #[test]
    fn a_rename_that_was_not_synced_may_be_undone() {
        let disk = ForgetfulDisk::default();
        write(&disk, "it", b"old").sync().unwrap();
        disk.sync_folder().unwrap();
        write(&disk, "it.tmp", b"new").sync().unwrap();
        disk.rename("it.tmp", "it").unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..50 {
            seen.insert(disk.crash(&mut Random::new(seed)).bytes("it").unwrap());
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [b"new".to_vec(), b"old".to_vec()]);
    }

    #[test]
    fn troubles_come_when_they_should() {
        let disk = ForgetfulDisk::with(Troubles { full_at: Some(1), ..Troubles::default() });
        let mut file = write(&disk, "a", b"1234");
        assert_eq!(file.write(b"5678").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.bytes("a").unwrap(), b"123456");
        let disk = ForgetfulDisk::default();
        disk.give_room(5);
        assert!(write(&disk, "a", b"1234").write(b"56").is_err());
        assert_eq!(disk.bytes("a").unwrap(), b"12345");
        disk.remove("a").unwrap();
        write(&disk, "b", b"12345");
        let disk = ForgetfulDisk::with(Troubles { dead_from: Some(2), ..Troubles::default() });
        let mut file = write(&disk, "a", b"1234");
        assert!(file.sync().is_err() && disk.rename("a", "b").is_err());
        assert_eq!(disk.done(), Done { operations: 2, writes: 1 });
    }
}
