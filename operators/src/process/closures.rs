//! `process_with`: a process function of two closures.

use std::convert::Infallible;
use std::marker::PhantomData;

use rheos_engine::{
    EpochEnd, Error, EventTime, ExchangeData, Holdings, Key, Keyed, Operator, Output,
    ProcessingTime, StateParts, Turn,
};

use super::context::ProcessContext;
use super::keys::{Callbacks, ContextOf, Keys};
use super::side::One;
use super::time_to_live::TimeToLive;
use crate::apply::by_key;
use crate::{KeyedStream, Stream, Timeline};

impl<K: Key, V: 'static, M: Timeline> KeyedStream<K, V, M> {
    /// [`process`](KeyedStream::process) with two closures instead of a type: what is done with a
    /// record, and what when the key's timer fires. The state of each key is `initial` at first; a
    /// key has one timer, named `()`. For anything more there is
    /// [`ProcessFunction`](crate::ProcessFunction).
    ///
    /// # Semantics
    /// As for [`process`](KeyedStream::process).
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// # use std::time::Duration;
    /// # use rheos_engine::EventTime;
    /// # use rheos_operators::Watermarks;
    /// // The highest bid of each auction. All auctions close at 60 s.
    /// let close = EventTime::from_millis(60_000);
    /// let bids = [(10, "lamp", 5), (20, "lamp", 8), (30, "book", 2), (70, "lamp", 9)];
    /// let sold = results(bids, |bids| {
    ///     let disorder = Watermarks::bounded(Duration::from_secs(10));
    ///     bids.event_time(|bid| EventTime::from_millis(bid.0 * 1_000), disorder)
    ///         .map(|(_, thing, bid)| (thing.to_owned(), bid))
    ///         .keyed()
    ///         .process_with(
    ///             0,
    ///             move |highest, bid, context| {
    ///                 if context.event_time() < close {
    ///                     *highest = bid.max(*highest);
    ///                     context.set_timer((), close);
    ///                 }
    ///             },
    ///             |highest, context| {
    ///                 context.emit((context.key().clone(), std::mem::take(highest)));
    ///             },
    ///         )
    ///         .without_event_time()
    /// });
    /// assert_eq!(sold, [("lamp".to_owned(), 8), ("book".to_owned(), 2)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn process_with<S, O>(
        self,
        initial: S,
        on_record: impl Fn(&mut S, V, &mut ProcessContext<'_, M, K, O>) + Clone + Send + Sync + 'static,
        on_timer: impl Fn(&mut S, &mut ProcessContext<'_, M, K, O>) + Clone + Send + Sync + 'static,
    ) -> Stream<O, M>
    where
        M::Record<Keyed<K, V>>: ExchangeData,
        S: ExchangeData + Clone + PartialEq + Sync,
        O: 'static,
        M::Record<O>: Send,
    {
        let records = self.into_keyed();
        let make = move |_: &_| ProcessWith::<K, V, S, O, _, _, M> {
            keys: Keys::new(
                OnTimer { on_timer: on_timer.clone(), types: PhantomData },
                initial.clone(),
            ),
            on_record: on_record.clone(),
            values: PhantomData,
        };
        let route = by_key::<K, V, M>();
        Stream::new(records.port().graph().operator(records.port(), route, "process", make))
    }
}

/// The callback of timers.
struct OnTimer<K, S, O, F> {
    on_timer: F,
    types: PhantomData<fn(K, S, O)>,
}

impl<K, S, O, F, M> Callbacks<M> for OnTimer<K, S, O, F>
where
    K: Key,
    S: ExchangeData + Clone + PartialEq,
    O: 'static,
    F: Fn(&mut S, &mut ProcessContext<'_, M, K, O>) + 'static,
    M: Timeline,
{
    type Key = K;
    type State = S;
    type Timer = ();
    type Out = O;
    type Side = Infallible;

    fn on_timer(&self, state: &mut S, (): (), context: &mut ContextOf<'_, Self, M>) {
        (self.on_timer)(state, context);
    }

    fn time_to_live(&self, _state: &mut S, _ttl: &mut TimeToLive<M>) {}
}

/// Runs two closures over the keys of a worker.
struct ProcessWith<K, V, S, O, R, F, M>
where
    OnTimer<K, S, O, F>: Callbacks<M>,
    M: Timeline,
{
    keys: Keys<OnTimer<K, S, O, F>, M>,
    on_record: R,
    values: PhantomData<fn(V)>,
}

impl<K, V, S, O, R, F, M> Operator for ProcessWith<K, V, S, O, R, F, M>
where
    K: Key,
    V: 'static,
    S: ExchangeData + Clone + PartialEq,
    O: 'static,
    R: Fn(&mut S, V, &mut ProcessContext<'_, M, K, O>) + 'static,
    F: Fn(&mut S, &mut ProcessContext<'_, M, K, O>) + 'static,
    M: Timeline,
    M::Record<Keyed<K, V>>: Send,
    M::Record<O>: Send,
{
    type In = M::Record<Keyed<K, V>>;
    type Out = M::Record<O>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for record in batch.drain(..) {
            let (stamp, Keyed { hash, key, value }) = M::split(record);
            let on_record = &self.on_record;
            self.keys.on_record::<One>((hash, key), M::time(stamp), out, |_, state, context| {
                on_record(state, value, context);
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
    use rheos_engine::harness::Harness;

    use super::*;
    use crate::Untimed;
    use crate::recovery::{check_recovery, keyed_steps, to_owner};

    type Context<'a> = ProcessContext<'a, Untimed, u64, (u64, i64)>;

    #[test]
    fn states_and_timers_survive_on_other_workers() {
        let on_record = |sum: &mut i64, value: i64, context: &mut Context<'_>| {
            *sum += value;
            let soon = context.processing_time().0 + 2;
            context.set_processing_timer((), ProcessingTime(soon));
        };
        let on_timer = |sum: &mut i64, context: &mut Context<'_>| {
            context.emit((*context.key(), std::mem::take(sum)));
        };
        for seed in 0..6 {
            let make = |_, _| {
                let keys = Keys::new(OnTimer { on_timer, types: PhantomData }, 0);
                let (on_record, values) = (on_record, PhantomData);
                Harness::new(ProcessWith::<u64, i64, i64, (u64, i64), _, _, Untimed> {
                    keys,
                    on_record,
                    values,
                })
            };
            check_recovery(seed, &keyed_steps(seed), make, to_owner::<_, _, Untimed>);
        }
    }
}
