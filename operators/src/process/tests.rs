//! What process functions see and say, timer by timer.

use std::convert::Infallible;
use std::time::Duration;

use rheos_engine::harness::Harness;
use rheos_engine::{EventTime, Keyed, ProcessingTime, Snapshot, Stamped};
use serde::{Deserialize, Serialize};

use super::one_input::Process;
use super::side::{One, Two};
use super::*;
use crate::random::Random;
use crate::recovery::{Step, check_recovery, to_owner};
use crate::{Timed, Timeline, Untimed};

fn at(millis: i64) -> EventTime {
    EventTime::from_millis(millis)
}

fn stamped<V>(time: i64, key: u64, value: V) -> Stamped<Keyed<u64, V>> {
    Stamped { time: at(time), value: Keyed::new(key, value) }
}

fn rows<T: Clone>(out: Vec<Stamped<T>>) -> Vec<(i64, T)> {
    out.into_iter().map(|row| (row.time.as_millis(), row.value)).collect()
}

/// What a record asks for, for tests of the context: each does one thing.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Timer(char, i64),
    Hold(char, i64, i64),
    Processing(char, u64),
    Delete(char),
    Remember(u32),
    Emit(i64),
}

/// Does what records ask for and tells what it sees. On a timer named in capitals it sets that
/// timer again, ten later.
#[derive(Clone)]
struct Obey;

type Told = (u64, String);

fn obey<M: Timeline>(
    state: &mut u32,
    ask: Ask,
    context: &mut ProcessContext<'_, M, u64, Told, char, Told>,
) {
    match ask {
        Ask::Processing(name, time) => context.set_processing_timer(name, ProcessingTime(time)),
        Ask::Delete(name) => context.delete_timer(&name),
        Ask::Remember(number) => *state = number,
        other => unreachable!("{other:?} needs event time"),
    }
}

impl ProcessFunction<Timed> for Obey {
    type Key = u64;
    type In = Ask;
    type State = u32;
    type Timer = char;
    type Out = Told;
    type Side = Told;

    fn on_record(
        &self,
        state: &mut u32,
        ask: Ask,
        context: &mut ProcessContext<'_, Timed, u64, Told, char, Told>,
    ) {
        let key = *context.key();
        if context.is_late() {
            context.emit_side((key, format!("late at {}", context.watermark())));
        }
        match ask {
            Ask::Timer(name, time) => context.set_timer(name, at(time)),
            Ask::Hold(name, time, from) => context.set_timer_holding(name, at(time), at(from)),
            Ask::Emit(time) => context.emit_at(at(time), (key, "emitted".into())),
            other => obey(state, other, context),
        }
    }

    fn on_timer(
        &self,
        state: &mut u32,
        name: char,
        context: &mut ProcessContext<'_, Timed, u64, Told, char, Told>,
    ) {
        assert!(!context.has_timer(&name), "a timer that fires is not set");
        if name.is_uppercase() {
            context.set_timer(name, context.event_time().plus(Duration::from_millis(10)));
        }
        context.emit((*context.key(), format!("{name}{state}")));
    }
}

impl ProcessFunction<Untimed> for Obey {
    type Key = u64;
    type In = Ask;
    type State = u32;
    type Timer = char;
    type Out = Told;
    type Side = Told;

    fn on_record(
        &self,
        state: &mut u32,
        ask: Ask,
        context: &mut ProcessContext<'_, Untimed, u64, Told, char, Told>,
    ) {
        obey(state, ask, context);
    }

    fn on_timer(
        &self,
        state: &mut u32,
        name: char,
        context: &mut ProcessContext<'_, Untimed, u64, Told, char, Told>,
    ) {
        let now = context.processing_time().0;
        context.emit((*context.key(), format!("{name}{state} at {now}")));
    }
}

type Obeying<M> = Harness<Process<Obey, M, Two>>;

fn obeying<M: Timeline>() -> Process<Obey, M, Two>
where
    Obey: ProcessFunction<M>,
{
    Process::new(Obey)
}

/// What was emitted, with its time; what was emitted on the side in brackets.
fn told(out: Vec<Stamped<Result<Told, Told>>>) -> Vec<(i64, u64, String)> {
    let told = |told: Result<Told, Told>| match told {
        Ok((key, text)) => (key, text),
        Err((key, text)) => (key, format!("[{text}]")),
    };
    let row = |(time, row)| {
        let (key, text) = told(row);
        (time, key, text)
    };
    rows(out).into_iter().map(row).collect()
}

fn wanted(rows: &[(i64, u64, &str)]) -> Vec<(i64, u64, String)> {
    rows.iter().map(|(time, key, text)| (*time, *key, (*text).to_owned())).collect()
}

