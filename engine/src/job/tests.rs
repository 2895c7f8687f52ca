//! Whole jobs on the bare engine: a source of numbers, a stage, an operator, a sink.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::consumer::{Consumer, Flush, Next};
use crate::plan::{Graph, Plan, Route};
use crate::{
    BadRecords, Config, Delivery, Error, ErrorKind, ExchangeData, Finish, Keyed, KeyedState,
    Limits, Operator, Output, Placement, Position, Processes, ReadBuffer, ReadStatus, Reader,
    ReaderContext, Report, Run, Sink, Source, Split, SplitContext, Turn, Writer, WriterContext,
    start,
};

/// The numbers 0 to `count` - 1, over one split a worker or `splits` of them.
struct Numbers {
    count: u64,
    splits: Option<usize>,
    /// Whether the splits never end but wait for ever after the last number.
    endless: bool,
}

struct NumbersReader {
    next: u64,
    step: u64,
    count: u64,
    endless: bool,
}

impl Source for Numbers {
    type Record = u64;

    fn splits(&self, context: &SplitContext) -> Result<Vec<Split>, Error> {
        let splits = self.splits.unwrap_or(context.workers);
        let split = |n: usize| Split {
            payload: format!("{n}/{splits}").into_bytes(),
            ..Split::named(format!("numbers {n}"))
        };
        Ok((0..splits).map(split).collect())
    }

    fn open(
        &self,
        split: &Split,
        _position: Option<&Position>,
        _context: ReaderContext,
    ) -> Result<Box<dyn Reader<u64>>, Error> {
        let text = String::from_utf8_lossy(&split.payload).into_owned();
        let (first, step) = text.split_once('/').unwrap();
        let (next, step) = (first.parse().unwrap(), step.parse().unwrap());
        Ok(Box::new(NumbersReader { next, step, count: self.count, endless: self.endless }))
    }
}

impl Reader<u64> for NumbersReader {
    fn read(&mut self, buffer: &mut ReadBuffer<u64>) -> Result<ReadStatus, Error> {
        while !buffer.is_full() {
            if self.next >= self.count {
                return Ok(if self.endless { ReadStatus::Pending } else { ReadStatus::End });
            }
            buffer.push(self.next);
            self.next += self.step;
        }
        Ok(ReadStatus::More)
    }
}

/// Keeps records in memory; what is committed is seen by the test.
struct Memory<T> {
    committed: Arc<Mutex<Vec<T>>>,
    stopped: Arc<AtomicU64>,
}

struct MemoryWriter<T> {
    staged: Vec<T>,
    committed: Arc<Mutex<Vec<T>>>,
    stopped: Arc<AtomicU64>,
}

impl<T: Send + 'static> Sink for Memory<T> {
    type Record = T;

    fn delivery(&self) -> Delivery {
        Delivery::Staged
    }

    fn placement(&self) -> Placement {
        Placement::EveryWorker
    }

    fn open(&self, _context: WriterContext) -> Result<Box<dyn Writer<T>>, Error> {
        let (committed, stopped) = (Arc::clone(&self.committed), Arc::clone(&self.stopped));
        Ok(Box::new(MemoryWriter { staged: Vec::new(), committed, stopped }))
    }
}

impl<T: Send + 'static> Writer<T> for MemoryWriter<T> {
    fn write(&mut self, batch: &mut Vec<T>) -> Result<(), Error> {
        self.staged.append(batch);
        Ok(())
    }

    fn finish(mut self: Box<Self>, how: Finish) -> Result<(), Error> {
        match how {
            Finish::Commit => self.committed.lock().unwrap().append(&mut self.staged),
            Finish::Stop => {
                self.stopped.fetch_add(self.staged.len() as u64, Ordering::SeqCst);
            }
        }
        Ok(())
    }
}

/// A stage that applies a function to every record.
struct Apply<F, U> {
    function: F,
    next: Next<U>,
}

impl<T: 'static, U: 'static, F: Fn(T) -> U + 'static> Consumer<T> for Apply<F, U> {
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        let mut out = batch.drain(..).map(&self.function).collect();
        self.next.batch(&mut out, run);
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.next.flush(flush, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.next.end(run);
    }
}

/// The sum of the values of each key, at the end of the input.
#[derive(Default)]
struct Sums {
    state: KeyedState<u64, u64>,
    said: usize,
}

impl Operator for Sums {
    type In = Keyed<u64, u64>;
    type Out = (u64, u64);

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        _out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for Keyed { hash, key, value } in batch.drain(..) {
            let at = self.state.find_or_insert(hash, key, || 0);
            self.state.entry_mut(at).state += value;
        }
        Ok(())
    }

    fn on_input_end(&mut self, out: &mut Output<'_, Self::Out>) -> Result<Turn, Error> {
        while self.said < self.state.len() {
            if out.is_full() {
                return Ok(Turn::More);
            }
            let entry = self.state.entry(self.said);
            out.push((entry.key, entry.state));
            self.said += 1;
        }
        Ok(Turn::Done)
    }
}

const KEYS: u64 = 1000;

