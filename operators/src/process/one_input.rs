//! `process`: a process function on a keyed stream.

use std::convert::Infallible;
use std::marker::PhantomData;

use rheos_engine::{
    EpochEnd, Error, EventTime, ExchangeData, Holdings, Key, Keyed, Operator, Output,
    ProcessingTime, StateParts, Turn,
};

use super::function::ProcessFunction;
use super::keys::{Callbacks, ContextOf, Keys};
use super::side::{One, Shape, Two, part};
use super::time_to_live::TimeToLive;
use crate::apply::by_key;
use crate::{KeyedStream, Stream, Timeline};

impl<K: Key, V: 'static, M: Timeline> KeyedStream<K, V, M> {
    /// Runs a function of the program's own for each key, with state and timers; see
    /// [`ProcessFunction`], which has an example with timers in event time.
    ///
    /// # Semantics
    /// * **Order**: records are seen as they come; the order of one worker's records is kept.
    ///   Timers fire at the end of the epoch in which they are due, in order of time, those in
    ///   event time before those in processing time. So a record of that epoch is seen before the
    ///   timer, even if it is later in event time: a function whose results must not depend on it
    ///   compares the times.
    /// * **Watermarks**: passed on as they come, but not beyond the earliest time that a timer was
    ///   set to hold, see
    ///   [`ProcessContext::set_timer_holding`](crate::ProcessContext::set_timer_holding). A timer in event time fires with the
    ///   watermark that has come to its time; what it emits is not late behind the step.
    /// * **Late records**: the function sees them, [`ProcessContext::is_late`](crate::ProcessContext::is_late) says so, and what it emits
    ///   for them with their time is late for the steps behind.
    /// * **State**: each key's, with its timers, until the state is what it was at first and there
    ///   are no timers; what expires is dropped as [`ProcessFunction::time_to_live`] says.
    /// * **End of the input**: all timers fire in order of time, those in event time first, then
    ///   those in processing time, whenever they are due. The job fails when callbacks go on
    ///   setting timers then: 1,000 a key on average.
    /// * **Workers**: the order between records of several workers, and what depends on it, is not
    ///   fixed.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use std::convert::Infallible;
    /// use rheos_operators::{ProcessContext, ProcessFunction, Untimed};
    ///
    /// /// Says which readings are a new maximum of their sensor.
    /// #[derive(Clone)]
    /// struct Records;
    ///
    /// impl ProcessFunction for Records {
    ///     type Key = u32;
    ///     type In = i64;
    ///     type State = Option<i64>;
    ///     type Timer = ();
    ///     type Out = (u32, i64);
    ///     type Side = Infallible;
    ///
    ///     fn on_record(
    ///         &self,
    ///         highest: &mut Option<i64>,
    ///         reading: i64,
    ///         context: &mut ProcessContext<'_, Untimed, u32, (u32, i64)>,
    ///     ) {
    ///         if highest.is_none_or(|highest| reading > highest) {
    ///             *highest = Some(reading);
    ///             context.emit((*context.key(), reading));
    ///         }
    ///     }
    /// }
    ///
    /// let readings = [(1u32, 20i64), (1, 15), (2, 7), (1, 21)];
    /// let records = results(readings, |readings| readings.keyed().process(Records));
    /// assert_eq!(records, [(1, 20), (2, 7), (1, 21)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn process<F>(self, function: F) -> Stream<F::Out, M>
    where
        M::Record<Keyed<K, V>>: ExchangeData,
        F: ProcessFunction<M, Key = K, In = V, Side = Infallible>,
        M::Record<F::Out>: Send,
    {
        let records = self.into_keyed();
        let make = move |_: &_| Process::<_, _, One>::new(function.clone());
        let route = by_key::<K, V, M>();
        Stream::new(records.port().graph().operator(records.port(), route, "process", make))
    }

    /// As [`process`](KeyedStream::process), with what the function emits on the side as a stream
    /// of its own. Several kinds are an enum, which [`branch_by`](Stream::branch_by) parts.
    ///
    /// # Semantics
    /// As for [`process`](KeyedStream::process); the order between the two streams is not fixed.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use rheos_operators::{ProcessContext, ProcessFunction, Untimed};
    ///
    /// /// Keeps balances, and refuses what an account cannot pay.
    /// #[derive(Clone)]
    /// struct Balances;
    ///
    /// impl ProcessFunction for Balances {
    ///     type Key = u32;
    ///     type In = i64;
    ///     type State = i64;
    ///     type Timer = ();
    ///     type Out = (u32, i64);
    ///     type Side = String;
    ///
    ///     fn on_record(
    ///         &self,
    ///         balance: &mut i64,
    ///         amount: i64,
    ///         context: &mut ProcessContext<'_, Untimed, u32, (u32, i64), (), String>,
    ///     ) {
    ///         let account = *context.key();
    ///         if *balance + amount < 0 {
    ///             context.emit_side(format!("account {account} lacks {}", -(*balance + amount)));
    ///             return;
    ///         }
    ///         *balance += amount;
    ///         context.emit((account, *balance));
    ///     }
    /// }
    ///
    /// let refused = results([(1u32, 50i64), (1, -60), (1, -20)], |amounts| {
    ///     let (_balances, refused) = amounts.keyed().process_with_side(Balances);
    ///     refused
    /// });
    /// assert_eq!(refused, ["account 1 lacks 10"]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn process_with_side<F>(self, function: F) -> (Stream<F::Out, M>, Stream<F::Side, M>)
    where
        M::Record<Keyed<K, V>>: ExchangeData,
        F: ProcessFunction<M, Key = K, In = V>,
        M::Record<Result<F::Out, F::Side>>: Send,
    {
        let records = self.into_keyed();
        let make = move |_: &_| Process::<_, _, Two>::new(function.clone());
        let (graph, route) = (records.port().graph(), by_key::<K, V, M>());
        part(&Stream::new(graph.operator(records.port(), route, "process", make)))
    }
}

