//! Checkpoints that earlier versions wrote stay readable.
//!
//! `RHEOS_WRITE_FIXTURES=1 cargo test -p rheos-engine fixture` writes the folder of the current
//! format anew: for a new format, beside the old ones, never in place of one that was released.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::checkpoint::CheckpointId;
use crate::checkpoint::disk::LocalDisk;
use crate::checkpoint::manifest::Manifest;
use crate::checkpoint::names;
use crate::checkpoint::scenario::{Run, check_whole, example};

fn fixture(version: u32) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    tests.join(format!("fixtures/checkpoint-v{version}"))
}

fn write(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    let disk = LocalDisk::create(folder).unwrap();
    let mut run = Run::start(Arc::new(disk)).unwrap();
    run.checkpoint().unwrap();
    run.checkpoint().unwrap();
    drop(run);
    fs::remove_file(folder.join(names::LOCK)).unwrap();
}

#[test]
fn checkpoints_of_the_first_format_are_restored() {
    let fixture = fixture(1);
    if std::env::var_os("RHEOS_WRITE_FIXTURES").is_some() {
        write(&fixture);
    }
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(&fixture).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let run = Run::start(Arc::new(LocalDisk::new(folder.path()))).unwrap();
    assert_eq!((run.from, run.run), (Some(CheckpointId(2)), 2));
    for id in [CheckpointId(1), CheckpointId(2)] {
        check_whole(&run.store, id).unwrap();
    }
    let id = CheckpointId(2);
    let manifest = Manifest::read(&*run.store.disk(), id, run.store.job()).unwrap();
    let expected = Manifest {
        job: run.store.job(),
        id,
        previous: Some(CheckpointId(1)),
        run: 1,
        chains: manifest.chains.clone(),
        // Builds may hash differently: that is what it is for.
        hash_probe: manifest.hash_probe.clone(),
        ..example()
    };
    assert_eq!(manifest, expected);
}
