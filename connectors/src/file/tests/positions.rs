//! Continuing to read files from positions, also files that have changed.

use std::fs;
use std::path::{Path, PathBuf};

use rheos_engine::{BadRecords, Error, Position, Source, SplitContext};

use super::super::*;
use super::write_file;
use crate::contract::read_until;
use crate::drive::{check_restarts, open as open_reader};
use crate::format::{Csv, RawLines, Text};

/// Byte order mark, both line ends, blank lines, bad lines, a last line without an end.
const ROWS: &str =
    "\u{feff}id,name\r\n1,one\r\n\r\n2,two\nx,bad\n\n3,three\r\n4,a line that is too long\n5,five";

#[test]
fn every_kind_of_file_is_continued_wherever_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.csv", "a.csv.gz", "a.csv.zst"] {
        let path = folder.path().join(name);
        write_file(&path, ROWS.as_bytes());
        for seed in 0..40 {
            let rows = FileSource::path(&path, Csv::<(u64, String)>::new().with_header())
                .max_line_bytes(12)
                .on_bad_record(BadRecords::DeadLetter);
            check_restarts(&rows, 2, seed);
            check_restarts(&FileSource::path(&path, Text).max_line_bytes(12), 2, seed);
            check_restarts(&FileSource::path(&path, RawLines).max_line_bytes(3), 2, seed);
        }
    }
}

/// Reads so many lines of a file, changes it, and reads on from there. When nothing is read, the
/// split waits for its turn.
fn after(records: usize, change: impl FnOnce(&Path, &Path)) -> Result<Vec<String>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("a.txt"), folder.path().join("b.txt"));
    write_file(&path, b"one\ntwo\nthree\n");
    let source = TextFiles::path(&path);
    let split = source.splits(&SplitContext { workers: 1 }).unwrap().remove(0);
    let mut position = None;
    if records > 0 {
        let mut reader = open_reader(&source, &split, None).unwrap();
        read_until(&mut *reader, &mut Vec::new(), records).unwrap();
        position = Some(reader.position());
    }
    change(&path, &other);
    let mut rest = Vec::new();
    read_until(&mut *open_reader(&source, &split, position.as_ref())?, &mut rest, 9)?;
    Ok(rest)
}

#[test]
fn a_file_that_was_renamed_or_grew_is_continued_and_another_one_refused() {
    // Behind two lines, and before its turn has come.
    check_changes(2, &["three"]);
    check_changes(0, &["one", "two", "three"]);
}

/// Checks what becomes of the rest of a file that is changed when so many lines of it were read.
fn check_changes(records: usize, rest: &[&str]) {
    let check = |change: &dyn Fn(&Path, &Path), refused: Option<&str>| match (
        after(records, change),
        refused,
    ) {
        (Ok(read), None) => assert_eq!(read, rest),
        (Err(error), Some(part)) => {
            let error = error.to_string();
            assert!(error.contains(part) && error.contains("a.txt"), "{error}");
            assert!(error.contains("begin without a checkpoint"), "{error}");
        }
        (result, refused) => panic!("{result:?}, {refused:?}"),
    };
    check(&|_, _| {}, None);
    check(&|path, _| append(path, b"four\n"), None);
    check(&|path, other| fs::rename(path, other).unwrap(), None);
    let rotate = |path: &Path, other: &Path| {
        fs::rename(path, other).unwrap();
        fs::write(path, b"one\ntwo\nnew\n").unwrap();
    };
    check(&rotate, None);
    let truncated = Some("truncated from 14 to 8 bytes");
    check(&|path, _| fs::write(path, b"one\ntwo\n").unwrap(), truncated);
    check(&|path, _| fs::write(path, b"1\n22\n333\n4444\n").unwrap(), Some("written anew"));
    check(&|path, _| fs::remove_file(path).unwrap(), Some("is gone"));
    let replace = |path: &Path, other: &Path| {
        fs::write(other, b"one\ntwo\nthree\n").unwrap();
        fs::rename(other, path).unwrap();
    };
    check(&replace, Some("is gone"));
}

#[test]
fn splits_of_earlier_versions_say_nothing_of_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    write_file(&path, b"one\n");
    let source = TextFiles::path(&path);
    let mut split = source.splits(&SplitContext { workers: 1 }).unwrap().remove(0);
    let mut payload: serde_json::Value = serde_json::from_slice(&split.payload).unwrap();
    assert!(payload.as_object_mut().unwrap().remove("head").is_some());
    split.payload = serde_json::to_vec(&payload).unwrap();
    let mut records = Vec::new();
    read_until(&mut *open_reader(&source, &split, None).unwrap(), &mut records, 9).unwrap();
    assert_eq!(records, ["one"]);
}

fn append(path: &Path, bytes: &[u8]) {
    let mut all = fs::read(path).unwrap();
    all.extend_from_slice(bytes);
    // Writing in place keeps the file what it is.
    fs::write(path, all).unwrap();
}

/// Where a source is after so many records, and the error of continuing there, if any.
fn continue_live<S: Source<Record = String>>(
    source: &S,
    records: usize,
    change: impl FnOnce(),
) -> (Position, Result<Vec<String>, String>) {
    let split = source.splits(&SplitContext { workers: 1 }).unwrap().remove(0);
    let mut reader = open_reader(source, &split, None).unwrap();
    read_until(&mut *reader, &mut Vec::new(), records).unwrap();
    let position = reader.position();
    drop(reader);
    change();
    let mut reader = open_reader(source, &split, Some(&position)).unwrap();
    assert_eq!(reader.position(), position, "where it is before the first read");
    let mut next = Vec::new();
    let outcome = read_until(&mut *reader, &mut next, 1);
    (position, outcome.map(|()| next).map_err(|error| error.to_string()))
}

#[test]
fn live_files_that_were_written_anew_meanwhile_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("a.log");
    let begin = || write_file(&path, b"one\ntwo\nthree\n");
    let follow = TextFiles::path(&path).follow();
    let watch = TextFiles::folder(folder.path()).watch();
    begin();
    assert_eq!(continue_live(&follow, 2, || {}).1.unwrap(), ["three"]);
    assert_eq!(continue_live(&watch, 2, || {}).1.unwrap(), ["three"]);
    for (change, part) in [(&b"1\n22\n333\n4444\n"[..], "written anew"), (b"one\n", "truncated")] {
        begin();
        let error = continue_live(&follow, 2, || write_file(&path, change)).1.unwrap_err();
        assert!(error.contains(part) && error.contains("a.log"), "{error}");
        begin();
        let error = continue_live(&watch, 2, || write_file(&path, change)).1.unwrap_err();
        assert!(error.contains(part) && error.contains("a.log"), "{error}");
    }
    begin();
    let error = continue_live(&watch, 2, || fs::remove_file(&path).unwrap()).1.unwrap_err();
    assert!(error.contains("is gone"), "{error}");
}

#[test]
fn a_source_says_what_it_reads() {
    assert_eq!(TextFiles::glob("/data/*.csv").identity(), "files that match /data/*.csv");
    assert_eq!(TextFiles::folder("/data").watch().identity(), "files below /data, watched");
    assert_eq!(TextFiles::path("a.log").follow().identity(), "a.log, followed");
}
