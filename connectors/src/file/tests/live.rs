//! Files that grow and folders that are filled.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use rheos_engine::{BadRecords, Position, ReadBuffer, Reader, Source, Split, SplitContext};

use super::super::*;
use super::{is_open, write_file};
use crate::contract::{check_drop, read_until};
use crate::drive::{open as open_reader, wait_for};

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
    read_on_until(&mut *reader, |position| position.contains("\"current\":null"));
    fs::remove_file(path("z.txt")).unwrap();
    let mut again = open_reader(&source, &split, Some(&reader.position())).unwrap();
    write_file(&path("last.txt"), b"last\n");
    expect(&mut *again, &["last"]);
}

/// Reads on, where no record comes, until the position is like this.
fn read_on_until(reader: &mut dyn Reader<String>, is_there: impl Fn(&str) -> bool) {
    let mut buffer = ReadBuffer::new(1, BadRecords::Fail);
    wait_for("a position", || {
        reader.read(&mut buffer).unwrap();
        assert!(buffer.take().records.is_empty());
        is_there(std::str::from_utf8(&reader.position().0).unwrap()).then_some(())
    });
}

#[test]
fn a_name_that_was_read_before_may_belong_to_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let [path, other] = ["a.txt", "_other"].map(|name| folder.path().join(name));
    let marker = folder.path().join("z.txt");
    let replace = || {
        write_file(&other, b"one\ntwo\n");
        fs::rename(&other, &path).unwrap();
    };
    let changes: [(&dyn Fn(), &[&str]); 5] = [
        (&|| {}, &["marker"]),
        (&|| append(&path, "two\n"), &["marker"]),
        (&replace, &["one", "two", "marker"]),
        (&|| write_file(&path, b"new\n"), &["new", "marker"]),
        (&|| write_file(&path, b"1\n"), &["1", "marker"]),
    ];
    for (change, expected) in changes {
        for is_down in [true, false] {
            let _ = fs::remove_file(&marker);
            write_file(&path, b"one\n");
            let source = TextFiles::folder(folder.path()).watch();
            let split = source.splits(&SplitContext { workers: 1 }).unwrap().remove(0);
            let mut reader = open_reader(&source, &split, None).unwrap();
            expect(&mut *reader, &["one"]);
            read_on_until(&mut *reader, |position| position.contains("\"current\":null"));
            if is_down {
                let position = reader.position();
                drop(reader);
                change();
                reader = open_reader(&source, &split, Some(&position)).unwrap();
            } else {
                change();
            }
            let (changed, marked) = expected.split_at(expected.len() - 1);
            expect(&mut *reader, changed);
            write_file(&marker, b"marker\n");
            expect(&mut *reader, marked);
        }
    }
}

#[test]
fn a_position_holds_only_files_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one.txt", "two.txt"].map(|name| folder.path().join(name));
    write_file(&one, b"1\n");
    write_file(&two, b"2\n");
    let source = TextFiles::folder(folder.path()).watch();
    let split = source.splits(&SplitContext { workers: 1 }).unwrap().remove(0);
    // A position of an earlier version, which knew only names.
    let names = format!(r#"{{"done":["{}"],"current":null}}"#, one.display());
    let position = Position(names.into_bytes());
    let mut reader = open_reader(&source, &split, Some(&position)).unwrap();
    expect(&mut *reader, &["2"]);
    read_on_until(&mut *reader, |position| {
        position.contains("current\":null") && position.matches("inode").count() == 2
    });
    fs::remove_file(&one).unwrap();
    read_on_until(&mut *reader, |position| !position.contains("one.txt"));
    let position = reader.position();
    drop(reader);
    // What goes while the job is down goes from the position, too.
    fs::remove_file(&two).unwrap();
    let mut reader = open_reader(&source, &split, Some(&position)).unwrap();
    read_on_until(&mut *reader, |position| position.contains("\"done\":[]"));
}
