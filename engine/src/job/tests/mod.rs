//! Whole jobs on the bare engine: a source of numbers, a stage, an operator, a sink.
//!
//! The parts are here; [`running`] holds the tests of jobs that go well, [`ending`] those of jobs
//! that are stopped, fail, or never begin.

mod ending;
mod running;

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::checkpoint::{self, Checkpoints};
use crate::consumer::{Consumer, Flush, Next};
use crate::plan::{Graph, Plan, Route};
use crate::{
    BadRecords, CheckpointId, Config, Delivery, Error, ErrorKind, EventTime, ExchangeData, Finish,
    Keyed, KeyedState, Limits, Operator, Output, Placement, Position, Processes, ReadBuffer,
    ReadStatus, Reader, ReaderContext, Report, Run, Sink, Source, Split, SplitContext, Turn, Waker,
    Writer, WriterContext, start,
};

/// The numbers 0 to `count` - 1, over one split a worker or `splits` of them.
pub(super) struct Numbers {
    pub(super) count: u64,
    pub(super) splits: Option<usize>,
    /// Whether the splits never end but wait for ever after the last number.
    pub(super) endless: bool,
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
    waker: Waker,
    /// Set by another thread some time after the writer was asked to prepare.
    prepared: Option<Arc<AtomicBool>>,
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

    fn open(&self, context: WriterContext) -> Result<Box<dyn Writer<T>>, Error> {
        let (committed, stopped) = (Arc::clone(&self.committed), Arc::clone(&self.stopped));
        let (staged, waker, prepared) = (Vec::new(), context.waker, None);
        Ok(Box::new(MemoryWriter { staged, waker, prepared, committed, stopped }))
    }
}

impl<T: Send + 'static> Writer<T> for MemoryWriter<T> {
    fn write(&mut self, batch: &mut Vec<T>) -> Result<(), Error> {
        self.staged.append(batch);
        Ok(())
    }

    fn prepare(&mut self, cut: CheckpointId) -> Result<Option<Vec<u8>>, Error> {
        // What it has staged it publishes at the end of the input alone.
        if cut != CheckpointId::END {
            return Ok(Some(Vec::new()));
        }
        if let Some(prepared) = &self.prepared {
            return Ok(prepared.load(Ordering::SeqCst).then(Vec::new));
        }
        let prepared = Arc::clone(self.prepared.insert(Arc::default()));
        let waker = self.waker.clone();
        std::thread::spawn(move || {
            prepared.store(true, Ordering::SeqCst);
            waker.wake();
        });
        Ok(None)
    }

    fn finish(mut self: Box<Self>, how: Finish) -> Result<(), Error> {
        let is_prepared = self.prepared.as_ref().is_some_and(|flag| flag.load(Ordering::SeqCst));
        assert!(how == Finish::Stop || is_prepared, "committed before it was prepared");
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

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.next.watermark(watermark, run);
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
pub(super) struct Seen<T> {
    committed: Arc<Mutex<Vec<T>>>,
    stopped: Arc<AtomicU64>,
}

impl<T: ExchangeData> Seen<T> {
    pub(super) fn new() -> Self {
        Self { committed: Arc::default(), stopped: Arc::default() }
    }

    fn sink(&self) -> Memory<T> {
        let (committed, stopped) = (Arc::clone(&self.committed), Arc::clone(&self.stopped));
        Memory { committed, stopped }
    }
}

pub(super) fn sums_by_key(source: Numbers, steps: usize, seen: &Seen<(u64, u64)>) -> Plan {
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

fn two_workers() -> Config {
    Config::default().workers(2)
}
