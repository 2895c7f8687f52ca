//! Collecting commits all or nothing, within its limit.

use rheos_engine::{CheckpointId, ErrorKind, Finish};

use super::*;
use crate::contract::{drive_sink, open_writer};

#[test]
fn nothing_is_seen_before_the_commit_and_everything_after() {
    let (sink, collected) = collect::<u32>();
    let mut writer = open_writer(&sink).unwrap();
    let mut batch = vec![3, 1];
    writer.write(&mut batch).unwrap();
    assert!(batch.is_empty());
    writer.write(&mut vec![2]).unwrap();
    writer.prepare(CheckpointId::END).unwrap();
    assert_eq!(collected.take(), None);
    writer.finish(Finish::Commit).unwrap();
    assert_eq!(collected.take(), Some(vec![3, 1, 2]));
    assert_eq!(collected.take(), None);
}

#[test]
fn a_job_that_stopped_or_failed_leaves_an_error_that_says_so() {
    let (sink, collected) = collect::<u32>();
    drive_sink(&sink, vec![vec![1]], Finish::Stop).unwrap();
    let mut failed = open_writer(&sink).unwrap();
    failed.write(&mut vec![1]).unwrap();
    drop(failed);
    let error = collected.into_vec().unwrap_err();
    assert!(error.to_string().contains("no job has committed"), "{error}");
}

#[test]
fn a_job_that_commits_no_records_has_committed() {
    let (sink, collected) = collect::<u32>();
    drive_sink(&sink, vec![], Finish::Commit).unwrap();
    assert!(collected.into_vec().unwrap().is_empty());
}

#[test]
fn the_limit_fails_the_job_by_name() {
    let (sink, _collected) = collect::<u32>();
    let mut writer = open_writer(&sink.limit(3)).unwrap();
    writer.write(&mut vec![1, 2, 3]).unwrap();
    let error = writer.write(&mut vec![4]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("more than 3 records"), "{error}");
}