/// What a test sees of a job from outside.
struct Seen<T> {
    committed: Arc<Mutex<Vec<T>>>,
    stopped: Arc<AtomicU64>,
}

impl<T: ExchangeData> Seen<T> {
    fn new() -> Self {
        Self { committed: Arc::default(), stopped: Arc::default() }
    }

    fn sink(&self) -> Memory<T> {
        let (committed, stopped) = (Arc::clone(&self.committed), Arc::clone(&self.stopped));
        Memory { committed, stopped }
    }
}

fn sums_by_key(source: Numbers, steps: usize, seen: &Seen<(u64, u64)>) -> Plan {
    let graph = Graph::new("sums");
    let (numbers, _) = graph.source(source, BadRecords::Fail);
    let mut keyed = graph.stage(&numbers, "key", |_, next| {
        Box::new(Apply { function: |n: u64| Keyed::new(n % KEYS, n), next })
    });
    let by_key = || Route::by_key(|record: &Keyed<u64, u64>| record.hash);
    for _ in 1..steps {
        let shifted = graph.operator(&keyed, by_key(), "shift", |_| Shift);
        keyed = shifted;
    }
    let sums = graph.operator(&keyed, by_key(), "sum", |_| Sums::default());
    let _ = graph.sink(&sums, seen.sink());
    graph.take()
}

/// Gives every record a key on another worker and takes it back at the next step.
struct Shift;

impl Operator for Shift {
    type In = Keyed<u64, u64>;
    type Out = Keyed<u64, u64>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        out.push_batch(batch);
        Ok(())
    }
}

fn expected(count: u64) -> Vec<(u64, u64)> {
    let mut sums = vec![0; KEYS as usize];
    (0..count).for_each(|n| sums[(n % KEYS) as usize] += n);
    (0..KEYS).zip(sums).filter(|(key, _)| *key < count).collect()
}

/// Runs one job as `processes` processes of `workers` workers; processes are threads here, each
/// with a plan of its own, connected over loopback as real ones are.
fn run_as(
    processes: usize,
    workers: usize,
    limits: Limits,
    plan: impl Fn() -> Plan + Sync,
) -> Vec<Result<Report, Error>> {
    let config = Config::default().workers(workers).limits(limits);
    if processes == 1 {
        return vec![start(plan(), config).and_then(|job| job.wait())];
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut hosts = vec![listener.local_addr().unwrap().to_string()];
    hosts.resize(processes, "127.0.0.1:0".to_owned());
    let listener = Arc::new(listener);
    std::thread::scope(|scope| {
        let members: Vec<_> = (0..processes)
            .map(|process| {
                let mut config =
                    config.clone().processes(Processes::Hosts { hosts: hosts.clone(), process });
                config.listener = (process == 0).then(|| Arc::clone(&listener));
                let plan = &plan;
                scope.spawn(move || start(plan(), config).and_then(|job| job.wait()))
            })
            .collect();
        members.into_iter().map(|member| member.join().unwrap()).collect()
    })
}

/// Every shape in which jobs are tested.
const TOPOLOGIES: [(usize, usize); 4] = [(1, 1), (1, 4), (2, 1), (2, 2)];

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

#[test]
fn a_panic_fails_every_process_and_names_the_step() {
    for (processes, workers) in TOPOLOGIES {
        let seen = Seen::new();
        let results = run_as(processes, workers, Limits::default(), || {
            let graph = Graph::new("panics");
            let source = Numbers { count: 1_000_000, splits: None, endless: true };
            let (numbers, _) = graph.source(source, BadRecords::Fail);
            let checked = graph.stage(&numbers, "check", |_, next| {
                let function = |n: u64| {
                    assert!(n != 77_777, "seventy-seven");
                    n
                };
                Box::new(Apply { function, next })
            });
            let _ = graph.sink(&checked, seen.sink());
            graph.take()
        });
        assert_eq!(results.len(), processes);
        for result in results {
            let error = result.unwrap_err();
            assert_eq!(error.step(), Some("check"), "{error}");
            assert_eq!(error.kind(), ErrorKind::UserCode);
            assert!(error.to_string().contains("seventy-seven"), "{error}");
        }
        assert!(seen.committed.lock().unwrap().is_empty(), "nothing is published");
    }
}

#[test]
fn stopping_is_not_the_end_of_the_input() {
    let seen = Seen::new();
    let graph = Graph::new("stops");
    let source = Numbers { count: 10_000, splits: Some(2), endless: true };
    let (numbers, _) = graph.source(source, BadRecords::Fail);
    let _ = graph.sink(&numbers, seen.sink());
    let sums = Seen::new();
    let handle = start(
        sums_by_key(Numbers { count: 10_000, splits: Some(2), endless: true }, 1, &sums),
        two_workers(),
    )
    .unwrap();
    let copy = start(graph.take(), two_workers()).unwrap();
    for job in [&handle, &copy] {
        while job.metrics().records < 10_000 {
            std::thread::yield_now();
        }
        job.stop();
    }
    assert!(handle.wait().unwrap().stopped);
    assert!(copy.wait().unwrap().stopped);
    assert_eq!(sums.stopped.load(Ordering::SeqCst), 0, "no result waits behind the end");
    assert_eq!(seen.stopped.load(Ordering::SeqCst), 10_000, "what was read has been finished");
    assert!(seen.committed.lock().unwrap().is_empty() && sums.committed.lock().unwrap().is_empty());
}

#[test]
fn draining_is_the_end_of_the_input() {
    let seen = Seen::new();
    let source = Numbers { count: 10_000, splits: Some(2), endless: true };
    let handle = start(sums_by_key(source, 2, &seen), two_workers()).unwrap();
    while handle.metrics().records < 10_000 {
        std::thread::yield_now();
    }
    handle.drain();
    assert!(!handle.wait().unwrap().stopped);
    let mut sums = std::mem::take(&mut *seen.committed.lock().unwrap());
    sums.sort_unstable();
    assert_eq!(sums, expected(10_000));
}

fn two_workers() -> Config {
    Config::default().workers(2)
}

#[test]
fn processes_with_different_plans_do_not_work_together() {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    let hub = listener.local_addr().unwrap().to_string();
    let limits = Limits { connect_timeout: Duration::from_millis(500), ..Limits::default() };
    let seat = |process| {
        let hosts = vec![hub.clone(), "127.0.0.1:0".to_owned()];
        let processes = Processes::Hosts { hosts, process };
        let mut config = Config::default().workers(1).limits(limits.clone()).processes(processes);
        config.listener = (process == 0).then(|| Arc::clone(&listener));
        config
    };
    let seen = Seen::new();
    let plan =
        |steps| sums_by_key(Numbers { count: 1, splits: None, endless: false }, steps, &seen);
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| start(plan(1), seat(0)).map(drop).unwrap_err());
        let other = start(plan(2), seat(1)).map(drop).unwrap_err();
        (one.join().unwrap(), other)
    });
    assert!(other.to_string().contains("plan"), "{other}");
    assert_eq!(other.kind(), ErrorKind::Usage);
    assert!(one.to_string().contains("wait for process 1"), "{one}");
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

