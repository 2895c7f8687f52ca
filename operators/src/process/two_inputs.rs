//! `process_with_other`: a process function on two keyed streams.

use std::convert::Infallible;
use std::marker::PhantomData;

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

/// What a program does with the records of a key from two streams, and when its timers fire: for
/// [`KeyedStream::process_with_other`]. State and timers are as for a
/// [`ProcessFunction`](crate::ProcessFunction), and both streams share them.
///
/// Where results are of several kinds, `Out` is an enum, which
/// [`branch_by`](crate::Stream::branch_by) parts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a process function for these two streams",
    note = "on streams with event time it implements `TwoInputProcessFunction<Timed>`, on streams without `TwoInputProcessFunction<Untimed>`"
)]
pub trait TwoInputProcessFunction<M: Timeline = Untimed>: Clone + Send + Sync + 'static {
    /// The keys of both streams.
    type Key: Key;
    /// The values of the stream that the method is called on.
    type Left: 'static;
    /// The values of the other stream.
    type Right: 'static;
    /// What is remembered for a key.
    type State: ExchangeData + Clone + Default + PartialEq;
    /// What names the timers of a key.
    type Timer: ExchangeData + Ord + Clone;
    /// What is emitted.
    type Out: 'static;

    /// Sees a record of the stream that the method is called on, at once.
    fn on_left(
        &self,
        state: &mut Self::State,
        record: Self::Left,
        context: &mut ProcessContext<'_, M, Self::Key, Self::Out, Self::Timer>,
    );

    /// Sees a record of the other stream, at once.
    fn on_right(
        &self,
        state: &mut Self::State,
        record: Self::Right,
        context: &mut ProcessContext<'_, M, Self::Key, Self::Out, Self::Timer>,
    );

    /// A timer of the key has fired; it is not set any more. Does nothing unless it is given.
    fn on_timer(
        &self,
        state: &mut Self::State,
        timer: Self::Timer,
        context: &mut ProcessContext<'_, M, Self::Key, Self::Out, Self::Timer>,
    ) {
        let _ = (state, timer, context);
    }

    /// Names the pieces of the state that expire, as
    /// [`ProcessFunction::time_to_live`](crate::ProcessFunction::time_to_live) does.
    fn time_to_live(&self, state: &mut Self::State, ttl: &mut TimeToLive<M>) {
        let _ = (state, ttl);
    }
}

impl<K: Key, V: 'static, M: Timeline> KeyedStream<K, V, M> {
    /// Runs a function of the program's own for each key of two streams, with state and timers
    /// that both share; see [`TwoInputProcessFunction`].
    ///
    /// # Semantics
    /// As for [`process`](KeyedStream::process), and:
    /// * **Order**: between the records of the two streams the order within an epoch is not fixed,
    ///   and which of them share an epoch depends on when they are read. A function whose results
    ///   must not depend on it waits, with a timer, until the watermark has passed.
    /// * **Watermarks**: that of the input is the earlier one of the two streams'.
    ///
    /// # Panics
    /// When the streams belong to different jobs.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use rheos_operators::{ProcessContext, TwoInputProcessFunction, Untimed};
    ///
    /// /// Gives each order the name of its customer, whichever comes first.
    /// #[derive(Clone)]
    /// struct Named;
    ///
    /// impl TwoInputProcessFunction for Named {
    ///     type Key = u32;
    ///     type Left = u64;
    ///     type Right = String;
    ///     type State = (Option<String>, Vec<u64>);
    ///     type Timer = ();
    ///     type Out = (String, u64);
    ///
    ///     fn on_left(
    ///         &self,
    ///         (name, waiting): &mut Self::State,
    ///         order: u64,
    ///         context: &mut ProcessContext<'_, Untimed, u32, (String, u64)>,
    ///     ) {
    ///         match name {
    ///             Some(name) => context.emit((name.clone(), order)),
    ///             None => waiting.push(order),
    ///         }
    ///     }
    ///
    ///     fn on_right(
    ///         &self,
    ///         (name, waiting): &mut Self::State,
    ///         is_called: String,
    ///         context: &mut ProcessContext<'_, Untimed, u32, (String, u64)>,
    ///     ) {
    ///         waiting.drain(..).for_each(|order| context.emit((is_called.clone(), order)));
    ///         *name = Some(is_called);
    ///     }
    /// }
    ///
    /// let named = results([(1u32, 20u64), (2, 30)], |orders| {
    ///     let names = orders.clone().map(|(customer, _)| (customer, format!("no. {customer}")));
    ///     orders.keyed().process_with_other(names.keyed(), Named)
    /// });
    /// assert_eq!(named, [("no. 1".to_owned(), 20), ("no. 2".to_owned(), 30)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn process_with_other<W, F>(
        self,
        other: KeyedStream<K, W, M>,
        function: F,
    ) -> Stream<F::Out, M>
    where
        M::Record<Keyed<K, V>>: ExchangeData,
        W: 'static,
        M::Record<Keyed<K, W>>: ExchangeData,
        F: TwoInputProcessFunction<M, Key = K, Left = V, Right = W>,
        M::Record<F::Out>: Send,
    {
        let (left, right) = (self.into_keyed(), other.into_keyed());
        let inputs = ((left.port(), by_key::<K, V, M>()), (right.port(), by_key::<K, W, M>()));
        let make = move |_: &_| ProcessTwo::new(function.clone());
        let graph = left.port().graph();
        Stream::new(graph.two_input(inputs.0, inputs.1, "process with other", make))
    }
}

