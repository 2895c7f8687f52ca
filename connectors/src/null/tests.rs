//! Everything is dropped and counted, over all writers.

use rheos_engine::{Finish, Sink, Waker, WriterContext};

use super::*;

#[test]
fn the_records_of_all_writers_are_counted_together() {
    let sink = Null::new();
    let dropped = sink.dropped();
    let context = WriterContext::for_test(Waker::current_thread());
    let mut first = sink.open(context.clone()).unwrap();
    let mut second = sink.open(context).unwrap();
    let mut batch = vec!["a", "b"];
    first.write(&mut batch).unwrap();
    assert!(batch.is_empty());
    second.write(&mut vec!["c"]).unwrap();
    first.finish(Finish::Commit).unwrap();
    second.finish(Finish::Stop).unwrap();
    assert_eq!(dropped.count(), 3);
}