/// The callbacks of a process function.
struct OneInput<F>(F);

impl<F: ProcessFunction<M>, M: Timeline> Callbacks<M> for OneInput<F> {
    type Key = F::Key;
    type State = F::State;
    type Timer = F::Timer;
    type Out = F::Out;
    type Side = F::Side;

    fn on_timer(
        &self,
        state: &mut F::State,
        timer: F::Timer,
        context: &mut ContextOf<'_, Self, M>,
    ) {
        self.0.on_timer(state, timer, context);
    }

    fn time_to_live(&self, state: &mut F::State, ttl: &mut TimeToLive<M>) {
        self.0.time_to_live(state, ttl);
    }
}

/// Runs a process function over the keys of a worker.
pub(crate) struct Process<F: ProcessFunction<M>, M: Timeline, W> {
    keys: Keys<OneInput<F>, M>,
    shape: PhantomData<W>,
}

impl<F: ProcessFunction<M>, M: Timeline, W> Process<F, M, W> {
    pub(crate) fn new(function: F) -> Self {
        Self { keys: Keys::new(OneInput(function), F::State::default()), shape: PhantomData }
    }
}

impl<F, M, W> Operator for Process<F, M, W>
where
    F: ProcessFunction<M>,
    M: Timeline,
    W: Shape<F::Out, F::Side>,
    M::Record<Keyed<F::Key, F::In>>: Send,
    M::Record<W::Out>: Send,
{
    type In = M::Record<Keyed<F::Key, F::In>>;
    type Out = M::Record<W::Out>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for record in batch.drain(..) {
            let (stamp, Keyed { hash, key, value }) = M::split(record);
            self.keys.on_record::<W>(
                (hash, key),
                M::time(stamp),
                out,
                |function, state, context| {
                    function.0.on_record(state, value, context);
                },
            );
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        end: EpochEnd,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        self.keys.on_epoch_end::<W>(end, out)
    }

    fn on_input_end(&mut self, out: &mut Output<'_, Self::Out>) -> Result<Turn, Error> {
        self.keys.on_input_end::<W>(out)
    }

    fn watermark(&self, input: EventTime) -> EventTime {
        self.keys.watermark(input)
    }

    fn deadline(&self) -> Option<ProcessingTime> {
        self.keys.deadline()
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        self.keys.state(parts)
    }

    fn restored(&mut self) {
        self.keys.restored();
    }

    fn holdings(&self) -> Holdings {
        self.keys.holdings()
    }
}
