//! Every record reaches the closure once and in order; an error stops the job.

use std::sync::{Arc, Mutex};

use rheos_engine::{ErrorKind, Finish, Placement, Sink};

use super::*;
use crate::contract::{drive_sink, open_writer};

#[test]
fn every_record_is_given_once_and_in_order() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let sink = ForEach::new(move |record: u32| keep.lock().unwrap().push(record));
    drive_sink(&sink, vec![vec![2, 1], vec![3]], Finish::Commit).unwrap();
    assert_eq!(*seen.lock().unwrap(), [2, 1, 3]);
}

#[test]
fn an_error_of_the_closure_fails_the_job_as_the_users() {
    let sink = ForEach::fallible(|record: u32| match record {
        13 => Err("unlucky"),
        _ => Ok(()),
    });
    let mut writer = open_writer(&sink).unwrap();
    writer.write(&mut vec![1, 2]).unwrap();
    let error = writer.write(&mut vec![12, 13, 14]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UserCode);
    assert!(error.to_string().contains("unlucky"), "{error}");
}

#[test]
fn in_order_means_one_worker() {
    let sink = ForEach::new(|_: u32| {});
    assert_eq!(sink.placement(), Placement::EveryWorker);
    assert_eq!(sink.in_order().placement(), Placement::OneWorker);
}
