//! Windows and processing time, with a clock that the test moves: what answers because time passes
//! and not because records come, and what is late for senders that were not waited for.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use rheos::engine::{EventTime, JobHandle, ProcessingTime, TestClock};
use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::programs::until;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Kind {
    Seen,
    Pane(PaneTiming),
    TooLate,
}
use Kind::{Pane as Of, Seen, TooLate};
use PaneTiming::{Early, OnTime};

/// A row of what comes out: its kind, a time or a window's start, and a count.
type Row = (Kind, i64, u64);

fn count(pane: Pane<(), u64>) -> Row {
    (Of(pane.timing), pane.window.start.as_millis(), pane.value)
}

/// A job that runs by a clock which the test moves, and what came out of it.
struct Running {
    clock: Arc<TestClock>,
    rows: mpsc::Receiver<Row>,
    handle: JobHandle,
}

impl Running {
    fn start(job: Job, outputs: Vec<Stream<Row>>, workers: usize) -> Self {
        let clock = Arc::new(TestClock::at(ProcessingTime(1_000)));
        let (seen, rows) = mpsc::channel();
        for output in outputs {
            let seen = seen.clone();
            // The test may have seen enough.
            output.sink(ForEach::new(move |row: Row| {
                let _ = seen.send(row);
            }));
        }
        let config = Config::default().workers(workers).clock(Arc::clone(&clock) as Arc<dyn Clock>);
        Self { clock, rows, handle: job.start(config).unwrap() }
    }

    /// Waits for the next row.
    fn next(&self, context: &str) -> Row {
        let row = self.rows.recv_timeout(Duration::from_secs(30));
        row.unwrap_or_else(|error| panic!("{context}: {error}"))
    }
}

/// A record that is seen at 1,000 ms, and no more; then the clock moves by each of the
/// lengths, and after each a row comes.
fn check_after_silence(
    name: &str,
    windows: impl Fn(Stream<u64>) -> Stream<Row>,
    expected: &[(u64, Row)],
) {
    for workers in [1, 3] {
        let context = format!("{name}, {workers} workers");
        let (sender, records) = channel::<u64>(4);
        let job = Job::new("silence");
        let records = job.source(records);
        let seen = records.clone().map(|number| (Seen, number as i64, 0));
        let running = Running::start(job, vec![seen, windows(records)], workers);
        sender.send(1).unwrap();
        assert_eq!(running.next(&context), (Seen, 1, 0));
        // The operator itself must have seen it before the clock moves.
        until("the windows", || {
            let why = running.handle.why("window count");
            why.is_some_and(|why| why.holdings.windows > 0)
        });
        for (millis, row) in expected {
            let early = running.rows.try_recv();
            assert!(early.is_err(), "{context}: {early:?} before its time");
            running.clock.advance(ms(*millis));
            assert_eq!(running.next(&context), *row, "{context}, after {millis} ms");
        }
        sender.finish();
        running.handle.wait().unwrap();
    }
}

#[test]
fn windows_of_processing_time_answer_in_silence() {
    let windows = |windows: Windows| {
        move |records: Stream<u64>| {
            records.processing_time_window(windows.clone()).count().map(count)
        }
    };
    check_after_silence(
        "tumbling",
        windows(Windows::tumbling(ms(10_000))),
        &[(9_000, (Of(OnTime), 0, 1))],
    );
    check_after_silence(
        "sliding",
        windows(Windows::sliding(ms(4_000), ms(2_000))),
        &[(1_000, (Of(OnTime), -2_000, 1)), (2_000, (Of(OnTime), 0, 1))],
    );
    // A session includes its end.
    check_after_silence(
        "session",
        windows(Windows::session(ms(10_000))),
        &[(10_001, (Of(OnTime), 1_000, 1))],
    );
    check_after_silence(
        "early",
        windows(Windows::tumbling(ms(10_000)).early_every(ms(3_000))),
        &[(3_000, (Of(Early), 0, 1)), (6_000, (Of(OnTime), 0, 1))],
    );
}

#[test]
fn windows_of_event_time_answer_early_in_silence() {
    check_after_silence(
        "event time",
        |records| {
            let time = |number: &u64| EventTime::from_millis(*number as i64);
            let timed = records.event_time(time, Watermarks::monotone());
            let windows = Windows::tumbling(ms(100)).early_every(ms(5_000));
            timed.window(windows).count().drop_late().without_event_time().map(count)
        },
        &[(5_000, (Of(Early), 0, 1))],
    );
}

#[test]
fn what_comes_back_from_silence_is_late_and_not_lost() {
    for workers in [1, 3] {
        let context = format!("{workers} workers");
        let ((slow, slow_records), (fast, fast_records)) = (channel::<u64>(4), channel::<u64>(4));
        let job = Job::new("comes back");
        let timed = |records| {
            let time = |number: &u64| EventTime::from_millis(*number as i64);
            let watermarks = Watermarks::monotone().idle_after(ms(1_000));
            job.source(records).event_time(time, watermarks)
        };
        let slow_records = timed(slow_records);
        let seen = slow_records.clone().without_event_time();
        let both = slow_records.union(timed(fast_records));
        let (counts, late) = both.window(Windows::tumbling(ms(10))).count().late();
        let outputs = vec![
            seen.map(|number| (Seen, number as i64, 0)),
            counts.without_event_time().map(count),
            late.without_event_time().map(|number| (TooLate, number as i64, 1)),
        ];
        let running = Running::start(job, outputs, workers);
        let next = || running.next(&context);
        slow.send(3).unwrap();
        assert_eq!(next(), (Seen, 3, 0));
        running.clock.advance(ms(1_000));
        fast.send(104).unwrap();
        assert_eq!(next(), (Of(OnTime), 0, 1), "nobody waits for the slow one, {context}");
        for number in [5, 7, 8] {
            slow.send(number).unwrap();
            let mut rows = [next(), next()];
            rows.sort_unstable();
            let number = number as i64;
            assert_eq!(rows, [(Seen, number, 0), (TooLate, number, 1)], "{context}");
        }
        slow.finish();
        fast.finish();
        assert_eq!(next(), (Of(OnTime), 100, 1), "{context}");
        running.handle.wait().unwrap();
    }
}
