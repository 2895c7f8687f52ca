//! Adds windows to a plan: what stands before the exchange and what behind it.

use rheos_engine::plan::Route;
use rheos_engine::{ExchangeData, Key, Keyed, Next, Stamped, WorkerContext};

use super::aligned::Aligned;
use super::arrival::Arrival;
use super::clock::Domain;
use super::combine::SliceCombiner;
use super::count::CountWindows;
use super::judged::JudgedByWorker;
use super::pane::Pane;
use super::per_key::PerKeyWindows;
use super::processing::StampNow;
use super::sliced::SlicedWindows;
use super::windowed::Prepare;
use super::windows::{Placement, Windows};
use crate::apply::by_key;
use crate::with_late::{Emitted, LateRecords};
use crate::{Aggregate, KeyedStream, Stream, Timed, Timeline, WithLate};

/// Which clock windows go by, and what their results are because of it.
pub trait WindowDomain: sealed::Sealed + 'static {
    /// Rows of type `T` where records of type `L` may be late.
    type Rows<T: 'static, L: 'static>;

    #[doc(hidden)]
    const DOMAIN: sealed::Clock;

    #[doc(hidden)]
    fn results<T: 'static, L: 'static>(results: WithLate<T, L>) -> Self::Rows<T, L>;
}

/// The panes of windows, with late records of type `L`.
pub type Attached<D, K, R, L> = <D as WindowDomain>::Rows<Pane<K, R>, L>;

pub(crate) mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ByEventTime {}
    impl Sealed for super::ByProcessingTime {}
    impl Sealed for super::ByCount {}

    /// The crate's own name for the clock.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Clock {
        Event,
        Processing,
        Count,
    }
}

/// Windows of event time: results come with late records, [`WithLate`].
#[derive(Clone, Copy, Debug)]
pub enum ByEventTime {}

/// Windows of processing time, for which nothing is late: results are a stream.
#[derive(Clone, Copy, Debug)]
pub enum ByProcessingTime {}

/// Windows of so many records, for which nothing is late: results are a stream.
#[derive(Clone, Copy, Debug)]
pub enum ByCount {}

impl WindowDomain for ByCount {
    type Rows<T: 'static, L: 'static> = Stream<T>;

    const DOMAIN: sealed::Clock = sealed::Clock::Count;

    fn results<T: 'static, L: 'static>(results: WithLate<T, L>) -> Stream<T> {
        results.drop_late().without_event_time()
    }
}

impl WindowDomain for ByEventTime {
    type Rows<T: 'static, L: 'static> = WithLate<T, L>;

    const DOMAIN: sealed::Clock = sealed::Clock::Event;

    fn results<T: 'static, L: 'static>(results: WithLate<T, L>) -> WithLate<T, L> {
        results
    }
}

impl WindowDomain for ByProcessingTime {
    type Rows<T: 'static, L: 'static> = Stream<T>;

    const DOMAIN: sealed::Clock = sealed::Clock::Processing;

    fn results<T: 'static, L: 'static>(results: WithLate<T, L>) -> Stream<T> {
        results.drop_late().without_event_time()
    }
}

/// Stamps records with the moment at which they are seen.
pub(crate) fn stamp_now<T: 'static, M: Timeline>(records: Stream<T, M>) -> Stream<T, Timed> {
    let records = records.without_event_time();
    let make = |_: &WorkerContext, next| -> Next<T> { Box::new(StampNow::new(next)) };
    Stream::new(records.port().graph().stage(records.port(), "processing time", make))
}

/// A keyed stream that is cut into windows.
pub(crate) struct CutStream<K: 'static, V: 'static, L> {
    pub(crate) records: KeyedStream<K, V, Timed>,
    pub(crate) windows: Windows,
    /// What late records are made into.
    pub(crate) late: fn((K, V)) -> L,
    pub(crate) domain: sealed::Clock,
}

/// The windows over a keyed stream.
pub(crate) fn attach<K, V, A, L>(
    kind: &'static str,
    CutStream { records, windows, late, domain: clock }: CutStream<K, V, L>,
    aggregate: A,
    prepare: impl Prepare<V, A>,
) -> WithLate<Pane<K, A::Out>, L>
where
    K: Key,
    V: ExchangeData,
    A: Aggregate,
    L: Send + 'static,
{
    let domain = match clock {
        sealed::Clock::Event | sealed::Clock::Count => Domain::EventTime,
        sealed::Clock::Processing => Domain::ProcessingTime,
    };
    // By processing time nothing is late, so no window waits for it.
    let windows = match domain {
        Domain::EventTime => windows,
        Domain::ProcessingTime => Windows { lateness: 0, ..windows },
    };
    WithLate::new(move |lateness| {
        let late = LateRecords { lateness, make: late };
        let note = windows.describe();
        let emitted = match windows.placement {
            Placement::Aligned(aligned) if windows.firing.is_plain() => {
                let places = (aligned, windows.lateness);
                sliced(kind, records, places, (late, domain), aggregate, prepare)
            }
            Placement::Count(counts) => {
                let records = records.into_keyed();
                let make = move |_: &WorkerContext| {
                    CountWindows::<K, V, A, _, L>::new(aggregate.clone(), prepare.clone(), counts)
                };
                let port = records.port();
                Stream::new(port.graph().operator(port, by_key::<K, V, Timed>(), kind, make))
            }
            _ => {
                let records = records.into_keyed();
                let make = move |_: &WorkerContext| {
                    let (aggregate, prepare) = (aggregate.clone(), prepare.clone());
                    PerKeyWindows::new(aggregate, prepare, windows.clone(), late, domain)
                };
                let port = records.port();
                let windows = port.graph().operator(port, by_key::<K, V, Timed>(), kind, make);
                Stream::new(windows)
            }
        };
        emitted.port().step().note(note);
        emitted
    })
}

/// What leaves the operators.
type EmittedPanes<K, R, L> = Stream<Emitted<Pane<K, R>, L>, Timed>;

fn sliced<K, V, A, L>(
    kind: &'static str,
    records: KeyedStream<K, V, Timed>,
    places: (Aligned, i64),
    (late, domain): (LateRecords<(K, V), L>, Domain),
    aggregate: A,
    prepare: impl Prepare<V, A>,
) -> EmittedPanes<K, A::Out, L>
where
    K: Key,
    V: ExchangeData,
    A: Aggregate,
    L: Send + 'static,
{
    let records = records.into_keyed();
    let graph = records.port().graph();
    let (combine, its_prepare) = (aggregate.clone(), prepare.clone());
    let judged = JudgedByWorker::default();
    let judging = judged.clone();
    let combined = graph.stage(records.port(), "combine", move |context: &WorkerContext, next| {
        let (aggregate, prepare) = (combine.clone(), its_prepare.clone());
        let stage = SliceCombiner::new(aggregate, prepare, places, context.limits(), next)
            .judged_by(judged.of(context.worker()));
        Box::new(stage) as Next<Stamped<Keyed<K, V>>>
    });
    type Arrived<K, V, A> = Stamped<Keyed<K, Arrival<V, A>>>;
    let route = Route::by_key(|arrived: &Arrived<K, V, A::Acc>| arrived.value.hash).timed(true);
    let make = move |context: &WorkerContext| {
        let (aggregate, prepare) = (aggregate.clone(), prepare.clone());
        SlicedWindows::<K, V, A, _, L>::new(aggregate, prepare, places, late, domain)
            .judging(judging.of(context.worker()))
    };
    Stream::new(graph.operator(&combined, route, kind, make))
}
