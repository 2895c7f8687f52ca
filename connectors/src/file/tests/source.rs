//! Reading files that are there.

use rheos_engine::{BadRecords, Replay, Source, SplitContext};
use serde::Deserialize;

use super::super::cut::RANGE_BYTES;
use super::super::*;
use super::{is_open, write_file};
use crate::Random;
use crate::contract::{check_drop, drive_source, read_until};
use crate::drive::{check_replay, open as open_reader};
use crate::format::{Csv, RawLines};

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Order {
    id: u64,
    name: String,
}

/// The names of the files that are read, of those that are there.
fn check_names(
    names: &[&str],
    source: impl Fn(&str) -> FileSource<crate::Text>,
    expected: &[&str],
) {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        write_file(&folder.path().join(name), format!("{name}\n").as_bytes());
    }
    let source = source(folder.path().to_str().unwrap());
    assert_eq!(drive_source(&source, 2).unwrap().records, expected);
}

#[test]
fn files_are_found_by_path_pattern_and_folder_in_order() {
    let names =
        ["b.txt", "a.log", "c/d.txt", "c/.hidden.txt", ".git/e.txt", "_SUCCESS", "c/_x.txt"];
    check_names(&names, |root| TextFiles::path(format!("{root}/b.txt")), &["b.txt"]);
    check_names(&names, |root| TextFiles::glob(format!("{root}/*.txt")), &["b.txt"]);
    check_names(
        &names,
        |root| TextFiles::glob(format!("{root}/**/[bd].txt")),
        &["b.txt", "c/d.txt"],
    );
    check_names(&names, |root| TextFiles::folder(root), &["a.log", "b.txt", "c/d.txt"]);
}

#[test]
fn what_is_not_there_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let check = |source: FileSource<crate::Text>, part: &str| {
        let error = drive_source(&source, 1).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    check(TextFiles::path(format!("{root}/no.txt")), "no.txt");
    check(TextFiles::path(root), "it is a folder");
    check(TextFiles::glob(format!("{root}/*.log")), "*.log: there are none");
    check(TextFiles::folder(root), "there are none");
    check(TextFiles::folder(format!("{root}/no")), "no: ");
    check(TextFiles::glob("a***"), "a***");
    let empty = TextFiles::folder(root).allow_empty();
    assert!(drive_source(&empty, 1).unwrap().records.is_empty());
}

#[test]
fn links_that_lead_back_are_not_followed_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    write_file(&folder.path().join("a/one.txt"), b"one\n");
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/back")).unwrap();
    assert_eq!(drive_source(&TextFiles::folder(folder.path()), 1).unwrap().records, ["one"]);
}

#[test]
fn reading_continues_from_any_position_in_any_compression() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plain.csv", "packed.csv.gz", "packed.csv.zst"] {
        let path = folder.path().join(name);
        write_file(&path, "\u{feff}id,name\r\n1,one\r\n\r\n2,\"t,wo\"\n3,three".as_bytes());
        let source = CsvFiles::<Order>::path(&path);
        let records = drive_source(&source, 1).unwrap().records;
        assert_eq!(records.iter().map(|order| order.id).collect::<Vec<_>>(), [1, 2, 3], "{name}");
        assert_eq!(source.replay(), Replay::FromPosition);
        // A size says that the split ends, so that not all of them are opened at the same time.
        let split = &source.splits(&SplitContext { workers: 1 }).unwrap()[0];
        assert_eq!(split.bytes, Some(path.metadata().unwrap().len()));
        check_replay(&source, 1, 1);
        check_drop(&source, || !is_open(&path));
    }
}

#[test]
fn a_large_file_is_read_in_ranges_and_each_line_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.csv");
    let mut random = Random::new(11);
    let mut text = b"id,name\n".to_vec();
    let mut count = 0;
    while text.len() < 3 * usize::try_from(RANGE_BYTES).unwrap() + 5_000 {
        let name = "x".repeat(usize::try_from(random.below(60_000)).unwrap());
        text.extend_from_slice(format!("{count},{name}\n").as_bytes());
        count += 1;
    }
    write_file(&path, &text);
    let source = CsvFiles::<Order>::path(&path);
    let splits = source.splits(&SplitContext { workers: 3 }).unwrap();
    assert_eq!(splits.len(), 4);
    assert_eq!(splits.iter().filter_map(|split| split.bytes).sum::<u64>(), text.len() as u64);
    let ids: Vec<_> = drive_source(&source, 3).unwrap().records.iter().map(|o| o.id).collect();
    assert!(ids.iter().copied().eq(0..count), "{} of {count} lines", ids.len());

    let whole = source.in_order();
    assert_eq!(whole.splits(&SplitContext { workers: 3 }).unwrap().len(), 1);
    let raw = FileSource::path(&path, RawLines).max_line_bytes(1000);
    assert!(drive_source(&raw, 3).unwrap().records.concat() == text, "not a byte is changed");

    // The position in the middle of a range, which knows the header from the file's beginning.
    let mut reader = open_reader(&source_of(&path), &splits[2], None).unwrap();
    let mut first = Vec::new();
    read_until(&mut *reader, &mut first, 3).unwrap();
    let mut again = open_reader(&source_of(&path), &splits[2], Some(&reader.position())).unwrap();
    let mut next = Vec::new();
    read_until(&mut *again, &mut next, 1).unwrap();
    assert_eq!(next[0].id, first[2].id + 1);
}