#[test]
fn processes_that_are_stopped_and_drained_at_once_agree() {
    for round in 0..10 {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let hosts = vec![listener.local_addr().unwrap().to_string(), "127.0.0.1:0".to_owned()];
        let both_run = std::sync::Barrier::new(2);
        let member = |process: usize| {
            let processes = Processes::Hosts { hosts: hosts.clone(), process };
            let mut config = Config::default().workers(1).processes(processes);
            config.listener = (process == 0).then(|| Arc::clone(&listener));
            let source = Numbers { count: 10, splits: Some(2), endless: true };
            let job = start(sums_by_key(source, 1, &Seen::new()), config).unwrap();
            while job.metrics().records == 0 {
                std::thread::yield_now();
            }
            both_run.wait();
            if process == 0 {
                job.stop()
            } else {
                job.drain()
            }
            job.wait().unwrap().stopped
        };
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(|| member(1));
            (member(0), other.join().unwrap())
        });
        assert_eq!(one, other, "round {round}");
    }
}

#[test]
fn a_failure_leaves_no_thread_of_a_connection() {
    let sending = || {
        let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let names =
            threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
        names.filter(|name| name.starts_with("timely:")).count()
    };
    for _ in 0..20 {
        let seen = Seen::new();
        let results = run_as(2, 1, Limits::default(), || {
            let graph = Graph::new("panics");
            let source = Numbers { count: 10_000, splits: None, endless: true };
            let (numbers, _) = graph.source(source, BadRecords::Fail);
            let checked = graph.stage(&numbers, "check", |_, next| {
                let function = |n: u64| {
                    assert!(n != 7_777, "seventy-seven");
                    n
                };
                Box::new(Apply { function, next })
            });
            let _ = graph.sink(&checked, seen.sink());
            graph.take()
        });
        assert!(results.iter().all(Result::is_err));
    }
    // Other tests have connections too, for as long as they run; those of twenty jobs are more.
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while sending() >= 20 {
        assert!(std::time::Instant::now() < deadline, "{} threads are left", sending());
        std::thread::yield_now();
    }
}

#[test]
fn a_failure_is_explained_to_three_processes() {
    for round in 0..5 {
        let seen = Seen::new();
        let results = run_as(3, 1, Limits::default(), || {
            let graph = Graph::new("panics");
            let source = Numbers { count: 1_000_000, splits: None, endless: true };
            let (numbers, _) = graph.source(source, BadRecords::Fail);
            let checked = graph.stage(&numbers, "check", |context, next| {
                let worker = context.worker();
                let function = move |n: u64| {
                    assert!(worker != 2 || n < 7_777, "seventy-seven");
                    n
                };
                Box::new(Apply { function, next })
            });
            let _ = graph.sink(&checked, seen.sink());
            graph.take()
        });
        for (process, result) in results.into_iter().enumerate() {
            let error = result.unwrap_err();
            assert_eq!(error.step(), Some("check"), "round {round}, process {process}: {error}");
        }
    }
}
