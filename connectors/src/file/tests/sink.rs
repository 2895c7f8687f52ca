//! Writing files.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rheos_engine::{
    Epoch, Finish, Placement, ProcessingTime, Sink, TestClock, Waker, WriterContext,
};

use super::super::*;
use crate::contract::{check_sink, drive_sink, drive_source, open_writer};
use crate::format::{Csv, JsonLines, Text};

/// All names in a folder, hidden ones too, sorted.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What a reader of the folder sees, decompressed.
fn visible(folder: &Path) -> Vec<u8> {
    let source = FileSource::folder(folder, crate::RawLines).allow_empty();
    drive_source(&source, 1).unwrap().records.concat()
}

fn batches() -> Vec<Vec<String>> {
    vec![vec!["one".to_owned()], Vec::new(), vec!["two".to_owned(), "three".to_owned()]]
}

#[test]
fn files_and_folders_show_nothing_before_they_commit() {
    for name in ["a.txt", "a.txt.gz", "a.txt.zst", "below/parts/"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let sink = Text::create(&path).overwrite();
        check_sink(&sink, batches, || visible(folder.path()), b"one\ntwo\nthree\n");
    }
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::folder(folder.path(), Text).compress(Compression::Gzip).overwrite();
    check_sink(&sink, batches, || visible(folder.path()), b"one\ntwo\nthree\n");
    assert_eq!(names(folder.path()), ["part-000-00000.txt.gz"]);
}

#[test]
fn much_is_written_completely() {
    let folder = tempfile::tempdir().unwrap();
    let sink = JsonLines::create(folder.path().join("numbers.jsonl"));
    let batches: Vec<Vec<u64>> = (0..500).map(|batch| vec![batch; 2000]).collect();
    drive_sink(&sink, batches.clone(), Finish::Commit).unwrap();
    let read = drive_source(&JsonFiles::<u64>::folder(folder.path()).in_order(), 1).unwrap();
    assert!(read.records == batches.concat(), "{} records", read.records.len());
}

#[test]
fn a_stopped_job_keeps_its_files_hidden_and_a_failed_one_leaves_none() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::folder(folder.path(), Text);
    drive_sink(&sink, batches(), Finish::Stop).unwrap();
    assert_eq!(names(folder.path()), [".part-000-00000.txt.staged"]);
    let kept = fs::read(folder.path().join(".part-000-00000.txt.staged")).unwrap();
    assert_eq!(kept, b"one\ntwo\nthree\n");
    // The next job removes it before it starts.
    sink.prepare_target().unwrap();
    assert_eq!(names(folder.path()), [""; 0]);
    let mut writer = open_writer(&sink).unwrap();
    writer.write(&mut batches().concat()).unwrap();
    assert_eq!(names(folder.path()), [".part-000-00000.txt.staged"]);
    drop(writer);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn without_records_a_file_is_empty_and_a_folder_has_no_part() {
    let folder = tempfile::tempdir().unwrap();
    drive_sink(&Text::create(folder.path().join("parts/")), vec![vec![]], Finish::Commit).unwrap();
    assert_eq!(names(&folder.path().join("parts")), [""; 0]);
    for name in ["a.txt", "a.txt.gz"] {
        drive_sink(&Text::create(folder.path().join(name)), vec![], Finish::Commit).unwrap();
    }
    assert_eq!(names(folder.path()), ["a.txt", "a.txt.gz", "parts"]);
    assert_eq!(visible(folder.path()), b"");
}

