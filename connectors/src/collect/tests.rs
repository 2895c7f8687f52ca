//! Collecting commits all or nothing, within its limit.

use rheos_engine::{ErrorKind, Finish, Sink, Waker, Writer, WriterContext};

use super::*;

fn writer_of(sink: &CollectSink<u32>) -> Box<dyn Writer<u32>> {
    sink.prepare_target().unwrap();
    sink.open(WriterContext::for_test(Waker::current_thread())).unwrap()
}

#[test]
fn nothing_is_seen_before_the_commit_and_everything_after() {
    let (sink, collected) = collect();
    let mut writer = writer_of(&sink);
    let mut batch = vec![3, 1];
    writer.write(&mut batch).unwrap();
    assert!(batch.is_empty());
    writer.write(&mut vec![2]).unwrap();
    writer.prepare().unwrap();
    assert_eq!(collected.take(), None);
    writer.finish(Finish::Commit).unwrap();
    assert_eq!(collected.take(), Some(vec![3, 1, 2]));
    assert_eq!(collected.take(), None);
}

#[test]
fn a_job_that_stopped_or_failed_leaves_an_error_that_says_so() {
    let (sink, collected) = collect();
    let mut stopped = writer_of(&sink);
    stopped.write(&mut vec![1]).unwrap();
    stopped.finish(Finish::Stop).unwrap();
    let mut failed = writer_of(&sink);
    failed.write(&mut vec![1]).unwrap();
    drop(failed);
    let error = collected.into_vec().unwrap_err();
    assert!(error.to_string().contains("no job has committed"), "{error}");
}

#[test]
fn a_job_that_commits_no_records_has_committed() {
    let (sink, collected) = collect();
    writer_of(&sink).finish(Finish::Commit).unwrap();
    assert!(collected.into_vec().unwrap().is_empty());
}

#[test]
fn the_limit_fails_the_job_by_name() {
    let (sink, _collected) = collect();
    let mut writer = writer_of(&sink.limit(3));
    writer.write(&mut vec![1, 2, 3]).unwrap();
    let error = writer.write(&mut vec![4]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("more than 3 records"), "{error}");
}
