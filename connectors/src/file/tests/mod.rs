//! Files through the contract suite, and what is particular to them.

mod live;
mod positions;
mod sink;
mod source;
mod transactions;

use std::io::Write;
use std::path::Path;

use crate::io::Compression;

/// Whether this process has a file open.
fn is_open(path: &Path) -> bool {
    let path = path.canonicalize().unwrap();
    let descriptors = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let mut targets = descriptors.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets.any(|target| target == path)
}

/// Writes a file, compressed as its name says.
fn write_file(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut write = Compression::of(path).compress(file).unwrap();
    write.write_all(bytes).unwrap();
    write.finish().unwrap();
}
