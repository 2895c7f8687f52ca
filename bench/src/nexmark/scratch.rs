//! A place for files that nobody wants to keep.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A path for a folder, which is removed with all that is in it when this is dropped.
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A path that nothing else in any process uses; the folder is not made.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("rheos-nexmark-{}-{number}", std::process::id());
        Self { path: std::env::temp_dir().join(name) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It is not there unless it was used.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
