//! Files in jobs that take checkpoints.

use std::fs;
use std::path::PathBuf;

use rheos_engine::{CheckpointId, Epoch, Finish, Recovery, Sink, Waker, Writer, WriterContext};
use serde::{Deserialize, Serialize};

use super::super::recovery::plan;
use super::super::target::Target;
use super::super::*;
use super::sink::names;
use crate::contract::{Appears, Outside, check_transactional_sink, drive_source, prepare};
use crate::format::{Csv, Text};

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
    for seed in 0..20 {
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

fn open<S: Sink>(sink: &S, run: u32, worker: usize) -> Box<dyn Writer<S::Record>> {
    let mut context = WriterContext::for_test(Waker::current_thread());
    (context.run, context.worker, context.checkpoints) = (run, worker, true);
    sink.open(context).unwrap()
}

fn write(writer: &mut dyn Writer<String>, text: &str) {
    writer.write(&mut vec![text.to_owned()]).unwrap();
    writer.end_epoch(Epoch(0)).unwrap();
}

#[test]
fn what_no_checkpoint_holds_is_removed_of_every_run_and_worker_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::folder(folder.path(), Text);
    let mut writers = [open(&sink, 1, 0), open(&sink, 1, 7)];
    let prepared = writers.each_mut().map(|writer| {
        write(&mut **writer, "one");
        prepare(&mut **writer, CheckpointId(1)).unwrap()
    });
    for writer in &mut writers {
        write(&mut **writer, "two");
        prepare(&mut **writer, CheckpointId(2)).unwrap();
    }
    drop(writers);
    for name in [".other", ".part-0001-000-00000.csv.staged", "thesis.txt"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    sink.recover(&Recovery { prepared: &prepared, run: 2 }).unwrap();
    let left = [
        ".other",
        ".part-0001-000-00000.csv.staged",
        "part-0001-000-00000.txt",
        "part-0001-007-00000.txt",
        "thesis.txt",
    ];
    assert_eq!(names(folder.path()), left);
}

#[test]
fn a_writer_of_an_earlier_run_that_wakes_up_late_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let parts = FileSink::folder(folder.path().join("parts"), Text);
    let single = FileSink::file(folder.path().join("single/a.txt"), Text);
    for (sink, place) in [(&parts, "parts"), (&single, "single")] {
        let mut late = open(sink, 1, 0);
        write(&mut *late, "one");
        let prepared = [prepare(&mut *late, CheckpointId(1)).unwrap()];
        write(&mut *late, "lost");
        prepare(&mut *late, CheckpointId::END).unwrap();
        sink.recover(&Recovery { prepared: &prepared, run: 2 }).unwrap();
        let mut next = open(sink, 2, 0);
        let before = names(&folder.path().join(place));
        let error = late.commit(CheckpointId::END).unwrap_err().to_string();
        assert!(error.contains("publish"), "{error}");
        drop(late);
        assert_eq!(names(&folder.path().join(place)), before);
        write(&mut *next, "two");
        prepare(&mut *next, CheckpointId::END).unwrap();
        next.finish(Finish::Commit).unwrap();
        let read = TextFiles::folder(folder.path().join(place)).in_order();
        assert_eq!(drive_source(&read, 1).unwrap().records, ["one", "two"]);
    }
}

/// Recovers a file that was prepared, after it was changed.
fn recover_after(place: &str, change: impl FnOnce(&std::path::Path)) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::create(folder.path().join(place), Text);
    let mut writer = open(&sink, 1, 0);
    write(&mut *writer, "one");
    let prepared = [prepare(&mut *writer, CheckpointId(1)).unwrap()];
    drop(writer);
    change(&folder.path().join(names(folder.path()).remove(0)));
    let recovered = sink.recover(&Recovery { prepared: &prepared, run: 2 });
    recovered.map_err(|error| error.to_string())
}