/// The callbacks of a function with two inputs.
struct TwoInputs<F>(F);

impl<F: TwoInputProcessFunction<M>, M: Timeline> Callbacks<M> for TwoInputs<F> {
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
        self.0.on_timer(state, timer, context);
    }

    fn time_to_live(&self, state: &mut F::State, ttl: &mut TimeToLive<M>) {
        self.0.time_to_live(state, ttl);
    }
}

/// Runs a function with two inputs over the keys of a worker.
pub(crate) struct ProcessTwo<F: TwoInputProcessFunction<M>, M: Timeline> {
    keys: Keys<TwoInputs<F>, M>,
    timeline: PhantomData<M>,
}

impl<F: TwoInputProcessFunction<M>, M: Timeline> ProcessTwo<F, M> {
    pub(crate) fn new(function: F) -> Self {
        let keys = Keys::new(TwoInputs(function), F::State::default());
        Self { keys, timeline: PhantomData }
    }
}

impl<F, M> TwoInput for ProcessTwo<F, M>
where
    F: TwoInputProcessFunction<M>,
    M: Timeline,
    M::Record<Keyed<F::Key, F::Left>>: Send,
    M::Record<Keyed<F::Key, F::Right>>: Send,
    M::Record<F::Out>: Send,
{
    type Left = M::Record<Keyed<F::Key, F::Left>>;
    type Right = M::Record<Keyed<F::Key, F::Right>>;
    type Out = M::Record<F::Out>;

    fn on_left(
        &mut self,
        batch: &mut Vec<Self::Left>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for record in batch.drain(..) {
            let (stamp, Keyed { hash, key, value }) = M::split(record);
            self.keys.on_record::<One>((hash, key), M::time(stamp), out, |both, state, context| {
                both.0.on_left(state, value, context);
            });
        }
        Ok(())
    }

    fn on_right(
        &mut self,
        batch: &mut Vec<Self::Right>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for record in batch.drain(..) {
            let (stamp, Keyed { hash, key, value }) = M::split(record);
            self.keys.on_record::<One>((hash, key), M::time(stamp), out, |both, state, context| {
                both.0.on_right(state, value, context);
            });
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        end: EpochEnd,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        self.keys.on_epoch_end::<One>(end, out)
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
        self.keys.state(parts)
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
    use std::collections::BTreeMap;

    use rheos_engine::Stamped;
    use rheos_engine::harness::TwoInputHarness;

    use super::*;
    use crate::Timed;
    use crate::random::Random;
    use crate::recovery::{Either, Step, To, check_recovery, to_owner};

    /// Counts lefts and rights of a key by the tens of their times, and says both counts when the
    /// tens are over.
    #[derive(Clone)]
    struct Balance;

    type Counts = (u32, u32);
    type OfKey<'a> = ProcessContext<'a, Timed, u64, (u64, i64, Counts), i64>;

    impl Balance {
        fn count<'a>(
            counts: &'a mut BTreeMap<i64, Counts>,
            context: &mut OfKey<'_>,
        ) -> &'a mut Counts {
            let tens = context.event_time().as_millis().div_euclid(10);
            context.set_timer(tens, EventTime::from_millis(10 * tens + 10));
            counts.entry(tens).or_default()
        }
    }

    impl TwoInputProcessFunction<Timed> for Balance {
        type Key = u64;
        type Left = ();
        type Right = u32;
        type State = BTreeMap<i64, Counts>;
        type Timer = i64;
        type Out = (u64, i64, Counts);

        fn on_left(&self, counts: &mut Self::State, (): (), context: &mut OfKey<'_>) {
            Self::count(counts, context).0 += 1;
        }

        fn on_right(&self, counts: &mut Self::State, weight: u32, context: &mut OfKey<'_>) {
            Self::count(counts, context).1 += weight;
        }

        fn on_timer(&self, counts: &mut Self::State, tens: i64, context: &mut OfKey<'_>) {
            let counts = counts.remove(&tens).unwrap_or_default();
            context.emit((*context.key(), tens, counts));
        }
    }

    type Record = Either<Stamped<Keyed<u64, ()>>, Stamped<Keyed<u64, u32>>>;

    fn record(time: i64, key: u64, weight: Option<u32>) -> Record {
        let time = EventTime::from_millis(time);
        match weight {
            None => Either::Left(Stamped { time, value: Keyed::new(key, ()) }),
            Some(weight) => Either::Right(Stamped { time, value: Keyed::new(key, weight) }),
        }
    }

    fn route(record: &Record, workers: usize) -> To {
        match record {
            Either::Left(record) => to_owner::<_, _, Timed>(record, workers),
            Either::Right(record) => to_owner::<_, _, Timed>(record, workers),
        }
    }

    #[test]
    fn both_inputs_share_states_and_timers() {
        let mut harness = TwoInputHarness::new(ProcessTwo::new(Balance));
        for (time, weight) in [(1, None), (3, Some(5)), (11, Some(2)), (2, None)] {
            let out = match record(time, 7, weight) {
                Either::Left(record) => harness.left(vec![record]),
                Either::Right(record) => harness.right(vec![record]),
            };
            assert!(out.unwrap().is_empty());
        }
        harness.set_watermark(EventTime::from_millis(10));
        let said = |out: Vec<Stamped<_>>| -> Vec<_> {
            out.into_iter().map(|row| (row.time.as_millis(), row.value)).collect()
        };
        assert_eq!(said(harness.end_epoch().unwrap()), [(10, (7, 0, (2, 5)))]);
        assert_eq!(said(harness.end_input().unwrap()), [(20, (7, 1, (0, 2)))]);
        assert_eq!(harness.holdings().keys, 0);
    }

    #[test]
    fn states_and_timers_survive_on_other_workers() {
        for seed in 0..10 {
            let mut random = Random::new(seed);
            let mut watermark = 0;
            let steps: Vec<_> = (0..4)
                .map(|_| {
                    let records = (0..random.below(40)).map(|_| {
                        let time = watermark + random.below(40) as i64 - 5;
                        let weight = (random.below(2) == 0).then(|| random.below(5) as u32);
                        record(time, random.below(9), weight)
                    });
                    let records = records.collect();
                    watermark += random.below(30) as i64;
                    let time = EventTime::from_millis(watermark);
                    Step { records, watermark: time, now: ProcessingTime(0) }
                })
                .collect();
            let make = |_, _| TwoInputHarness::new(ProcessTwo::new(Balance));
            check_recovery(seed, &steps, make, route);
        }
    }
}
