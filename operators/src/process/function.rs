//! The contract of a process function: a program's own step for each key, with state and timers.

use rheos_engine::{ExchangeData, Key};

use super::context::ProcessContext;
use super::time_to_live::TimeToLive;
use crate::{Timeline, Untimed};

/// What a program does with the records of a key, and when its timers fire: for
/// [`KeyedStream::process`](crate::KeyedStream::process).
///
/// `M` says what kind of stream it is for: `ProcessFunction<Timed>` for one with event time,
/// `ProcessFunction` for one without. All that is remembered for a key is in its state, which the
/// engine keeps, hands to each callback, and would store and bring back; the function itself has
/// settings only. A key whose state is what it was at first, and which has no timers, is forgotten:
/// `*state = Default::default()` or [`std::mem::take`] ends it.
///
/// Names of timers tell a key's timers apart: `()` where one is enough, an enum, a number, or
/// [`EventTime`](rheos_engine::EventTime) where the time is the name.
///
/// # Example
/// Orders that are not paid within an hour of event time:
///
/// ```
/// use std::convert::Infallible;
/// use std::time::Duration;
/// use rheos_engine::EventTime;
/// use rheos_operators::{ProcessContext, ProcessFunction, Timed, Watermarks};
/// use serde::{Deserialize, Serialize};
/// # use rheos_operators::examples::results;
///
/// #[derive(Clone, Serialize, Deserialize)]
/// enum Event { Ordered, Paid }
///
/// #[derive(Clone)]
/// struct Unpaid { within: Duration }
///
/// impl ProcessFunction<Timed> for Unpaid {
///     type Key = u64;
///     type In = Event;
///     type State = Option<EventTime>;
///     type Timer = ();
///     type Out = (u64, EventTime);
///     type Side = Infallible;
///
///     fn on_record(
///         &self,
///         due: &mut Option<EventTime>,
///         event: Event,
///         context: &mut ProcessContext<'_, Timed, u64, (u64, EventTime)>,
///     ) {
///         match (event, *due) {
///             (Event::Ordered, _) => {
///                 let at = context.event_time().plus(self.within);
///                 *due = Some(at);
///                 context.set_timer((), at);
///             }
///             // What comes in one epoch is seen before the timers of that epoch fire: whether it
///             // was in time is for the times to say.
///             (Event::Paid, Some(at)) if context.event_time() < at => {
///                 *due = None;
///                 context.delete_timer(&());
///             }
///             (Event::Paid, _) => {}
///         }
///     }
///
///     fn on_timer(
///         &self,
///         due: &mut Option<EventTime>,
///         (): (),
///         context: &mut ProcessContext<'_, Timed, u64, (u64, EventTime)>,
///     ) {
///         *due = None;
///         context.emit((*context.key(), context.event_time()));
///     }
/// }
///
/// let minute = 60_000;
/// let events = [(0, 7, Event::Ordered), (5, 8, Event::Ordered), (30, 7, Event::Paid)];
/// let unpaid = results(events, |events| {
///     events
///         .event_time(
///             move |(at, ..)| EventTime::from_millis(at * minute),
///             Watermarks::bounded(Duration::from_secs(60)),
///         )
///         .map(|(_, order, event)| (order, event))
///         .keyed()
///         .process(Unpaid { within: Duration::from_secs(3600) })
///         .without_event_time()
/// });
/// assert_eq!(unpaid, [(8, EventTime::from_millis(65 * minute))]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a process function for this stream",
    note = "on a stream with event time it implements `ProcessFunction<Timed>`, on one without `ProcessFunction<Untimed>`"
)]
pub trait ProcessFunction<M: Timeline = Untimed>: Clone + Send + Sync + 'static {
    /// The keys of the stream.
    type Key: Key;
    /// The values of the stream.
    type In: 'static;
    /// What is remembered for a key.
    type State: ExchangeData + Clone + Default + PartialEq;
    /// What names the timers of a key.
    type Timer: ExchangeData + Ord + Clone;
    /// What is emitted.
    type Out: 'static;
    /// What is emitted on the side; [`Infallible`](std::convert::Infallible) where nothing is.
    type Side: 'static;

    /// Sees a record, at once.
    fn on_record(
        &self,
        state: &mut Self::State,
        record: Self::In,
        context: &mut ProcessContext<'_, M, Self::Key, Self::Out, Self::Timer, Self::Side>,
    );

    /// A timer of the key has fired; it is not set any more. Does nothing unless it is given.
    fn on_timer(
        &self,
        state: &mut Self::State,
        timer: Self::Timer,
        context: &mut ProcessContext<'_, M, Self::Key, Self::Out, Self::Timer, Self::Side>,
    ) {
        let _ = (state, timer, context);
    }

    /// Names the pieces of the state that expire, and says when: always the same pieces with the
    /// same times to live, whatever the state is. Unless it is given, nothing expires.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rheos_operators::{ProcessContext, MapState, ProcessFunction, TimeToLive, Untimed};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
    /// struct Account {
    ///     blocked: bool,
    ///     devices: MapState<String, u64>,
    /// }
    ///
    /// #[derive(Clone)]
    /// struct NewDevices;
    ///
    /// impl ProcessFunction for NewDevices {
    ///     # type Key = u64;
    ///     # type In = String;
    ///     type State = Account;
    ///     # type Timer = ();
    ///     # type Out = String;
    ///     # type Side = std::convert::Infallible;
    ///     // ...
    ///     # fn on_record(
    ///     #     &self,
    ///     #     account: &mut Account,
    ///     #     device: String,
    ///     #     context: &mut ProcessContext<'_, Untimed, u64, String>,
    ///     # ) {
    ///     #     if account.devices.insert(device.clone(), 0).is_none() {
    ///     #         context.emit(device);
    ///     #     }
    ///     # }
    ///     fn time_to_live(&self, account: &mut Account, ttl: &mut TimeToLive<Untimed>) {
    ///         ttl.in_processing_time(&mut account.devices, Duration::from_secs(30 * 24 * 3600));
    ///     }
    /// }
    /// # let devices = ["phone", "phone", "laptop"].map(|device| (1, device.to_owned()));
    /// # let new = rheos_operators::examples::results(devices, |devices| {
    /// #     devices.keyed().process(NewDevices)
    /// # });
    /// # assert_eq!(new, ["phone", "laptop"]);
    /// ```
    fn time_to_live(&self, state: &mut Self::State, ttl: &mut TimeToLive<M>) {
        let _ = (state, ttl);
    }
}
