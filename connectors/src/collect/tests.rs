//! Collecting commits all or nothing, within its limit.

use rheos_engine::{CheckpointId, ErrorKind, Finish, Recovery, Sink};

use super::*;
use crate::contract::{Appears, Outside, check_transactional_sink, drive_sink, open_writer};

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

/// A list, looked at without being taken.
struct Memory(Collected<u64>);

impl Outside<u64> for Memory {
    fn record(&self, number: u64) -> u64 {
        number
    }

    fn visible(&self) -> Vec<u64> {
        self.0.lock().committed.clone().unwrap_or_default()
    }

    fn recover_partly(&self, _recovery: &Recovery<'_>, _steps: usize) {}

    fn killed(&self, end: &mut dyn FnMut()) {
        end();
    }
}

#[test]
fn a_job_that_is_restored_in_the_same_process_goes_on_with_the_list() {
    for seed in 0..60 {
        let (sink, collected) = collect::<u64>();
        check_transactional_sink(&sink, Appears::AtEnd, &Memory(collected), seed);
    }
}

#[test]
fn in_another_process_the_list_is_lost_and_that_is_said() {
    let (sink, _collected) = collect::<u64>();
    let mut writer = open_writer(&sink).unwrap();
    writer.write(&mut vec![1]).unwrap();
    let prepared = [Vec::new(), writer.prepare(CheckpointId(1)).unwrap().unwrap()];
    let (other, _collected) = collect::<u64>();
    let error = other.recover(&Recovery { prepared: &prepared, run: 2 }).unwrap_err();
    assert!(error.to_string().contains("in the memory of a program that has ended"), "{error}");
    sink.recover(&Recovery { prepared: &prepared, run: 2 }).unwrap();
}