#[test]
fn parts_roll_by_size_and_by_time_at_the_end_of_an_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::folder(folder.path(), Csv::<(u64, String)>::new())
        .roll_bytes(8)
        .roll_every(Duration::from_secs(60));
    let clock = Arc::new(TestClock::at(ProcessingTime(1_000)));
    let mut context = WriterContext::for_test(Waker::current_thread());
    context.clock = Arc::clone(&clock) as _;
    context.worker = 7;
    sink.prepare_target().unwrap();
    let mut writer = sink.open(context).unwrap();
    let record = |id| (id, "a".to_owned());

    writer.write(&mut vec![record(1)]).unwrap();
    writer.end_epoch(Epoch(0)).unwrap();
    assert_eq!(visible(folder.path()), b"", "neither full nor old");
    writer.write(&mut vec![record(2)]).unwrap();
    assert_eq!(visible(folder.path()), b"", "full, but the epoch has not ended");
    writer.end_epoch(Epoch(1)).unwrap();
    assert_eq!(visible(folder.path()), b"1,a\n2,a\n");

    writer.write(&mut vec![record(3)]).unwrap();
    clock.advance(Duration::from_secs(59));
    writer.end_epoch(Epoch(2)).unwrap();
    assert_eq!(visible(folder.path()), b"1,a\n2,a\n");
    clock.advance(Duration::from_secs(1));
    writer.end_epoch(Epoch(3)).unwrap();
    assert_eq!(visible(folder.path()), b"1,a\n2,a\n3,a\n");

    writer.end_epoch(Epoch(4)).unwrap();
    writer.write(&mut vec![record(4)]).unwrap();
    drop(writer);
    assert_eq!(names(folder.path()), ["part-007-00000.csv", "part-007-00001.csv"]);
}

/// What is there before, and whether a job may write parts beside it: without and with overwrite.
fn check_earlier(there: &str, refused: &str, overwritten: Result<&[&str], &str>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(there), "old").unwrap();
    let sink = FileSink::folder(folder.path(), Text);
    let result = sink.prepare_target().map_err(|error| error.to_string());
    match refused {
        "" => assert_eq!(result, Ok(())),
        part => assert!(result.unwrap_err().contains(part)),
    }
    let result = sink.overwrite().prepare_target().map_err(|error| error.to_string());
    match overwritten {
        Ok(left) => assert_eq!(
            (result, names(folder.path())),
            (Ok(()), left.iter().map(|name| (*name).to_owned()).collect())
        ),
        Err(part) => assert!(result.unwrap_err().contains(part)),
    }
}

#[test]
fn earlier_output_is_refused_or_replaced_and_nothing_else_is_removed() {
    check_earlier("part-000-00000.jsonl", "not empty", Ok(&[]));
    check_earlier(".part-000-00000.jsonl.staged", "", Ok(&[]));
    check_earlier(".keep", "", Ok(&[".keep"]));
    check_earlier("thesis.txt", "not empty", Err("thesis.txt"));
    check_earlier("part-one.txt", "not empty", Err("part-one.txt"));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    fs::write(&path, "old").unwrap();
    let error = FileSink::file(&path, Text).prepare_target().unwrap_err().to_string();
    assert!(error.contains("a.txt: it exists"), "{error}");
    let sink = FileSink::file(&path, Text).overwrite();
    sink.prepare_target().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old", "replaced only when the job commits");
    drive_sink(&sink, batches(), Finish::Commit).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\nthree\n");
}

#[test]
fn targets_that_cannot_be_written_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let check = |sink: FileSink<Text>, part: &str| {
        let error = sink.overwrite().prepare_target().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    check(FileSink::file(folder.path(), Text), "it is a folder");
    check(FileSink::file("/dev/null", Text), "/dev/null: it is not a regular file");
    check(FileSink::file(folder.path().join("a.txt"), Text).roll_bytes(1), "cannot be rolled");
    fs::write(folder.path().join("a"), "").unwrap();
    check(FileSink::folder(folder.path().join("a/b"), Text), "create the folder");
}

#[test]
fn a_path_says_whether_it_is_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Text::create(folder.path()).placement(), Placement::EveryWorker);
    assert_eq!(Text::create("not/there/").placement(), Placement::EveryWorker);
    assert_eq!(Text::create("not/there").placement(), Placement::OneWorker);
}