/// Asks at a time, and expects that nothing comes of it at once.
fn ask(harness: &mut Obeying<Timed>, time: i64, key: u64, ask: Ask) {
    assert_eq!(told(harness.batch(vec![stamped(time, key, ask)]).unwrap()), []);
}

fn end_epoch(harness: &mut Obeying<Timed>, watermark: i64) -> Vec<(i64, u64, String)> {
    harness.set_watermark(at(watermark));
    told(harness.end_epoch().unwrap())
}

#[test]
fn timers_fire_when_the_watermark_has_come_to_them_in_order_of_time() {
    let mut harness = Harness::new(obeying::<Timed>());
    ask(&mut harness, 1, 7, Ask::Remember(3));
    for (key, name, time) in [(7, 'a', 30), (7, 'b', 10), (8, 'a', 20), (8, 'c', 25)] {
        ask(&mut harness, 5, key, Ask::Timer(name, time));
    }
    assert_eq!(end_epoch(&mut harness, 9), []);
    ask(&mut harness, 15, 8, Ask::Delete('c'));
    ask(&mut harness, 15, 7, Ask::Timer('a', 19));
    assert_eq!(harness.holdings().timers, 3);
    assert_eq!(end_epoch(&mut harness, 20), wanted(&[(10, 7, "b3"), (19, 7, "a3"), (20, 8, "a0")]));
    assert_eq!(harness.watermark(), at(20), "timers hold nothing unless they were asked to");
    assert_eq!((harness.holdings().timers, harness.holdings().keys), (0, 1), "8 is forgotten");
    ask(&mut harness, 25, 7, Ask::Remember(0));
    assert_eq!(harness.holdings().keys, 0, "a state as it was at first is forgotten");
}

#[test]
fn a_timer_in_the_past_fires_at_the_end_of_the_epoch() {
    let mut harness = Harness::new(obeying::<Timed>());
    assert_eq!(end_epoch(&mut harness, 100), []);
    let late = harness.batch(vec![stamped(50, 7, Ask::Timer('a', 60))]).unwrap();
    assert_eq!(told(late), wanted(&[(50, 7, "[late at 1970-01-01T00:00:00.1Z]")]));
    assert_eq!(end_epoch(&mut harness, 100), wanted(&[(60, 7, "a0")]));
}

#[test]
fn a_timer_may_set_itself_again_and_catches_up() {
    let mut harness = Harness::new(obeying::<Timed>());
    ask(&mut harness, 1, 7, Ask::Timer('A', 10));
    assert_eq!(end_epoch(&mut harness, 39), wanted(&[(10, 7, "A0"), (20, 7, "A0"), (30, 7, "A0")]));
    ask(&mut harness, 39, 7, Ask::Delete('A'));
    assert_eq!(end_epoch(&mut harness, 100), []);
    assert_eq!(harness.holdings().keys, 0);
}

#[test]
fn timers_that_never_stop_after_the_end_fail_the_job() {
    let mut harness = Harness::new(obeying::<Timed>());
    ask(&mut harness, 1, 7, Ask::Timer('A', 10));
    let error = harness.end_input().unwrap_err();
    assert!(error.to_string().contains("input_has_ended"), "{error}");
}

#[test]
fn a_timer_holds_the_watermark_if_it_was_asked_to() {
    let mut harness = Harness::new(obeying::<Timed>());
    ask(&mut harness, 5, 7, Ask::Hold('a', 30, 5));
    ask(&mut harness, 5, 7, Ask::Hold('b', 40, 12));
    assert_eq!(end_epoch(&mut harness, 20), []);
    assert_eq!(harness.watermark(), at(5));
    assert_eq!(end_epoch(&mut harness, 30), wanted(&[(30, 7, "a0")]));
    assert_eq!(harness.watermark(), at(12));
    ask(&mut harness, 35, 7, Ask::Delete('b'));
    assert_eq!(end_epoch(&mut harness, 36), []);
    assert_eq!(harness.watermark(), at(36));
}

#[test]
fn records_are_emitted_with_their_time_or_another() {
    let mut harness = Harness::new(obeying::<Timed>());
    let out = harness.batch(vec![stamped(5, 7, Ask::Emit(3))]).unwrap();
    assert_eq!(told(out), wanted(&[(3, 7, "emitted")]));
}

