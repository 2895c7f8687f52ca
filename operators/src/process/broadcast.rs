//! `process_with_broadcast`: a process function with rules that every worker knows.

use std::convert::Infallible;

use rheos_engine::plan::Route;
use rheos_engine::{
    EpochEnd, Error, EventTime, ExchangeData, Holdings, Key, Keyed, Output, ProcessingTime,
    StateParts, Turn, TwoInput,
};

use super::context::ProcessContext;
use super::keys::{Callbacks, ContextOf, Keys};
use super::side::One;
use super::time_to_live::TimeToLive;
use crate::apply::by_key;
use crate::{KeyedStream, Stream, Timeline, Untimed};

/// What a program does with the records of a key, given what a control stream has said so far: for
/// [`KeyedStream::process_with_broadcast`]. State and timers of keys are as for a
/// [`ProcessFunction`](crate::ProcessFunction).
///
/// Where results are of several kinds, `Out` is an enum, which
/// [`branch_by`](crate::Stream::branch_by) parts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a process function with broadcast state for this stream",
    note = "on a stream with event time it implements `BroadcastProcessFunction<Timed>`, on one without `BroadcastProcessFunction<Untimed>`"
)]
pub trait BroadcastProcessFunction<M: Timeline = Untimed>: Clone + Send + Sync + 'static {
    /// The keys of the stream.
    type Key: Key;
    /// The values of the stream.
    type In: 'static;
    /// The records of the control stream.
    type Control: ExchangeData + Clone;
    /// What every worker remembers of the control stream.
    type Shared: ExchangeData + Default;
    /// What is remembered for a key.
    type State: ExchangeData + Clone + Default + PartialEq;
    /// What names the timers of a key.
    type Timer: ExchangeData + Ord + Clone;
    /// What is emitted.
    type Out: 'static;

    /// Takes in a control record, on every worker alike: the result must depend on nothing but
    /// what is shared and the record.
    fn on_control(&self, shared: &mut Self::Shared, control: Self::Control);

    /// Sees a record, at once.
    fn on_record(
        &self,
        shared: &Self::Shared,
        state: &mut Self::State,
        record: Self::In,
        context: &mut ProcessContext<'_, M, Self::Key, Self::Out, Self::Timer>,
    );

    /// A timer of the key has fired; it is not set any more. Does nothing unless it is given.
    fn on_timer(
        &self,
        shared: &Self::Shared,
        state: &mut Self::State,
        timer: Self::Timer,
        context: &mut ProcessContext<'_, M, Self::Key, Self::Out, Self::Timer>,
    ) {
        let _ = (shared, state, timer, context);
    }

    /// Names the pieces of a key's state that expire, as
    /// [`ProcessFunction::time_to_live`](crate::ProcessFunction::time_to_live) does.
    fn time_to_live(&self, state: &mut Self::State, ttl: &mut TimeToLive<M>) {
        let _ = (state, ttl);
    }
}

