//! The program `rheos-checkpoints`, as a program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder that the first format wrote.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoint-v1")
}

fn run(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rheos-checkpoints"))
        .arg(arguments[0])
        .arg(folder)
        .args(&arguments[1..])
        .output()
        .unwrap()
}

#[test]
fn checkpoints_of_the_first_format_are_looked_at() {
    for (arguments, part) in [
        (&["list"][..], "the job goes on from checkpoint 2"),
        (&["list", "--json"], "\"latest\":2"),
        (&["inspect"], "checkpoint 2 of job `scenario`"),
        (&["inspect", "1"], "checkpoint 1 of job `scenario`"),
        (&["verify"], "checkpoint 2 is whole"),
    ] {
        let done = run(arguments, &fixture());
        let text = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success() && text.contains(part), "{arguments:?}: {text}");
        assert!(done.stderr.is_empty());
    }
}

#[test]
fn what_cannot_be_done_is_an_exit_code_and_a_reason() {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    std::fs::write(copy.path().join("state-00000001-001-000"), b"torn").unwrap();
    for (arguments, code, part) in [
        (&["verify"][..], 3, "damaged: 1, 2"),
        (&["inspect", "7"], 3, "manifest-00000007: the file is missing"),
        (&["delete", "7"], 2, "no such checkpoint"),
        (&["explode"], 2, "unrecognized subcommand"),
    ] {
        let done = run(arguments, copy.path());
        let text = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(part), "{arguments:?}: {text}");
    }
}