#[test]
fn timers_in_processing_time_have_an_event_time_that_is_not_late() {
    let mut harness = Harness::new(obeying::<Timed>());
    ask(&mut harness, 5, 7, Ask::Processing('a', 1_000));
    ask(&mut harness, 5, 7, Ask::Processing('b', 2_000));
    ask(&mut harness, 5, 7, Ask::Processing('c', 3_000));
    assert_eq!(harness.deadline(), Some(ProcessingTime(1_000)));
    harness.set_time(ProcessingTime(1_000));
    assert_eq!(end_epoch(&mut harness, 20), wanted(&[(5, 7, "a0")]), "the setter's time");
    harness.set_time(ProcessingTime(2_500));
    assert_eq!(end_epoch(&mut harness, 30), wanted(&[(20, 7, "b0")]), "the watermark is later");
    assert_eq!(harness.deadline(), Some(ProcessingTime(3_000)));
    let last = told(harness.end_input().unwrap());
    assert_eq!(last, wanted(&[(30, 7, "c0")]), "the end fires what is left");
    assert_eq!((harness.deadline(), harness.holdings().keys), (None, 0));
}

#[test]
fn without_event_time_timers_fire_in_processing_time_and_at_the_end() {
    let mut harness: Obeying<Untimed> = Harness::new(obeying());
    harness.batch(vec![Keyed::new(7, Ask::Processing('a', 10))]).unwrap();
    harness.batch(vec![Keyed::new(7, Ask::Processing('b', 20))]).unwrap();
    harness.batch(vec![Keyed::new(8, Ask::Processing('a', 15))]).unwrap();
    harness.batch(vec![Keyed::new(7, Ask::Processing('a', 12))]).unwrap();
    harness.set_time(ProcessingTime(16));
    let told = |out: Vec<Result<Told, Told>>| {
        out.into_iter().map(|row| row.unwrap().1).collect::<Vec<_>>()
    };
    assert_eq!(told(harness.end_epoch().unwrap()), ["a0 at 16", "a0 at 16"]);
    assert_eq!(harness.holdings().keys, 1);
    assert_eq!(told(harness.end_input().unwrap()), ["b0 at 16"]);
    assert_eq!(harness.holdings().keys, 0);
}

/// Counts values in pieces that expire, and says what it sees.
#[derive(Clone)]
struct Recent;

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct Pieces {
    last: ValueState<i64>,
    times: ListState<i64>,
    seen: MapState<i64, u64>,
}

impl<M: Timeline> ProcessFunction<M> for Recent
where
    TimeToLive<M>: Expire,
{
    type Key = u64;
    type In = i64;
    type State = Pieces;
    type Timer = ();
    type Out = (Option<i64>, Vec<i64>, Vec<(i64, u64)>);
    type Side = Infallible;

    fn on_record(
        &self,
        state: &mut Pieces,
        value: i64,
        context: &mut ProcessContext<'_, M, u64, Self::Out>,
    ) {
        if value < 0 {
            *state = Pieces::default();
        }
        let last = state.last.get().copied();
        state.last.set(value);
        state.times.push(value);
        let count = state.seen.get(&(value % 3)).copied().unwrap_or_default();
        state.seen.insert(value % 3, count + 1);
        let seen = state.seen.iter().map(|(key, count)| (*key, *count)).collect();
        context.emit((last, state.times.iter().copied().collect(), seen));
    }

    fn time_to_live(&self, state: &mut Pieces, ttl: &mut TimeToLive<M>) {
        ttl.expire(state);
    }
}

/// In which time the pieces expire.
trait Expire {
    fn expire(&mut self, pieces: &mut Pieces);
}

const TTL: Duration = Duration::from_millis(160);

impl Expire for TimeToLive<Timed> {
    fn expire(&mut self, pieces: &mut Pieces) {
        self.in_event_time(&mut pieces.last, TTL / 2);
        self.in_event_time(&mut pieces.times, TTL);
        self.in_event_time(&mut pieces.seen, TTL);
    }
}

impl Expire for TimeToLive<Untimed> {
    fn expire(&mut self, pieces: &mut Pieces) {
        self.in_processing_time(&mut pieces.last, TTL / 2);
        self.in_processing_time(&mut pieces.times, TTL);
        self.in_processing_time(&mut pieces.seen, TTL);
    }
}

#[test]
fn pieces_expire_in_event_time_and_memory_falls() {
    let mut harness = Harness::new(Process::<_, Timed, One>::new(Recent));
    let see = |harness: &mut Harness<_>, time| {
        let out: Vec<Stamped<_>> = harness.batch(vec![stamped(time, 7, time)]).unwrap();
        out.into_iter().next().unwrap().value
    };
    assert_eq!(see(&mut harness, 0), (None, vec![0], vec![(0, 1)]));
    assert_eq!(see(&mut harness, 79), (Some(0), vec![0, 79], vec![(0, 1), (1, 1)]));
    assert_eq!(see(&mut harness, 159), (None, vec![0, 79, 159], vec![(0, 2), (1, 1)]));
    assert_eq!(see(&mut harness, 239), (None, vec![159, 239], vec![(0, 2), (2, 1)]));
    for (watermark, keys) in [(0, 1), (398, 1), (408, 1), (409, 0)] {
        harness.set_watermark(at(watermark));
        harness.end_epoch().unwrap();
        assert_eq!(harness.holdings().keys, keys, "at {watermark}");
    }
}