impl<K: Key, V: 'static, M: Timeline> KeyedStream<K, V, M> {
    /// Runs a function of the program's own for each key, which reads what a control stream has
    /// said so far; see [`BroadcastProcessFunction`].
    ///
    /// # Semantics
    /// As for [`process`](KeyedStream::process), and:
    /// * **Order**: all workers take in the same control records in the same order, at the end of
    ///   the epoch in which they are read, after its timers have fired: all records of an epoch
    ///   see what was said before it, on every worker. Which epoch that is depends on when a
    ///   control record is read; event time plays no part in it.
    /// * **Watermarks**: those of the keyed stream; a control stream may have event time, and holds
    ///   nothing back.
    /// * **State**: what is shared, on every worker, until the job ends.
    /// * **End of the input**: comes when both streams have ended.
    /// * **Workers**: control records go through worker 0.
    ///
    /// # Panics
    /// When the streams belong to different jobs.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use rheos_operators::{BroadcastProcessFunction, ProcessContext, Untimed};
    ///
    /// /// Lets readings pass that are above a threshold, which can be changed.
    /// #[derive(Clone)]
    /// struct Above;
    ///
    /// impl BroadcastProcessFunction for Above {
    ///     type Key = u32;
    ///     type In = i64;
    ///     type Control = i64;
    ///     type Shared = i64;
    ///     type State = ();
    ///     type Timer = ();
    ///     type Out = (u32, i64);
    ///
    ///     fn on_control(&self, threshold: &mut i64, new: i64) {
    ///         *threshold = new;
    ///     }
    ///
    ///     fn on_record(
    ///         &self,
    ///         threshold: &i64,
    ///         _: &mut (),
    ///         reading: i64,
    ///         context: &mut ProcessContext<'_, Untimed, u32, (u32, i64)>,
    ///     ) {
    ///         if reading > *threshold {
    ///             context.emit((*context.key(), reading));
    ///         }
    ///     }
    /// }
    ///
    /// // All that is read at once is one epoch: the new threshold comes after it.
    /// let above = results([(1u32, 20i64), (2, -5)], |readings| {
    ///     let thresholds = readings.clone().map(|_| 100);
    ///     readings.keyed().process_with_broadcast(thresholds, Above)
    /// });
    /// assert_eq!(above, [(1, 20)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn process_with_broadcast<F, N>(
        self,
        control: Stream<F::Control, N>,
        function: F,
    ) -> Stream<F::Out, M>
    where
        M::Record<Keyed<K, V>>: ExchangeData,
        F: BroadcastProcessFunction<M, Key = K, In = V>,
        N: Timeline,
        M::Record<F::Out>: Send,
    {
        // Through one worker, so that all get them in the same order.
        let control = control.without_event_time().gather();
        let records = self.into_keyed();
        let left = (records.port(), by_key::<K, V, M>());
        let right = (control.port(), Route::broadcast());
        let make = move |_: &_| ProcessShared::new(function.clone());
        let graph = records.port().graph();
        Stream::new(graph.two_input(left, right, "process with broadcast", make))
    }
}

/// The callbacks of a function, and what they share.
struct Sharing<F, S> {
    function: F,
    shared: S,
}

impl<F: BroadcastProcessFunction<M>, M: Timeline> Callbacks<M> for Sharing<F, F::Shared> {
    type Key = F::Key;
    type State = F::State;
    type Timer = F::Timer;
    type Out = F::Out;
    type Side = Infallible;

    fn on_timer(
        &self,
        state: &mut F::State,
        timer: F::Timer,
        context: &mut ContextOf<'_, Self, M>,
    ) {
        self.function.on_timer(&self.shared, state, timer, context);
    }

    fn time_to_live(&self, state: &mut F::State, ttl: &mut TimeToLive<M>) {
        self.function.time_to_live(state, ttl);
    }
}

/// Runs a function over the keys of a worker, with a state of which every worker has a copy.
pub(crate) struct ProcessShared<F: BroadcastProcessFunction<M>, M: Timeline> {
    keys: Keys<Sharing<F, F::Shared>, M>,
    /// The control records of the epoch.
    control: Vec<F::Control>,
}

impl<F: BroadcastProcessFunction<M>, M: Timeline> ProcessShared<F, M> {
    pub(crate) fn new(function: F) -> Self {
        let sharing = Sharing { function, shared: F::Shared::default() };
        Self { keys: Keys::new(sharing, F::State::default()), control: Vec::new() }
    }
}

