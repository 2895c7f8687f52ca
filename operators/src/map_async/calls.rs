//! The step behind `map_async`: begins calls, and says what has come of them.

use std::collections::{BTreeMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use rheos_engine::{EpochEnd, Error, Holdings, IoPool, Operator, Output, Turn, Waker};

use super::attempts::{Panic, attempts, caught};
use super::{AsyncOptions, FailedCall};
use crate::Timeline;

/// What has come of a call.
struct Answer<T, U, E, S> {
    /// The how manieth call of this worker it was.
    number: u64,
    stamp: S,
    result: Result<Result<U, FailedCall<T, E>>, Panic>,
}

/// Makes calls, of which a bounded number has not been answered.
pub(super) struct Calls<T: 'static, U: 'static, E: 'static, F, M: Timeline> {
    call: Arc<F>,
    options: AsyncOptions<E>,
    pool: Arc<dyn IoPool>,
    waker: Waker,
    /// Records of the last batch whose calls have not begun.
    waiting: VecDeque<M::Record<T>>,
    /// Calls that have begun and about which nothing has been said.
    in_flight: usize,
    /// How many calls have begun.
    begun: u64,
    /// Where order is kept: the call about which something is to be said next, and what later
    /// ones have answered.
    next: u64,
    early: BTreeMap<u64, Said<T, U, E, M>>,
    sender: Sender<Answer<T, U, E, M::Stamp>>,
    answers: Receiver<Answer<T, U, E, M::Stamp>>,
}

/// What the step says about a record.
type Said<T, U, E, M> = <M as Timeline>::Record<Result<U, FailedCall<T, E>>>;

impl<T, U, E, F, C, M> Calls<T, U, E, F, M>
where
    T: Clone + Send + 'static,
    U: Send + 'static,
    E: Send + 'static,
    F: Fn(T) -> C + Send + Sync + 'static,
    C: Future<Output = Result<U, E>> + Send + 'static,
    M: Timeline,
{
    pub(super) fn new(
        call: F,
        options: AsyncOptions<E>,
        pool: Arc<dyn IoPool>,
        waker: Waker,
    ) -> Self {
        // Bounded by the calls in flight, each of which sends one answer.
        let (sender, answers) = channel();
        Self {
            call: Arc::new(call),
            options,
            pool,
            waker,
            waiting: VecDeque::new(),
            in_flight: 0,
            begun: 0,
            next: 0,
            early: BTreeMap::new(),
            sender,
            answers,
        }
    }

    /// Says what has been answered and begins as many calls as there is room for.
    fn go_on(&mut self, out: &mut Output<'_, Said<T, U, E, M>>) -> Result<(), Error> {
        while let Ok(answer) = self.answers.try_recv() {
            self.take(answer, out);
        }
        while self.in_flight < self.options.in_flight
            && let Some(record) = self.waiting.pop_front()
        {
            self.begin(record)?;
        }
        Ok(())
    }

    fn take(&mut self, answer: Answer<T, U, E, M::Stamp>, out: &mut Output<'_, Said<T, U, E, M>>) {
        // A panic goes on where it fails the job with the name of the step.
        let result = answer.result.unwrap_or_else(|panic| resume_unwind(panic));
        let said = M::join(answer.stamp, result);
        if !self.options.is_ordered {
            self.in_flight -= 1;
            out.push(said);
            return;
        }
        self.early.insert(answer.number, said);
        while let Some(said) = self.early.remove(&self.next) {
            self.next += 1;
            self.in_flight -= 1;
            out.push(said);
        }
    }

    fn begin(&mut self, record: M::Record<T>) -> Result<(), Error> {
        let (stamp, record) = M::split(record);
        let (number, sender, waker) = (self.begun, self.sender.clone(), self.waker.clone());
        let pool = Arc::clone(&self.pool);
        let call = attempts(Arc::clone(&self.call), record, self.options.clone(), pool);
        self.begun += 1;
        self.in_flight += 1;
        self.pool.spawn(Box::pin(async move {
            let result = caught(call).await;
            // A step that is gone does not need to hear.
            let _ = sender.send(Answer { number, stamp, result });
            waker.wake();
        }))
    }

    fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.waiting.is_empty()
    }
}

impl<T, U, E, F, C, M> Operator for Calls<T, U, E, F, M>
where
    T: Clone + Send + 'static,
    U: Send + 'static,
    E: Send + 'static,
    F: Fn(T) -> C + Send + Sync + 'static,
    C: Future<Output = Result<U, E>> + Send + 'static,
    M: Timeline,
    M::Record<T>: Send,
    Said<T, U, E, M>: Send,
{
    type In = M::Record<T>;
    type Out = Said<T, U, E, M>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        self.waiting.extend(batch.drain(..));
        self.go_on(out)
    }

    /// While there is room for a call no record waits for one.
    fn ready(&self) -> bool {
        self.in_flight < self.options.in_flight
    }

    fn on_wake(&mut self, out: &mut Output<'_, Self::Out>) -> Result<(), Error> {
        self.go_on(out)
    }

    /// Nothing is in flight between two epochs: results belong to the epoch of their records, the
    /// watermark passes as it is, and there is no state.
    fn on_epoch_end(
        &mut self,
        _end: EpochEnd,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        self.go_on(out)?;
        Ok(if self.is_idle() { Turn::Done } else { Turn::Wait })
    }

    fn holdings(&self) -> Holdings {
        let records = self.waiting.len() + self.in_flight;
        Holdings { records, ..Holdings::default() }
    }
}
