//! What the protocol needs of a folder on a disk, and the folders of this machine.
//!
//! A [`Disk`] is one flat folder. The operations are so few that a double can stand in for them in
//! tests and forget what was not synced.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A folder of files.
pub(crate) trait Disk: Send + Sync {
    /// What a person calls a file of the folder.
    fn path(&self, name: &str) -> String;

    /// Keeps others from working in the folder until the guard is dropped; `None` when somebody
    /// else does so already.
    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn LockGuard>>>;

    /// Begins a file; one of this name is emptied.
    fn create(&self, name: &str) -> io::Result<Box<dyn WriteFile>>;

    /// Opens a file for reading.
    fn open(&self, name: &str) -> io::Result<Box<dyn ReadFile>>;

    /// Gives a file another name; a file that has it already is replaced.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names that were given and taken away until now durable.
    fn sync_folder(&self) -> io::Result<()>;

    /// The files with their lengths, in the order of their names.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;
}

/// Holds a lock until it is dropped.
pub(crate) trait LockGuard: Send + Sync {}

/// A file that is being written.
pub(crate) trait WriteFile: Send {
    /// Adds bytes at the end.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written durable; its name is not, before the folder is synced.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file that is read at any place.
pub(crate) trait ReadFile: Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Fills `into` from the bytes that begin at `offset`.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
}

/// Reads a whole file, of which it is known that it is small.
///
/// # Errors
/// When it cannot be read or is larger than `most`.
pub(crate) fn read_small(disk: &dyn Disk, name: &str, most: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(name)?;
    let length = file.len()?;
    if length > most {
        let reason = format!("it has {length} bytes, more than the {most} that are possible");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let mut bytes = vec![0; length as usize];
    file.read_at(0, &mut bytes)?;
    Ok(bytes)
}

/// A folder of this machine.
#[derive(Debug)]
pub(crate) struct LocalDisk {
    folder: PathBuf,
}

impl LocalDisk {
    /// A folder that exists.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// A folder that is made, durably, if it does not exist.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        if !folder.is_dir() {
            fs::create_dir_all(folder)?;
            // The new name is in the folder above, and so may be that folder's own.
            let folder = fs::canonicalize(folder)?;
            for above in folder.ancestors().skip(1) {
                // Not every folder on the way up may be opened; those that were made just now may.
                let Ok(above) = File::open(above) else { break };
                above.sync_all()?;
            }
        }
        Ok(Self::new(folder))
    }
}

impl Disk for LocalDisk {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn LockGuard>>> {
        let options = File::options().write(true).create(true).truncate(false).to_owned();
        let file = options.open(self.folder.join(name))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn WriteFile>> {
        Ok(Box::new(File::create(self.folder.join(name))?))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn ReadFile>> {
        Ok(Box::new(File::open(self.folder.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // A file may be removed while the folder is read, and names of ours are UTF-8.
            let Ok(about) = entry.metadata() else { continue };
            let Ok(name) = entry.file_name().into_string() else { continue };
            if about.is_file() {
                files.push((name, about.len()));
            }
        }
        files.sort();
        Ok(files)
    }
}

impl LockGuard for File {}

impl WriteFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl ReadFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(into, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_written_read_and_listed() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let disk = LocalDisk::create(&folder).unwrap();
        let mut file = disk.create("one.tmp").unwrap();
        file.write(b"abc").unwrap();
        file.write(b"def").unwrap();
        file.sync().unwrap();
        disk.rename("one.tmp", "one").unwrap();
        disk.sync_folder().unwrap();
        assert_eq!(disk.list().unwrap(), [("one".to_owned(), 6)]);
        assert_eq!(read_small(&disk, "one", 6).unwrap(), b"abcdef");
        assert!(read_small(&disk, "one", 5).is_err(), "larger than it may be");
        let mut middle = [0; 3];
        disk.open("one").unwrap().read_at(2, &mut middle).unwrap();
        assert_eq!(&middle, b"cde");
        assert!(disk.open("one").unwrap().read_at(4, &mut middle).is_err(), "past the end");
        disk.remove("one").unwrap();
        assert_eq!(disk.list().unwrap(), []);
        assert_eq!(disk.open("one").err().unwrap().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_lock_keeps_others_out_until_it_is_dropped() {
        let root = tempfile::tempdir().unwrap();
        let disk = LocalDisk::new(root.path());
        let held = disk.lock("LOCK").unwrap();
        assert!(held.is_some());
        assert!(LocalDisk::new(root.path()).lock("LOCK").unwrap().is_none());
        drop(held);
        assert!(disk.lock("LOCK").unwrap().is_some());
    }
}