fn source_of(path: &std::path::Path) -> FileSource<Csv<Order>> {
    CsvFiles::path(path)
}

#[test]
fn bad_lines_follow_the_policy_and_are_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    write_file(&path, b"id,name\n1,one\nx,two\n3,too long a line\n4,four\n");
    let source = |policy| CsvFiles::<Order>::path(&path).max_line_bytes(9).on_bad_record(policy);
    let error = drive_source(&source(BadRecords::Fail), 1).unwrap_err().to_string();
    assert!(error.contains("line 3 of") && error.contains("orders.csv"), "{error}");
    let skipped = drive_source(&source(BadRecords::Skip), 1).unwrap();
    assert_eq!((skipped.records.len(), skipped.skipped), (2, 2));
    let dead = drive_source(&source(BadRecords::DeadLetter), 1).unwrap().dead;
    assert_eq!(dead.iter().map(|letter| &*letter.place).collect::<Vec<_>>(), ["line 3", "line 4"]);
    assert_eq!(dead[0].raw, b"x,two");
    assert_eq!(dead[1].raw, b"3,too lon");
    assert_eq!(dead[0].origin, path.display().to_string());
}

#[test]
fn a_file_that_changed_since_it_was_listed_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    let packed = folder.path().join("a.txt.gz");
    for (path, after) in [(&path, Some(&b"one\n"[..])), (&packed, Some(b"")), (&path, None)] {
        write_file(path, b"one\ntwo\n");
        let source = TextFiles::path(path);
        let split = &source.splits(&SplitContext { workers: 1 }).unwrap()[0];
        match after {
            Some(bytes) => write_file(path, bytes),
            None => std::fs::remove_file(path).unwrap(),
        }
        let mut reader = open_reader(&source, split, None).unwrap();
        let error = read_until(&mut *reader, &mut Vec::new(), 9).unwrap_err().to_string();
        assert!(error.contains("a.txt"), "{error}");
    }
    // What was appended since then belongs to another run.
    write_file(&path, b"one\ntwo\n");
    let source = TextFiles::path(&path);
    let split = &source.splits(&SplitContext { workers: 1 }).unwrap()[0];
    write_file(&path, b"one\ntwo\nthree\n");
    let mut records = Vec::new();
    read_until(&mut *open_reader(&source, split, None).unwrap(), &mut records, 9).unwrap();
    assert_eq!(records, ["one", "two"]);
}

#[test]
fn empty_and_damaged_compressed_files() {
    let folder = tempfile::tempdir().unwrap();
    for ending in ["gz", "zst"] {
        let path = folder.path().join(format!("a.txt.{ending}"));
        std::fs::write(&path, b"").unwrap();
        assert!(drive_source(&TextFiles::path(&path), 1).unwrap().records.is_empty());
        write_file(&path, b"one\ntwo\n");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
        let error = drive_source(&TextFiles::path(&path), 1).unwrap_err().to_string();
        assert!(error.contains(&format!("a.txt.{ending}")), "{error}");
    }
}

#[test]
fn names_that_are_not_utf8_are_read_too() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    write_file(&folder.path().join(std::ffi::OsStr::from_bytes(b"a\xff.txt")), b"one\n");
    assert_eq!(drive_source(&TextFiles::folder(folder.path()), 1).unwrap().records, ["one"]);
}

#[test]
fn a_pipe_is_read_as_it_comes() {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    let (read, mut write) = std::io::pipe().unwrap();
    let source = TextFiles::path(format!("/proc/self/fd/{}", read.as_raw_fd()));
    let split = source.splits(&SplitContext { workers: 4 }).unwrap().remove(0);
    assert_eq!(split.bytes, None, "it may never end");
    let mut reader = open_reader(&source, &split, None).unwrap();
    for text in ["one", "two"] {
        writeln!(write, "{text}").unwrap();
        let mut records = Vec::new();
        read_until(&mut *reader, &mut records, 1).unwrap();
        assert_eq!(records, [text]);
    }
}