impl<F, M> TwoInput for ProcessShared<F, M>
where
    F: BroadcastProcessFunction<M>,
    M: Timeline,
    M::Record<Keyed<F::Key, F::In>>: Send,
    M::Record<F::Out>: Send,
{
    type Left = M::Record<Keyed<F::Key, F::In>>;
    type Right = F::Control;
    type Out = M::Record<F::Out>;

    fn on_left(
        &mut self,
        batch: &mut Vec<Self::Left>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for record in batch.drain(..) {
            let (stamp, Keyed { hash, key, value }) = M::split(record);
            self.keys.on_record::<One>((hash, key), M::time(stamp), out, |with, state, context| {
                with.function.on_record(&with.shared, state, value, context);
            });
        }
        Ok(())
    }

    fn on_right(
        &mut self,
        batch: &mut Vec<F::Control>,
        _out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        self.control.append(batch);
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        end: EpochEnd,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        if self.keys.on_epoch_end::<One>(end, out)? == Turn::More {
            return Ok(Turn::More);
        }
        let Sharing { function, shared } = self.keys.callbacks_mut();
        self.control.drain(..).for_each(|control| function.on_control(shared, control));
        Ok(Turn::Done)
    }

    fn on_input_end(&mut self, out: &mut Output<'_, Self::Out>) -> Result<Turn, Error> {
        self.keys.on_input_end::<One>(out)
    }

    fn watermark(&self, input: EventTime) -> EventTime {
        self.keys.watermark(input)
    }

    fn deadline(&self) -> Option<ProcessingTime> {
        self.keys.deadline()
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        self.keys.state(parts)?;
        parts.broadcast("shared", &mut self.keys.callbacks_mut().shared)
    }

    fn restored(&mut self) {
        self.keys.restored();
    }

    fn holdings(&self) -> Holdings {
        self.keys.holdings()
    }
}

#[cfg(test)]
mod tests {
    use rheos_engine::harness::TwoInputHarness;

    use super::*;
    use crate::random::Random;
    use crate::recovery::{Either, Step, To, check_recovery, to_owner};

    /// Adds the factor that is shared to each value, and says the sum so far.
    #[derive(Clone)]
    struct Scaled;

    impl BroadcastProcessFunction for Scaled {
        type Key = u64;
        type In = i64;
        type Control = i64;
        type Shared = i64;
        type State = i64;
        type Timer = ();
        type Out = (u64, i64);

        fn on_control(&self, factor: &mut i64, control: i64) {
            *factor = *factor * 2 + control;
        }

        fn on_record(
            &self,
            factor: &i64,
            sum: &mut i64,
            value: i64,
            context: &mut ProcessContext<'_, Untimed, u64, (u64, i64)>,
        ) {
            *sum += value + factor;
            let soon = context.processing_time().0 + 10;
            context.set_processing_timer((), ProcessingTime(soon));
            context.emit((*context.key(), *sum));
        }

        fn on_timer(
            &self,
            factor: &i64,
            sum: &mut i64,
            (): (),
            context: &mut ProcessContext<'_, Untimed, u64, (u64, i64)>,
        ) {
            context.emit((*context.key(), std::mem::take(sum) + 1_000 * factor));
        }
    }

    #[test]
    fn control_records_apply_at_the_end_of_their_epoch_after_its_timers() {
        let mut harness = TwoInputHarness::new(ProcessShared::new(Scaled));
        assert!(harness.right(vec![5]).unwrap().is_empty());
        assert_eq!(harness.left(vec![Keyed::new(7, 1)]).unwrap(), [(7, 1)]);
        harness.set_time(ProcessingTime(10));
        assert_eq!(harness.end_epoch().unwrap(), [(7, 1)], "the timer knows no factor yet");
        assert_eq!(harness.left(vec![Keyed::new(7, 1)]).unwrap(), [(7, 6)]);
        assert_eq!(harness.end_input().unwrap(), [(7, 5_006)]);
        assert_eq!(harness.holdings().keys, 0);
    }

    #[test]
    fn what_is_shared_survives_on_every_worker() {
        for seed in 0..10 {
            let mut random = Random::new(seed);
            let mut now = 0;
            let steps: Vec<_> = (0..4)
                .map(|_| {
                    let records = (0..random.below(30)).map(|_| match random.below(5) {
                        0 => Either::Right(random.below(3) as i64),
                        _ => Either::Left(Keyed::new(random.below(9), random.below(9) as i64)),
                    });
                    let records = records.collect();
                    now += random.below(15);
                    Step { records, watermark: EventTime::MIN, now: ProcessingTime(now) }
                })
                .collect();
            let make = |_, _| TwoInputHarness::new(ProcessShared::new(Scaled));
            check_recovery(seed, &steps, make, |record, workers| match record {
                Either::Left(record) => to_owner::<_, _, Untimed>(record, workers),
                Either::Right(_) => To::Everyone,
            });
        }
    }
}