#[test]
fn what_is_written_into_a_new_state_expires_too() {
    let mut harness = Harness::new(Process::<_, Timed, One>::new(Recent));
    harness.batch(vec![stamped(0, 7, 1), stamped(0, 7, -1)]).unwrap();
    harness.set_watermark(at(170));
    harness.end_epoch().unwrap();
    assert_eq!(harness.holdings().keys, 0);
}

#[test]
fn pieces_expire_in_processing_time_without_a_record() {
    let mut harness = Harness::new(Process::<_, Untimed, One>::new(Recent));
    harness.set_time(ProcessingTime(1_000));
    assert_eq!(harness.batch(vec![Keyed::new(7, 4)]).unwrap(), [(None, vec![4], vec![(1, 1)])]);
    harness.end_epoch().unwrap();
    let mut deadlines = Vec::new();
    while let Some(deadline) = harness.deadline() {
        deadlines.push(deadline.0);
        harness.set_time(deadline);
        harness.end_epoch().unwrap();
    }
    assert_eq!(deadlines, [1_085, 1_170], "the value first, then list and map");
    assert_eq!(harness.holdings().keys, 0);
}

#[test]
fn reminders_to_sweep_come_again_after_a_restore() {
    let mut harness = Harness::new(Process::<_, Untimed, One>::new(Recent));
    harness.set_time(ProcessingTime(1_000));
    harness.batch(vec![Keyed::new(7, 4)]).unwrap();
    let mut snapshot = Snapshot::default();
    harness.snapshot(0, &mut snapshot).unwrap();
    let mut restored = Harness::new(Process::<_, Untimed, One>::new(Recent));
    restored.restore(0, 1, &snapshot).unwrap();
    assert_eq!(restored.deadline(), Some(ProcessingTime(1_085)));
    restored.set_time(ProcessingTime(1_170));
    restored.end_epoch().unwrap();
    assert_eq!(restored.holdings().keys, 0);
}

/// Random asks with disorder, ties and gaps.
fn asks(random: &mut Random) -> Vec<Step<Stamped<Keyed<u64, Ask>>>> {
    let mut watermark = 0;
    let mut now = 0;
    let epochs = 1 + random.below(6);
    (0..epochs)
        .map(|_| {
            let records = (0..random.below(40)).map(|_| {
                let time = watermark + random.below(60) as i64 - 20;
                let name = [b'a', b'b', b'c'][random.below(3) as usize] as char;
                let later = time + random.below(40) as i64;
                let ask = match random.below(6) {
                    0 | 1 => Ask::Timer(name, later),
                    // One that is late could not hold what was promised.
                    2 => Ask::Hold(name, later, time.max(watermark)),
                    3 => Ask::Processing(name, now + random.below(100)),
                    4 => Ask::Delete(name),
                    _ => Ask::Remember(random.below(3) as u32),
                };
                stamped(time, random.below(10), ask)
            });
            let records = records.collect();
            watermark += random.below(60) as i64;
            now += random.below(60);
            Step { records, watermark: at(watermark), now: ProcessingTime(now) }
        })
        .collect()
}

#[test]
fn states_and_timers_survive_on_other_workers() {
    for seed in 0..20 {
        let steps = asks(&mut Random::new(seed));
        let make = |_, _| Harness::new(obeying::<Timed>());
        check_recovery(seed, &steps, make, to_owner::<_, _, Timed>);
    }
}

#[test]
fn pieces_survive_on_other_workers() {
    for seed in 0..10 {
        let mut random = Random::new(seed);
        let mut watermark = 0;
        let mut step = || {
            let records = (0..random.below(30))
                .map(|_| {
                    let time = watermark + random.below(200) as i64 - 50;
                    stamped(time, random.below(8), time)
                })
                .collect();
            watermark += random.below(100) as i64;
            Step { records, watermark: at(watermark), now: ProcessingTime(0) }
        };
        let steps = [step(), step(), step(), step(), step()];
        let make = |_, _| Harness::new(Process::<_, Timed, One>::new(Recent));
        check_recovery(seed, &steps, make, to_owner::<_, _, Timed>);
    }
}
