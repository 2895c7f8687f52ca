//! Files in jobs that take checkpoints.

use std::fs;
use std::path::PathBuf;

use rheos_engine::Recovery;
use serde::{Deserialize, Serialize};

use super::super::recovery::plan;
use super::super::target::Target;
use super::super::*;
use super::sink::names;
use crate::contract::{Appears, Outside, check_transactional_sink, drive_source};
use crate::format::Csv;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    number: u64,
}

/// A folder that holds a target.
struct Disk {
    folder: tempfile::TempDir,
    target: Target,
    ending: &'static str,
}

impl Disk {
    fn new(name: &str, ending: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::of(folder.path().join("out").join(name));
        Self { folder, target, ending }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }
}

impl Outside<Row> for Disk {
    fn record(&self, number: u64) -> Row {
        Row { number }
    }

    fn visible(&self) -> Vec<u64> {
        let source = FileSource::folder(self.out(), Csv::<Row>::new()).allow_empty().in_order();
        drive_source(&source, 1).unwrap().records.into_iter().map(|row| row.number).collect()
    }

    fn recover_partly(&self, recovery: &Recovery<'_>, steps: usize) {
        let folder = self.target.folder();
        for step in plan(&self.target, self.ending, recovery).unwrap().into_iter().take(steps) {
            step.apply(folder).unwrap();
        }
    }

    fn killed(&self, end: &mut dyn FnMut()) {
        let copy = self.folder.path().join("copy");
        fs::create_dir(&copy).unwrap();
        for name in names(&self.out()) {
            fs::copy(self.out().join(&name), copy.join(&name)).unwrap();
        }
        end();
        fs::remove_dir_all(self.out()).unwrap();
        fs::rename(&copy, self.out()).unwrap();
    }
}

#[test]
fn what_is_seen_is_what_was_committed_whatever_happens() {
    for seed in 0..60 {
        let disk = Disk::new("", ".csv");
        let sink = FileSink::folder(disk.out(), Csv::<Row>::new()).roll_bytes(8);
        check_transactional_sink(&sink, Appears::AtCheckpoints, &disk, seed);
        let disk = Disk::new("", ".csv.gz");
        let sink = FileSink::folder(disk.out(), Csv::<Row>::new()).compress(Compression::Gzip);
        check_transactional_sink(&sink, Appears::AtCheckpoints, &disk, seed);
        for name in ["a.csv", "a.csv.gz", "a.csv.zst"] {
            let disk = Disk::new(name, ".csv");
            let sink = FileSink::file(disk.out().join(name), Csv::<Row>::new());
            check_transactional_sink(&sink, Appears::AtEnd, &disk, seed);
        }
    }
}
