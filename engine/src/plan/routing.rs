//! The ends of fused runs: how a batch gets from one step to the workers of the next.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::EventTime;
use crate::consumer::{AnyNext, Consumer, Flush};
use crate::context::WorkerContext;
use crate::dataflow::outbox::Outbox;
use crate::dataflow::parcel::{Decode, Parcel, Payload, decode, encode};
use crate::key::{ExchangeData, owner};
use crate::pool::Pool;
use crate::run::Run;

/// How the records of an edge are dealt over the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Partitioning {
    /// They stay on their worker.
    Local,
    /// By the key's group.
    ByKey,
    /// By a function of the program.
    Custom,
    /// In turn, to spread the load.
    Rebalance,
    /// Every worker gets every record.
    Broadcast,
    /// All to worker 0.
    Gather,
}

impl fmt::Display for Partitioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Partitioning::Local => "local",
            Partitioning::ByKey => "by key",
            Partitioning::Custom => "by the program's function",
            Partitioning::Rebalance => "in turn",
            Partitioning::Broadcast => "to every worker",
            Partitioning::Gather => "to worker 0",
        })
    }
}

pub(crate) type TerminalFactory =
    Arc<dyn Fn(&WorkerContext, Outbox) -> AnyNext + Send + Sync + 'static>;

/// How records of type `T` travel to a step with state: a partitioning and what carries it out.
pub struct Route<T> {
    pub(crate) partitioning: Partitioning,
    pub(crate) terminal: TerminalFactory,
    pub(crate) decode: Option<Decode>,
    pub(crate) is_timed: bool,
    pub(crate) is_read_first: bool,
    marker: std::marker::PhantomData<fn(T)>,
}

impl<T: Send + 'static> Route<T> {
    /// Records stay on their worker.
    #[must_use]
    pub fn local() -> Self {
        Self::new(Partitioning::Local, None, |context, outbox| {
            AnyNext::new(Box::new(Local::<T> {
                outbox,
                worker: context.worker,
                pool: context.pools.of(),
            }))
        })
    }

    /// The records have event time, or not: the step behind hears its watermarks only if they do.
    #[must_use]
    pub fn timed(mut self, is_timed: bool) -> Self {
        self.is_timed = is_timed;
        self
    }

    /// The records are read first: the sources of the step's other inputs are not opened before
    /// this one has ended on all workers.
    #[must_use]
    pub fn read_first(mut self) -> Self {
        self.is_read_first = true;
        self
    }

    fn new(
        partitioning: Partitioning,
        decode: Option<Decode>,
        terminal: impl Fn(&WorkerContext, Outbox) -> AnyNext + Send + Sync + 'static,
    ) -> Self {
        let terminal = Arc::new(terminal);
        let (is_timed, is_read_first) = (false, false);
        let marker = std::marker::PhantomData;
        Self { partitioning, terminal, decode, is_timed, is_read_first, marker }
    }
}

impl<T: ExchangeData> Route<T> {
    /// By the hash of a record's key: every record to the worker that owns the key's group.
    #[must_use]
    pub fn by_key(hash: impl Fn(&T) -> u64 + Clone + Send + Sync + 'static) -> Self {
        Self::new(Partitioning::ByKey, Some(decode::<T>), move |context, outbox| {
            let (hash, workers) = (hash.clone(), context.workers);
            Exchange::boxed(context, outbox, move |record| owner(hash(record), workers))
        })
    }

    /// By a function of the program: the worker is its result modulo the number of workers.
    #[must_use]
    pub fn custom(choose: impl Fn(&T) -> u64 + Clone + Send + Sync + 'static) -> Self {
        Self::new(Partitioning::Custom, Some(decode::<T>), move |context, outbox| {
            let (choose, workers) = (choose.clone(), context.workers as u64);
            Exchange::boxed(context, outbox, move |record| (choose(record) % workers) as usize)
        })
    }

    /// To all workers in turn.
    #[must_use]
    pub fn rebalance() -> Self {
        Self::new(Partitioning::Rebalance, Some(decode::<T>), |context, outbox| {
            let (workers, mut next) = (context.workers, context.worker);
            Exchange::boxed(context, outbox, move |_: &T| {
                next = (next + 1) % workers;
                next
            })
        })
    }

    /// All to worker 0.
    #[must_use]
    pub fn gather() -> Self {
        Self::new(Partitioning::Gather, Some(decode::<T>), |context, outbox| {
            Exchange::boxed(context, outbox, |_: &T| 0)
        })
    }

    /// A copy to every worker.
    #[must_use]
    pub fn broadcast() -> Self
    where
        T: Clone,
    {
        Self::new(Partitioning::Broadcast, Some(decode::<T>), |context, outbox| {
            let sender = Sender::new(context, outbox);
            AnyNext::new(Box::new(Broadcast::<T> { sender }))
        })
    }
}

/// Hands whole batches to the next step of the same worker.
struct Local<T> {
    outbox: Outbox,
    worker: usize,
    pool: Rc<Pool<T>>,
}