#[test]
fn what_was_durable_and_is_gone_or_damaged_is_named() {
    for (place, file) in [("", "part-0001-000-00000.txt"), ("a.txt", "a.txt")] {
        recover_after(place, |_| {}).unwrap();
        let error = recover_after(place, |path| fs::remove_file(path).unwrap()).unwrap_err();
        assert!(error.contains(file) && error.contains("is there"), "{error}");
        let error = recover_after(place, |path| fs::write(path, "o").unwrap()).unwrap_err();
        assert!(error.contains(file) && error.contains("holds 1 bytes, and 4"), "{error}");
    }
    // A later run began another file, after a restore that did not know the first.
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::file(folder.path().join("a.txt"), Text);
    let mut writer = open(&sink, 1, 0);
    write(&mut *writer, "one");
    let prepared = [prepare(&mut *writer, CheckpointId(1)).unwrap()];
    drop(writer);
    sink.recover(&Recovery { prepared: &[], run: 2 }).unwrap();
    let mut other = open(&sink, 2, 0);
    write(&mut *other, "another");
    prepare(&mut *other, CheckpointId(2)).unwrap();
    drop(other);
    let error = sink.recover(&Recovery { prepared: &prepared, run: 3 }).unwrap_err().to_string();
    assert!(error.contains("a.txt") && error.contains("is there"), "{error}");
}

#[test]
fn what_a_dying_run_does_to_its_files_meanwhile_is_done() {
    for place in ["", "a.txt"] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        let sink = FileSink::create(out.join(place), Text);
        let mut writer = open(&sink, 1, 0);
        write(&mut *writer, "one");
        let prepared = [prepare(&mut *writer, CheckpointId::END).unwrap()];
        let left = if place.is_empty() { ".part-0001-001-00000.txt" } else { ".a.txt.9-9" };
        std::fs::write(out.join(format!("{left}.staged")), "more").unwrap();
        let target = Target::of(out.join(place));
        let recovery = Recovery { prepared: &prepared, run: 2 };
        let steps = plan(&target, ".txt", &recovery).unwrap();
        assert_eq!(steps.len(), 2, "{steps:?}");
        // Before they are carried out the other one publishes and removes the same.
        writer.finish(Finish::Commit).unwrap();
        std::fs::remove_file(out.join(format!("{left}.staged"))).unwrap();
        let published = names(out);
        steps.iter().for_each(|step| step.apply(out).unwrap());
        assert_eq!(names(out), published);
        let [published] = &published[..] else { panic!("{published:?}") };
        // What is nowhere is no success.
        std::fs::remove_file(out.join(published)).unwrap();
        let errors = steps.iter().filter_map(|step| step.apply(out).err());
        let errors: Vec<String> = errors.map(|error| error.to_string()).collect();
        assert!(errors.len() == 1 && errors[0].contains("publish"), "{errors:?}");
    }
}

#[test]
fn parts_that_rolled_wait_for_the_next_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::folder(folder.path(), Text).roll_bytes(1);
    let mut writer = open(&sink, 3, 1);
    for text in ["one", "two"] {
        write(&mut *writer, text);
    }
    assert!(names(folder.path()).iter().all(|name| name.starts_with('.')));
    let first = prepare(&mut *writer, CheckpointId(5)).unwrap();
    write(&mut *writer, "three");
    // The checkpoint failed: what it held goes into the next.
    let second = prepare(&mut *writer, CheckpointId(6)).unwrap();
    assert!(second.len() > first.len());
    writer.commit(CheckpointId(6)).unwrap();
    let parts = ["part-0003-001-00000.txt", "part-0003-001-00001.txt", "part-0003-001-00002.txt"];
    assert_eq!(names(folder.path()), parts);
    writer.finish(Finish::Stop).unwrap();
    // Parts of restored jobs are parts, too.
    sink.overwrite().prepare_target().unwrap();
    assert_eq!(names(folder.path()), [""; 0]);
}
