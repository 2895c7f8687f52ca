//! Tests of the command, as a function.

use std::path::Path;
use std::sync::Arc;

use clap::Parser;

use crate::checkpoint::CheckpointsCommand;
use crate::checkpoint::disk::LocalDisk;
use crate::checkpoint::scenario::Run;
use crate::{Error, ErrorKind};

/// A folder with two checkpoints.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(Arc::new(LocalDisk::new(folder.path()))).unwrap();
    run.checkpoint().unwrap();
    run.checkpoint().unwrap();
    folder
}

/// Runs the command on a folder.
fn command(words: &[&str], folder: &Path) -> (String, Result<(), Error>) {
    let mut words: Vec<String> = words.iter().map(ToString::to_string).collect();
    words.insert(1, folder.display().to_string());
    words.insert(0, "rheos-checkpoints".to_owned());
    let mut out = Vec::new();
    let result = CheckpointsCommand::try_parse_from(words).unwrap().run(&mut out);
    (String::from_utf8(out).unwrap(), result)
}

fn json(words: &[&str], folder: &Path) -> serde_json::Value {
    let (text, result) = command(&[words, &["--json"]].concat(), folder);
    result.unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_folder_is_listed() {
    let folder = folder();
    let (text, result) = command(&["list"], folder.path());
    result.unwrap();
    assert!(text.starts_with("job `scenario`, started 1 times\n"), "{text}");
    assert!(text.ends_with(", the latest\nthe job goes on from checkpoint 2\n"), "{text}");
    let listed = json(&["list"], folder.path());
    assert_eq!(listed["latest"], 2);
    let [first, second] = [&listed["checkpoints"][0], &listed["checkpoints"][1]];
    assert_eq!((&first["id"], &first["files"]), (&1.into(), &2.into()));
    assert_eq!((&second["id"], &second["files"]), (&2.into(), &4.into()));
    assert_eq!(second["taken"], "2015-07-15T12:00:00Z");
}

#[test]
fn a_checkpoint_is_inspected() {
    let folder = folder();
    let (text, result) = command(&["inspect"], folder.path());
    result.unwrap();
    for line in [
        "checkpoint 2 of job `scenario`, taken 2015-07-15T12:00:00Z in run 1",
        "it goes on with epoch 420; it was taken by 2 workers",
        "step `count`: count, watermark 1970-01-01T00:00:09Z",
        "  `keys`, keyed: 36 entries, 1200 bytes, u64",
        "  `total`, singleton: 2 entries, 16 bytes, u64",
        "source `read`: in.jsonl",
        "  split 0, in.jsonl: goes on at 4096",
        "  split 3, later.jsonl: goes on at its beginning",
        "sink `write`: 1 writers have prepared, 2 bytes",
    ] {
        assert!(text.lines().any(|given| given == line), "{line} is not in\n{text}");
    }
    let inspected = json(&["inspect", "1"], folder.path());
    assert_eq!(inspected["steps"][1]["parts"][0]["entries"], 18);
    assert_eq!(inspected["files"][1]["name"], "state-00000001-001-001");
}

#[test]
fn damage_is_found_and_said() {
    let folder = folder();
    let (text, result) = command(&["verify"], folder.path());
    result.unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.starts_with("checkpoint 1 is whole: 3 files, "), "{text}");
    let file = folder.path().join("state-00000002-001-001");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (text, result) = command(&["verify"], folder.path());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Data);
    assert!(text.contains("checkpoint 2 is damaged:") && text.contains("002-001-001: "), "{text}");
    command(&["verify", "1"], folder.path()).1.unwrap();
    std::fs::remove_file(&file).unwrap();
    let (text, result) = command(&["list"], folder.path());
    result.unwrap();
    assert!(text.contains("2 is damaged: ") && text.contains("would not start"), "{text}");
}

#[test]
fn a_checkpoint_is_deleted_unless_it_is_needed() {
    let folder = folder();
    let (_, result) = command(&["delete", "2"], folder.path());
    assert!(result.unwrap_err().to_string().contains("the job goes on from it"));
    let (text, result) = command(&["delete", "1"], folder.path());
    result.unwrap();
    assert_eq!(text, "removed manifest-00000001\n", "the second one's chain needs the others");
    let run = Run::start(Arc::new(LocalDisk::new(folder.path()))).unwrap();
    let (_, result) = command(&["delete", "2"], folder.path());
    assert!(result.unwrap_err().to_string().contains("another job is running"));
    drop(run);
}

#[test]
fn other_folders_are_refused_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    for words in [&["list"][..], &["inspect"], &["verify"], &["delete", "1"]] {
        let (_, result) = command(words, folder.path());
        let error = result.unwrap_err().to_string();
        assert!(error.contains("--checkpoint-dir"), "{words:?}: {error}");
        let (_, result) = command(words, &folder.path().join("nowhere"));
        result.unwrap_err();
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
