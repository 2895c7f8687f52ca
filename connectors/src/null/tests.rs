//! Everything is dropped and counted, over all writers.

use rheos_engine::Finish;

use super::*;
use crate::contract::{drive_sink, open_writer};

#[test]
fn the_records_of_all_writers_are_counted_together() {
    let sink = Null::new();
    let dropped = sink.dropped();
    let mut other = open_writer(&sink).unwrap();
    other.write(&mut vec!["a"]).unwrap();
    drive_sink(&sink, vec![vec!["b", "c"], vec![]], Finish::Commit).unwrap();
    other.finish(Finish::Stop).unwrap();
    assert_eq!(dropped.count(), 3);
}
