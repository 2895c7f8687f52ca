//! Files that grow and folders that are filled.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use rheos_engine::{BadRecords, ReadBuffer, Reader, Source, Split, SplitContext};

use super::super::*;
use super::{is_open, write_file};
use crate::contract::{check_drop, read_until};
use crate::drive::open as open_reader;

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Reads until there are as many records as expected and compares them.
fn expect(reader: &mut dyn Reader<String>, expected: &[&str]) {
    let mut records = Vec::new();
    read_until(reader, &mut records, expected.len()).unwrap();
    assert_eq!(records, expected);
}

fn follow(path: &Path) -> (FollowedFile<crate::Text>, Split) {
    let source = TextFiles::path(path).follow();
    let split = source.splits(&SplitContext { workers: 2 }).unwrap().remove(0);
    (source, split)
}

#[test]
fn a_followed_file_may_be_absent_grow_rotate_and_be_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("a.log"), folder.path().join("a.log.1"));
    let (source, split) = follow(&path);
    let mut reader = open_reader(&source, &split, None).unwrap();
    expect(&mut *reader, &[]);
    append(&path, "one\ntw");
    expect(&mut *reader, &["one"]);
    append(&path, "o\n");
    expect(&mut *reader, &["two"]);
    let at_two = reader.position();

    // Rotation, while the writer still has the old file.
    fs::rename(&path, &old).unwrap();
    append(&old, "three\nha");
    append(&path, "four\n");
    expect(&mut *reader, &["three", "ha", "four"]);
    let at_four = reader.position();

    // Truncation.
    write_file(&path, b"5\n");
    expect(&mut *reader, &["5"]);
    drop(reader);

    // A position in the old file leads through it to the new one.
    let mut again = open_reader(&source, &split, Some(&at_two)).unwrap();
    expect(&mut *again, &["three", "ha", "5"]);
    // A position in what was truncated meanwhile leads nowhere.
    let mut again = open_reader(&source, &split, Some(&at_four)).unwrap();
    let error = read_until(&mut *again, &mut Vec::new(), 1).unwrap_err().to_string();
    assert!(error.contains("a.log: it was truncated from 5 to 2 bytes"), "{error}");
    // When the file of a position is gone, what was not read of it is lost: an error.
    fs::remove_file(&old).unwrap();
    let mut again = open_reader(&source, &split, Some(&at_two)).unwrap();
    let error = read_until(&mut *again, &mut Vec::new(), 1).unwrap_err().to_string();
    assert!(error.contains("a.log") && error.contains("gone"), "{error}");
}

#[test]
fn dropped_readers_of_live_files_let_go_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    append(&path, &"line\n".repeat(1 << 20));
    check_drop(&TextFiles::path(&path).follow(), || !is_open(&path));
    check_drop(&TextFiles::folder(folder.path()).watch(), || !is_open(&path));
}

#[test]
fn only_one_uncompressed_file_can_be_followed_and_only_folders_watched() {
    let context = SplitContext { workers: 1 };
    assert!(TextFiles::folder("/tmp").follow().splits(&context).is_err());
    assert!(TextFiles::path("a.gz").follow().splits(&context).is_err());
    assert!(TextFiles::path("a.txt").watch().splits(&context).is_err());
}

#[test]
fn a_watched_folder_gives_each_complete_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_file(&path("b.txt"), b"b1\nb2");
    write_file(&path("a.txt.gz"), b"a1\n");
    write_file(&path("empty.txt"), b"");
    write_file(&path("c.txt.tmp"), b"half");
    write_file(&path(".d.txt"), b"half");
    write_file(&path("_e.txt"), b"half");
    let source = TextFiles::folder(folder.path()).watch();
    let split = source.splits(&SplitContext { workers: 1 }).unwrap().remove(0);
    let mut reader = open_reader(&source, &split, None).unwrap();
    expect(&mut *reader, &["a1", "b1"]);
    let at_b1 = reader.position();
    expect(&mut *reader, &["b2"]);
    fs::rename(path("c.txt.tmp"), path("c.txt")).unwrap();
    expect(&mut *reader, &["half"]);
    let mut again = open_reader(&source, &split, Some(&at_b1)).unwrap();
    expect(&mut *again, &["b2", "half"]);

    // A name that was given free may be used again.
    fs::remove_file(path("c.txt")).unwrap();
    write_file(&path("marker.txt"), b"marker\n");
    expect(&mut *reader, &["marker"]);
    write_file(&path("c.txt"), b"new\n");
    expect(&mut *reader, &["new"]);
    // What was read completely may be gone when reading continues.
    write_file(&path("z.txt"), b"z\n");
    expect(&mut *reader, &["z"]);
    let mut buffer = ReadBuffer::new(1, BadRecords::Fail);
    while !String::from_utf8(reader.position().0).unwrap().contains("\"current\":null") {
        reader.read(&mut buffer).unwrap();
    }
    fs::remove_file(path("z.txt")).unwrap();
    let mut again = open_reader(&source, &split, Some(&reader.position())).unwrap();
    write_file(&path("last.txt"), b"last\n");
    expect(&mut *again, &["last"]);
}
