//! Jobs of unusual shapes: unread streams, idle sources, many splits, crowded steps, failing
//! workers, jobs in a row.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rheos::engine::{Position, Reader, ReaderContext, Split, SplitContext};
use rheos::prelude::*;

fn workers(workers: usize) -> Config {
    Config::default().workers(workers)
}

#[test]
fn a_union_may_feed_a_keyed_step() {
    for count in [1, 4] {
        let job = Job::new("union");
        let numbers = |from: u64| job.source(Collection::from_iter(from..from + 1_000));
        let (sink, rows) = collect();
        let all = numbers(0).union(numbers(500)).union(numbers(0).map(|n| n + 1));
        all.key_by(|n| n % 10).count().at_end().sink(sink);
        job.run(workers(count)).unwrap();
        let mut rows = rows.into_vec().unwrap();
        rows.sort_unstable();
        assert_eq!(rows, (0..10).map(|key| (key, 300)).collect::<Vec<_>>(), "{count} workers");
    }
}

#[test]
fn what_nobody_reads_is_dropped_and_holds_nothing_up() {
    let job = Job::new("unread");
    let numbers = job.source(Collection::from_iter(0..10_000u64));
    let (sink, rows) = collect();
    drop(numbers.clone().key_by(|n| n % 7).count().updates().map(|(key, _)| key));
    drop(numbers.clone().rebalance());
    numbers.count().at_end().sink(sink);
    job.run(workers(4)).unwrap();
    assert_eq!(rows.into_vec().unwrap(), [10_000]);
}

#[test]
fn a_source_that_has_ended_does_not_wait_for_an_idle_one() {
    let (sender, idle) = channel::<u64>(1);
    let (seen, counts) = mpsc::channel();
    let job = Job::new("idle");
    let all = job.source(Collection::from_iter(0..100u64)).union(job.source(idle));
    all.key_by(|_| 0u8).count().updates().sink(ForEach::new(move |(_, count): (u8, u64)| {
        // The test may have seen enough.
        let _ = seen.send(count);
    }));
    let handle = job.start(workers(4)).unwrap();
    let mut count = 0;
    while count < 100 {
        count = counts.recv_timeout(Duration::from_secs(30)).unwrap();
    }
    sender.finish();
    handle.wait().unwrap();
}

#[test]
fn many_small_files_are_read_with_few_open() {
    let folder = tempfile::tempdir().unwrap();
    for file in 0..2_000 {
        fs::write(folder.path().join(format!("{file}.txt")), format!("{file}\n{file}\n")).unwrap();
    }
    let (sink, rows) = collect();
    let job = Job::new("small files");
    job.source(TextFiles::folder(folder.path())).count().at_end().sink(sink);
    job.run(workers(4)).unwrap();
    assert_eq!(rows.into_vec().unwrap(), [4_000]);
}

/// More records than the queues of the job below and the buffers of its socket hold.
const BOUND: u64 = 5_000_000;

#[test]
fn what_a_step_makes_of_little_is_bounded_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let made = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&made);
    let job = Job::new("amplified");
    // Behind the exchange no budget of the source counts what a record becomes.
    job.source(Generator::new(|n| n).rate_per_second(200_000.0))
        .rebalance()
        .flat_map(|n| (0..100u64).map(move |m| n ^ m))
        .inspect(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        })
        .rebalance()
        .map(|n| n.to_string())
        .sink(TcpSink::connect(address, Text));
    let mut config = workers(2);
    config.limits.queued_bytes = 1 << 20;
    let handle = job.start(config).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let (mut last, mut same) = (0, 0);
    while same < 30 && last < BOUND {
        std::thread::park_timeout(Duration::from_millis(10));
        let now = made.load(Ordering::Relaxed);
        same = if now == last && now > 0 { same + 1 } else { 0 };
        last = now;
    }
    assert!(last < BOUND, "{last} records were made for nobody");
    handle.stop();
    let reader = std::thread::spawn(move || {
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).unwrap();
        rest.iter().filter(|byte| **byte == b'\n').count() as u64
    });
    assert!(handle.wait().unwrap().stopped);
    assert_eq!(reader.join().unwrap(), made.load(Ordering::Relaxed), "what was made arrives");
}

/// Two splits, of which the second cannot be opened.
struct HalfBroken;

impl Source for HalfBroken {
    type Record = u64;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        Ok(vec![Split::named("whole"), Split::named("broken")])
    }

    fn open(
        &self,
        split: &Split,
        _position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<u64>>, Error> {
        if split.name == "broken" {
            return Err(Error::usage("open the broken split", "it is broken"));
        }
        let source = Collection::from_iter(0..10u64);
        let split = Source::splits(&source, &SplitContext { workers: 1 })?.remove(0);
        source.open(&split, None, context)
    }
}

#[test]
fn a_worker_that_cannot_begin_fails_the_job() {
    for _ in 0..10 {
        let (sink, rows) = collect();
        let job = Job::new("half broken");
        job.source(HalfBroken).rebalance().sink(sink);
        let error = job.run(workers(2)).unwrap_err();
        assert!(error.to_string().contains("it is broken"), "{error}");
        assert!(rows.take().is_none());
    }
}

#[test]
fn jobs_may_follow_each_other() {
    for round in 0..20u64 {
        let (sink, rows) = collect();
        let job = Job::new("again");
        job.source(Collection::from_iter(0..round)).rebalance().count().at_end().sink(sink);
        job.run(workers(3)).unwrap();
        assert_eq!(rows.into_vec().unwrap(), [round]);
    }
}