impl<T: Send + 'static> Consumer<T> for Local<T> {
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        if batch.is_empty() {
            return;
        }
        let bytes = std::mem::size_of::<T>() * batch.len();
        run.count_emitted(bytes);
        let (target, split, records) = (self.worker, run.split, batch.len());
        let batch = std::mem::replace(batch, self.pool.get(records));
        let payload = Payload::Records(Box::new(batch));
        self.outbox.put(Parcel { target, split, records, bytes, payload });
    }

    fn flush(&mut self, _flush: Flush, _run: &mut Run) {}

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        // A local edge has one sender.
        self.outbox.put(Parcel::watermark(self.worker, 0, watermark, run.is_idle));
    }

    fn end(&mut self, _run: &mut Run) {
        self.outbox.put(Parcel::end(self.worker));
    }
}

/// Sends batches to chosen workers: as they are within the process, encoded beyond it.
struct Sender<T> {
    outbox: Outbox,
    worker: usize,
    workers: usize,
    local: std::ops::Range<usize>,
    pool: Rc<Pool<T>>,
    /// Records in a full batch.
    target: usize,
}

impl<T: ExchangeData> Sender<T> {
    fn new(context: &WorkerContext, outbox: Outbox) -> Self {
        Self {
            outbox,
            worker: context.worker,
            workers: context.workers,
            local: context.local.clone(),
            pool: context.pools.of(),
            target: context.limits().records_per_batch::<T>(),
        }
    }

    /// Sends the records of a non-empty batch and leaves an empty one with room.
    fn send(&self, target: usize, batch: &mut Vec<T>, run: &mut Run) {
        let (split, records) = (run.split, batch.len());
        let bytes = std::mem::size_of::<T>() * records;
        run.count_emitted(bytes);
        let payload = if self.local.contains(&target) {
            Payload::Records(Box::new(std::mem::replace(batch, self.pool.get(self.target))))
        } else {
            let encoded = encode(batch);
            batch.clear();
            match encoded {
                Ok(bytes) => Payload::Encoded(bytes),
                Err(error) => return run.fail(error),
            }
        };
        self.outbox.put(Parcel { target, split, records, bytes, payload });
    }

    fn watermark(&self, watermark: EventTime, run: &Run) {
        // The only worker sends to itself over a local edge.
        let from = if self.workers > 1 { self.worker } else { 0 };
        for target in 0..self.workers {
            self.outbox.put(Parcel::watermark(target, from, watermark, run.is_idle));
        }
    }

    fn end(&self) {
        for target in 0..self.workers {
            self.outbox.put(Parcel::end(target));
        }
    }
}

/// Deals records over the workers by a function of the record.
struct Exchange<T, F> {
    sender: Sender<T>,
    route: F,
    /// What waits for each worker; one empty vector where there is only one worker.
    waiting: Vec<Vec<T>>,
}

impl<T: ExchangeData, F: FnMut(&T) -> usize + 'static> Exchange<T, F> {
    fn boxed(context: &WorkerContext, outbox: Outbox, route: F) -> AnyNext {
        let sender = Sender::new(context, outbox);
        let waiting = (0..context.workers).map(|_| Vec::new()).collect();
        AnyNext::new(Box::new(Self { sender, route, waiting }))
    }
}

impl<T: ExchangeData, F: FnMut(&T) -> usize + 'static> Consumer<T> for Exchange<T, F> {
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        if batch.is_empty() {
            return;
        }
        if self.waiting.len() == 1 {
            return self.sender.send(0, batch, run);
        }
        for record in batch.drain(..) {
            let worker = (self.route)(&record);
            let waiting = &mut self.waiting[worker];
            if waiting.capacity() == 0 {
                *waiting = self.sender.pool.get(self.sender.target);
            }
            waiting.push(record);
            if waiting.len() >= self.sender.target {
                self.sender.send(worker, waiting, run);
            }
        }
    }

    fn flush(&mut self, _flush: Flush, run: &mut Run) {
        for (worker, waiting) in self.waiting.iter_mut().enumerate() {
            if !waiting.is_empty() {
                self.sender.send(worker, waiting, run);
            }
        }
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.sender.watermark(watermark, run);
    }

    fn end(&mut self, _run: &mut Run) {
        self.sender.end();
    }
}

/// Sends a copy of every batch to every worker.
struct Broadcast<T> {
    sender: Sender<T>,
}

impl<T: ExchangeData + Clone> Consumer<T> for Broadcast<T> {
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        if batch.is_empty() {
            return;
        }
        for worker in 1..self.sender.workers {
            self.sender.send(worker, &mut batch.clone(), run);
        }
        self.sender.send(0, batch, run);
    }

    fn flush(&mut self, _flush: Flush, _run: &mut Run) {}

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.sender.watermark(watermark, run);
    }

    fn end(&mut self, _run: &mut Run) {
        self.sender.end();
    }
}

impl<T> fmt::Debug for Route<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({})", self.partitioning)
    }
}
