//! Jobs that go well: results, epochs, sleep.

use std::sync::atomic::AtomicBool;

use super::*;

#[test]
fn sums_are_the_same_in_every_topology() {
    for (processes, workers) in TOPOLOGIES {
        let seen = Seen::new();
        let source = || Numbers { count: 100_000, splits: None, endless: false };
        let results =
            run_as(processes, workers, Limits::default(), || sums_by_key(source(), 3, &seen));
        let reports: Vec<Report> = results.into_iter().map(Result::unwrap).collect();
        let mut sums = std::mem::take(&mut *seen.committed.lock().unwrap());
        sums.sort_unstable();
        assert_eq!(sums, expected(100_000), "{processes} processes, {workers} workers");
        assert_eq!(reports[0].records, 100_000);
        assert_eq!(reports[0].step("sink").unwrap().records_out, KEYS);
    }
}

#[test]
fn epochs_of_any_length_give_the_same_sums() {
    for (in_flight_bytes, interval) in [(1, 0), (10_000, 1), (64 << 20, 1_000)] {
        let seen = Seen::new();
        let epoch_interval = Duration::from_millis(interval);
        let limits = Limits { in_flight_bytes, epoch_interval, ..Limits::default() };
        let source = || Numbers { count: 30_000, splits: Some(3), endless: false };
        for result in run_as(1, 2, limits, || sums_by_key(source(), 1, &seen)) {
            result.unwrap();
        }
        let mut sums = std::mem::take(&mut *seen.committed.lock().unwrap());
        sums.sort_unstable();
        assert_eq!(sums, expected(30_000), "{in_flight_bytes} bytes, {interval} ms");
    }
}

/// Splits that wait for ever and count how often they are asked.
struct Silent {
    splits: usize,
    asked: Arc<AtomicU64>,
}

struct SilentReader {
    asked: Arc<AtomicU64>,
}

impl Source for Silent {
    type Record = u64;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        Ok((0..self.splits).map(|n| Split::named(format!("silent {n}"))).collect())
    }

    fn open(
        &self,
        _split: &Split,
        _position: Option<&Position>,
        _context: ReaderContext,
    ) -> Result<Box<dyn Reader<u64>>, Error> {
        Ok(Box::new(SilentReader { asked: Arc::clone(&self.asked) }))
    }
}

impl Reader<u64> for SilentReader {
    fn read(&mut self, _buffer: &mut ReadBuffer<u64>) -> Result<ReadStatus, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(ReadStatus::Pending)
    }
}

#[test]
fn a_job_sleeps_while_many_splits_are_silent() {
    let splits = 10 * Limits::default().batches_per_turn;
    let asked: Arc<AtomicU64> = Arc::default();
    let seen = Seen::new();
    let graph = Graph::new("silent");
    let source = Silent { splits, asked: Arc::clone(&asked) };
    let (numbers, _) = graph.source(source, BadRecords::Fail);
    let _ = graph.sink(&numbers, seen.sink());
    let job = start(graph.take(), Config::default().workers(1)).unwrap();
    // A time-out is what is tested: nobody wakes a reader, so nobody asks it again.
    let patience = std::time::Instant::now() + Duration::from_millis(200);
    while std::time::Instant::now() < patience {
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let often = asked.load(Ordering::SeqCst);
    assert!(often >= splits as u64, "every split was asked: {often}");
    assert!(often < 20 * splits as u64, "{splits} splits without records were asked {often} times");
    job.stop();
    job.wait().unwrap();
}

/// Passes nothing on, and does not end before it is told to.
struct Linger {
    has_begun_to_end: Arc<AtomicBool>,
    may_end: Arc<AtomicBool>,
}

impl Operator for Linger {
    type In = u64;
    type Out = u64;

    fn on_batch(&mut self, batch: &mut Vec<u64>, _out: &mut Output<'_, u64>) -> Result<(), Error> {
        batch.clear();
        Ok(())
    }

    fn on_input_end(&mut self, _out: &mut Output<'_, u64>) -> Result<Turn, Error> {
        self.has_begun_to_end.store(true, Ordering::SeqCst);
        Ok(if self.may_end.load(Ordering::SeqCst) { Turn::Done } else { Turn::More })
    }
}

#[test]
fn the_epoch_may_move_after_all_sources_have_ended() {
    let (begun, may_end): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
    let seen = Seen::new();
    let graph = Graph::new("late epoch");
    let source = Numbers { count: 100, splits: None, endless: false };
    let (numbers, _) = graph.source(source, BadRecords::Fail);
    let (has_begun_to_end, told) = (Arc::clone(&begun), Arc::clone(&may_end));
    let lingering = graph.operator(&numbers, Route::local(), "linger", move |_| Linger {
        has_begun_to_end: Arc::clone(&has_begun_to_end),
        may_end: Arc::clone(&told),
    });
    let _ = graph.sink(&lingering, seen.sink());
    let handle = start(graph.take(), Config::default().workers(1)).unwrap();
    while !begun.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    // As the news of another process would, when its own source ends a little later.
    for _ in 0..3 {
        let next = handle.shared().epochs.current().next();
        handle.shared().enter_epoch(next);
        std::thread::yield_now();
    }
    may_end.store(true, Ordering::SeqCst);
    handle.wait().unwrap();
}
