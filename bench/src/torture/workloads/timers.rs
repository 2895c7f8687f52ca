//! Process functions: timers in event time and in processing time, each fires once; and states that
//! expire.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::judge::Judge;
use super::super::task::{LANES, Task};
use super::Workload;

pub(super) const WORKLOAD: Workload =
    Workload::new("timers", &["fired", "rang", "alive"], build, judge);

const KEYS: u64 = 250;
/// Milliseconds of event time from one record to the next.
const STEP: i64 = 5;
/// Timers fire so many milliseconds of event time after their record.
const DELAYS: u64 = 3_000;
/// Timers in processing time fire so long after their record.
const RINGS_AFTER: Duration = Duration::from_millis(150);
/// Records count so many milliseconds of event time.
const TTL: i64 = 2_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Event {
    id: u64,
    key: u64,
    time: i64,
    amount: u64,
    delay: i64,
}

/// A timer that has fired, with what was remembered for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Fired {
    id: u64,
    key: u64,
    due: i64,
    amount: u64,
}

/// How many records of a lane count when one comes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Alive {
    lane: u64,
    id: u64,
    alive: usize,
}

fn event(random: &mut Random, index: u64) -> Event {
    Event {
        id: index,
        key: random.below(KEYS),
        time: index as i64 * STEP,
        amount: random.below(1_000),
        delay: 1 + random.below(DELAYS) as i64,
    }
}

/// Remembers each record until its timer in event time fires.
#[derive(Clone)]
struct Delayed;

impl ProcessFunction<Timed> for Delayed {
    type Key = u64;
    type In = Event;
    type State = BTreeMap<u64, u64>;
    type Timer = u64;
    type Out = Fired;
    type Side = Infallible;

    fn on_record(
        &self,
        amounts: &mut Self::State,
        event: Event,
        context: &mut ProcessContext<'_, Timed, u64, Fired, u64>,
    ) {
        amounts.insert(event.id, event.amount);
        context.set_timer(event.id, EventTime::from_millis(event.time + event.delay));
    }

    fn on_timer(
        &self,
        amounts: &mut Self::State,
        id: u64,
        context: &mut ProcessContext<'_, Timed, u64, Fired, u64>,
    ) {
        // Without its amount a timer shows as a wrong row.
        let amount = amounts.remove(&id).unwrap_or(u64::MAX);
        let (key, due) = (*context.key(), context.event_time().as_millis());
        context.emit(Fired { id, key, due, amount });
    }
}

/// Says the record again after a while of processing time.
#[derive(Clone)]
struct Bell;

impl ProcessFunction<Timed> for Bell {
    type Key = u64;
    type In = u64;
    type State = ();
    type Timer = u64;
    type Out = u64;
    type Side = Infallible;

    fn on_record(
        &self,
        (): &mut (),
        id: u64,
        context: &mut ProcessContext<'_, Timed, u64, u64, u64>,
    ) {
        let at = context.processing_time().plus(RINGS_AFTER);
        context.set_processing_timer(id, at);
    }

    fn on_timer(
        &self,
        (): &mut (),
        id: u64,
        context: &mut ProcessContext<'_, Timed, u64, u64, u64>,
    ) {
        context.emit(id);
    }
}

/// Counts the earlier records of a lane that have not expired.
#[derive(Clone)]
struct Counting;

impl ProcessFunction<Timed> for Counting {
    type Key = u64;
    type In = u64;
    type State = MapState<u64, ()>;
    type Timer = ();
    type Out = Alive;
    type Side = Infallible;

    fn on_record(
        &self,
        ids: &mut Self::State,
        id: u64,
        context: &mut ProcessContext<'_, Timed, u64, Alive>,
    ) {
        context.emit(Alive { lane: *context.key(), id, alive: ids.len() });
        ids.insert(id, ());
    }

    fn time_to_live(&self, ids: &mut Self::State, ttl: &mut TimeToLive<Timed>) {
        ttl.in_event_time(ids, Duration::from_millis(TTL.unsigned_abs()));
    }
}

fn build(task: &Task, job: &Job) {
    let events = task
        .source(job, event)
        .event_time(|event| EventTime::from_millis(event.time), Watermarks::monotone());
    events
        .clone()
        .key_by(|event| event.key)
        .process(Delayed)
        .without_event_time()
        .sink(task.sink("fired"));
    let by_lane = events.map(|event| (event.id % LANES, event.id)).keyed();
    by_lane.clone().process(Bell).without_event_time().sink(task.sink("rang"));
    by_lane.process(Counting).without_event_time().sink(task.sink("alive"));
}

fn judge(task: &Task, judge: &mut Judge<'_>) {
    let events: Vec<Event> =
        (0..task.records).map(|index| event(&mut task.random(index), index)).collect();
    let fired = |event: &Event| Fired {
        id: event.id,
        key: event.key,
        due: event.time + event.delay,
        amount: event.amount,
    };
    judge.exactly("fired", events.iter().map(fired));
    judge.exactly("rang", events.iter().map(|event| event.id));
    let alive = judge.rows::<Alive>("alive");
    judge.in_order("alive", &alive, |row| row.lane, |row| row.id);
    let counts = |event: &Event| {
        let earlier = (0..event.id).rev().filter(|id| id % LANES == event.id % LANES);
        let alive = earlier.take_while(|id| event.time < events[*id as usize].time + TTL);
        Alive { lane: event.id % LANES, id: event.id, alive: alive.count() }
    };
    judge.same("alive", alive, events.iter().map(counts));
}
