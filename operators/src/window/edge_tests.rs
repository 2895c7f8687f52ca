//! Windows at the edges: the ends of time, sizes without a bound, senders that come back, more to
//! say than fits into a turn, moments for which an operator waits, and inputs without end.

use std::sync::Arc;
use std::time::Duration;

use rheos_engine::harness::{Collected, Harness, restore_stages, run};
use rheos_engine::{
    Consumer, EventTime, Flush, Keyed, Limits, Operator, ProcessingTime, Snapshot, StageState,
    Stamped,
};

use super::aligned::Aligned;
use super::arrival::Arrival;
use super::clock::Domain;
use super::combine::SliceCombiner;
use super::judged::Judged;
use super::pane::PaneTiming;
use super::per_key::PerKeyWindows;
use super::sliced::SlicedWindows;
use super::tests::{EMIT, Numbers, Said, WithInverse, number};
use super::windows::{Placement, Windows};
use crate::Aggregate;

fn at(millis: i64) -> EventTime {
    EventTime::from_millis(millis)
}

fn record(time: i64, number: u64) -> Stamped<Keyed<u64, u64>> {
    Stamped { time: at(time), value: Keyed::new(0, number) }
}

/// Moments at the ends of time and around its middle.
const EXTREMES: [i64; 9] =
    [i64::MIN, i64::MIN + 1, i64::MIN / 2, -1, 0, 1, i64::MAX / 2, i64::MAX - 1, i64::MAX];

/// Gives the records to an operator while nothing is promised, then promises everything: gives all
/// panes, and what it says of one more record, the hundredth.
fn panes_of<O: Operator>(operator: O, make: impl Fn(i64, u64) -> O::In) -> (Vec<Said>, Vec<Said>)
where
    Said: From<O::Out>,
{
    let mut harness = Harness::new(operator);
    let mut said = Vec::new();
    for (number, time) in EXTREMES.into_iter().enumerate() {
        said.extend(harness.batch(vec![make(time, number as u64)]).unwrap());
    }
    said.extend(harness.end_epoch().unwrap());
    assert_eq!((said.len(), harness.late()), (0, 0), "nothing has been promised");
    harness.set_watermark(EventTime::MAX);
    let mut said: Vec<Said> = harness.end_epoch().unwrap().into_iter().map(Said::from).collect();
    let held = harness.holdings();
    assert_eq!((held.keys, held.windows, held.timers, held.records), (0, 0, 0, 0), "it is over");
    let late = harness.batch(vec![make(i64::MAX, 100)]).unwrap();
    said.sort();
    (said, late.into_iter().map(Said::from).collect())
}

fn sliced<A>(aggregate: A, aligned: Aligned, lateness: i64) -> (Vec<Said>, Vec<Said>)
where
    A: Aggregate<In = u64, Acc = Vec<u64>, Out = Vec<u64>>,
{
    let operator = || {
        SlicedWindows::new(aggregate.clone(), number, (aligned, lateness), EMIT, Domain::EventTime)
    };
    let arrival = |time, number| Stamped {
        time: at(time),
        value: Keyed::new(0u64, Arrival::Record(Box::new(number))),
    };
    panes_of(operator(), arrival)
}

#[test]
fn no_time_and_no_size_is_too_extreme() {
    let ms = Duration::from_millis;
    let sizes = [
        Windows::tumbling(ms(10)),
        Windows::tumbling(ms(7)).offset(ms(3)),
        Windows::tumbling(Duration::MAX),
        Windows::sliding(ms(20), ms(5)),
        Windows::sliding(ms(14), ms(4)).offset(Duration::MAX),
        Windows::sliding(Duration::MAX, Duration::MAX / 2),
        Windows::sliding(ms(6), Duration::MAX),
    ];
    for windows in sizes {
        for lateness in [Duration::ZERO, ms(5), Duration::MAX] {
            let windows = windows.clone().allowed_lateness(lateness);
            let Placement::Aligned(aligned) = windows.placement else { unreachable!() };
            let by_key =
                PerKeyWindows::new(Numbers, number, windows.clone(), EMIT, Domain::EventTime);
            let by_key = panes_of(by_key, record);
            let shared = sliced(Numbers, aligned, windows.lateness);
            assert_eq!(shared, by_key, "{windows:?}, shared");
            let running = sliced(WithInverse, aligned, windows.lateness);
            assert_eq!(running, by_key, "{windows:?}, running");
            let (panes, late) = by_key;
            let is_seen = late == [Said::Late(100)] || aligned.has_gaps();
            assert!(is_seen, "{windows:?}, after the end of time: {late:?}");
            let numbers = |said: &Said| match said {
                Said::Pane(_, start, end, PaneTiming::OnTime, numbers) if start < end => {
                    numbers.clone()
                }
                said => panic!("{windows:?} said {said:?}"),
            };
            let mut seen: Vec<u64> = panes.iter().flat_map(numbers).collect();
            seen.sort_unstable();
            seen.dedup();
            let all: Vec<u64> = (0..EXTREMES.len() as u64).collect();
            assert!(aligned.has_gaps() || seen == all, "{windows:?} has seen {seen:?}");
        }
    }
}

#[test]
fn sessions_reach_to_the_ends_of_time() {
    for gap in [Duration::from_millis(10), Duration::MAX] {
        for lateness in [Duration::ZERO, Duration::MAX] {
            let windows = Windows::session(gap).allowed_lateness(lateness);
            let operator = PerKeyWindows::new(Numbers, number, windows, EMIT, Domain::EventTime);
            let (said, late) = panes_of(operator, record);
            assert_eq!(late, [Said::Late(100)], "gap {gap:?}");
            let count = |said: &Said| match said {
                Said::Pane(_, _, _, PaneTiming::OnTime, numbers) => numbers.len(),
                said => panic!("gap {gap:?} said {said:?}"),
            };
            assert_eq!(said.iter().map(count).sum::<usize>(), EXTREMES.len(), "gap {gap:?}");
        }
    }
}

/// What a combiner sends.
type Sent = Stamped<Keyed<u64, Arrival<u64, Vec<u64>>>>;

/// What makes a number of a record.
type Number = fn(EventTime, u64) -> u64;

/// The windows behind it.
type Tumbling = SlicedWindows<u64, u64, Numbers, Number, (u64, u64)>;

/// Tumbling windows of 10 ms behind one combiner, whose sender may be left behind by others.
struct Behind {
    combiner: SliceCombiner<u64, u64, Numbers, Number>,
    sent: Collected<Sent>,
    run: rheos_engine::Run,
    windows: Harness<Tumbling>,
    /// How many of the last epoch's arrivals were accumulators.
    combined: usize,
}

impl Behind {
    fn new() -> Self {
        let Placement::Aligned(aligned) = Windows::tumbling(Duration::from_millis(10)).placement
        else {
            unreachable!()
        };
        let (next, sent) = Collected::consumer();
        let number: Number = number;
        let (limits, judged) = (Limits::default(), Arc::<Judged>::default());
        Self {
            combiner: SliceCombiner::new(Numbers, number, (aligned, 0), &limits, next)
                .judged_by(Arc::clone(&judged)),
            sent,
            run: run(),
            windows: Harness::new(
                SlicedWindows::new(Numbers, number, (aligned, 0), EMIT, Domain::EventTime)
                    .judging(judged),
            ),
            combined: 0,
        }
    }

    /// An epoch of records, what the sender promises after it unless it is idle then, and all
    /// senders together.
    fn epoch(&mut self, records: &[i64], promise: Option<i64>, together: i64) -> Vec<Said> {
        let records = records.iter().map(|time| record(*time, *time as u64));
        self.run.epoch = self.windows.epoch();
        self.combiner.batch(&mut records.collect(), &mut self.run);
        self.combiner.flush(Flush::EpochEnd, &mut self.run);
        let combiner = &mut self.combiner;
        match promise {
            Some(promise) => combiner.watermark(at(promise), &mut self.run),
            None => self.run.while_idle(|run| combiner.watermark(at(0), run)),
        }
        let sent = self.sent.take();
        let is_combined = |sent: &Sent| matches!(sent.value.value, Arrival::Combined(_));
        self.combined = sent.iter().filter(|sent| is_combined(sent)).count();
        let mut said = self.windows.batch(sent).unwrap();
        self.windows.set_watermark(at(together));
        said.extend(self.windows.end_epoch().unwrap());
        said.into_iter().map(Said::from).collect()
    }
}

#[test]
fn a_whole_stream_is_combined_slice_by_slice() {
    let Placement::Aligned(aligned) = Windows::tumbling(Duration::from_millis(10)).placement else {
        unreachable!()
    };
    let (next, sent) = Collected::consumer();
    let (number, limits): (Number, _) = (number, Limits::default());
    let mut combiner = SliceCombiner::new(Numbers, number, (aligned, 0), &limits, next);
    let record = |time: i64| Stamped { time: at(time), value: Keyed::new((), time as u64) };
    let mut run = run();
    combiner.batch(&mut vec![record(1), record(2), record(12), record(3), record(15)], &mut run);
    combiner.flush(Flush::EpochEnd, &mut run);
    let sent = sent.take().into_iter().map(|sent| match sent.value.value {
        Arrival::Combined(numbers) => (sent.time.as_millis(), numbers),
        Arrival::Record(_) => panic!("nothing can be late"),
    });
    let mut sent: Vec<_> = sent.collect();
    sent.sort();
    assert_eq!(sent, [(0, vec![1, 2, 3]), (10, vec![12, 15])]);
}

#[test]
fn a_sender_that_comes_back_has_late_records() {
    let mut job = Behind::new();
    assert_eq!(job.epoch(&[3], Some(3), 3), []);
    assert_eq!(job.epoch(&[], None, 3), []);
    let pane = |start, numbers: &[u64]| {
        Said::Pane(0, start, start + 10, PaneTiming::OnTime, numbers.to_vec())
    };
    // The others go on without it.
    assert_eq!(job.epoch(&[], None, 100), [pane(0, &[3])]);
    // Its promise says little about what they have said meanwhile.
    assert_eq!(job.epoch(&[5, 104], Some(6), 100), [Said::Late(5)]);
    assert_eq!(job.combined, 0, "nobody knows what is late");
    assert_eq!(job.epoch(&[7, 105, 106], Some(105), 105), [Said::Late(7)]);
    assert_eq!(job.combined, 1, "the windows have said how far they are");
    assert_eq!(job.epoch(&[], Some(110), 110), [pane(100, &[104, 105, 106])]);
}

#[test]
fn a_promise_that_goes_back_makes_nothing_on_time() {
    // A split that was idle has come back to a sender that others kept going.
    let mut job = Behind::new();
    assert_eq!(job.epoch(&[101], Some(100), 100), []);
    assert_eq!(job.epoch(&[5], Some(6), 100), [Said::Late(5)]);
    assert_eq!(job.epoch(&[7], Some(8), 100), [Said::Late(7)]);
}

#[test]
fn a_sender_that_begins_anew_in_a_job_that_goes_on_has_late_records() {
    let mut job = Behind::new();
    let mut checkpoint = Snapshot::default();
    assert_eq!(job.epoch(&[101], Some(100), 100), []);
    job.windows.snapshot(0, &mut checkpoint).unwrap();
    let mut job = Behind::new();
    job.windows.restore(0, 1, &checkpoint).unwrap();
    restore_stages(&mut job.run, StageState::default());
    assert_eq!(job.epoch(&[5, 104], Some(101), 101), [Said::Late(5)]);
    assert_eq!(job.combined, 0, "nobody knows what is late");
    assert_eq!(job.epoch(&[7, 105, 106], Some(105), 105), [Said::Late(7)]);
    assert_eq!(job.combined, 1, "the windows have said how far they are");
    let all = Said::Pane(0, 100, 110, PaneTiming::OnTime, vec![101, 104, 105, 106]);
    assert_eq!(job.epoch(&[], Some(110), 110), [all]);
}

/// More keys than an operator may speak for in one turn.
const KEYS: u64 = 1_000;

/// Gives a record of each key at `time`; gives how many panes come at the end of the epoch, each
/// of another key and with the timing and so many numbers.
fn panes_of_keys<O: Operator>(
    harness: &mut Harness<O>,
    make: impl Fn(Keyed<u64, u64>) -> O::In,
    watermark: i64,
    expected: (PaneTiming, usize),
) -> usize
where
    Said: From<O::Out>,
{
    let records = (0..KEYS).map(|key| make(Keyed::new(key, key)));
    assert_eq!(harness.batch(records.collect()).unwrap().len(), 0);
    harness.set_watermark(at(watermark));
    let said = harness.end_epoch().unwrap().into_iter().map(Said::from);
    let mut keys: Vec<u64> = said
        .map(|said| match said {
            Said::Pane(key, _, _, timing, numbers) if (timing, numbers.len()) == expected => key,
            said => panic!("{said:?} where {expected:?} was expected"),
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len()
}

/// Windows that answer on time, and late while they have not yet gone.
fn check_many_keys<O: Operator>(operator: O, make: impl Fn(Keyed<u64, u64>) -> O::In + Copy)
where
    Said: From<O::Out>,
{
    let mut harness = Harness::new(operator);
    for (watermark, expected) in
        [(10, (PaneTiming::OnTime, 1)), (11, (PaneTiming::Late, 2)), (30, (PaneTiming::Late, 3))]
    {
        let keys = panes_of_keys(&mut harness, make, watermark, expected);
        assert_eq!(keys as u64, KEYS, "{expected:?}");
    }
    let held = harness.holdings();
    assert_eq!((held.keys, held.windows, held.timers, held.records), (0, 0, 0, 0));
}

#[test]
fn every_key_is_heard_however_many_there_are() {
    let ms = Duration::from_millis;
    let windows = Windows::tumbling(ms(10)).allowed_lateness(ms(10));
    let Placement::Aligned(aligned) = windows.placement else { unreachable!() };
    let places = (aligned, windows.lateness);
    check_many_keys(
        PerKeyWindows::new(Numbers, number, windows.clone(), EMIT, Domain::EventTime),
        |value| Stamped { time: at(5), value },
    );
    check_many_keys(
        SlicedWindows::new(Numbers, number, places, EMIT, Domain::EventTime),
        |Keyed { hash, key, value }| {
            let value = Arrival::Record(Box::new(value));
            Stamped { time: at(5), value: Keyed { hash, key, value } }
        },
    );
    // Early: five milliseconds of processing time later.
    let windows = Windows::global().early_every(ms(5));
    let mut harness =
        Harness::new(PerKeyWindows::new(Numbers, number, windows, EMIT, Domain::EventTime));
    let record = |key| Stamped { time: at(5), value: Keyed::new(key, key) };
    assert_eq!(harness.batch((0..KEYS).map(record).collect()).unwrap().len(), 0);
    harness.set_time(ProcessingTime(5));
    assert_eq!(harness.end_epoch().unwrap().len() as u64, KEYS);
    assert_eq!(harness.holdings().timers as u64, KEYS, "those for the end");
}

/// The processing times for which an operator waits at 13, 15 and 20, after a record at 13.
fn deadlines<O: Operator>(operator: O, record: O::In) -> [Option<u64>; 3] {
    let mut harness = Harness::new(operator);
    assert_eq!(harness.deadline(), None, "nothing to wait for");
    harness.batch(vec![record]).unwrap();
    [13, 15, 20].map(|now| {
        harness.set_watermark(at(now));
        harness.end_epoch().unwrap();
        harness.deadline().map(|time| time.0)
    })
}

#[test]
fn windows_of_processing_time_say_when_their_time_comes() {
    let ms = Duration::from_millis;
    let check = |windows: &Windows, domain, expected: [Option<u64>; 3]| {
        let Placement::Aligned(aligned) = windows.placement else { unreachable!() };
        let shared = SlicedWindows::new(Numbers, number, (aligned, 0), EMIT, domain);
        let arrival = Keyed::new(0, Arrival::Record(Box::new(1)));
        let shared = deadlines(shared, Stamped { time: at(13), value: arrival });
        assert_eq!(shared, expected, "{windows:?}, shared, {domain:?}");
        let by_key = PerKeyWindows::new(Numbers, number, windows.clone(), EMIT, domain);
        let by_key = deadlines(by_key, record(13, 1));
        assert_eq!(by_key, expected, "{windows:?}, by key, {domain:?}");
    };
    let (tumbling, sliding) = (Windows::tumbling(ms(10)), Windows::sliding(ms(10), ms(5)));
    check(&tumbling, Domain::ProcessingTime, [Some(20), Some(20), None]);
    check(&sliding, Domain::ProcessingTime, [Some(15), Some(20), None]);
    check(&sliding, Domain::EventTime, [None; 3]);
    let sessions = Windows::session(ms(5));
    let operator = PerKeyWindows::new(Numbers, number, sessions, EMIT, Domain::ProcessingTime);
    assert_eq!(deadlines(operator, record(13, 1)), [Some(19), Some(19), None], "end included");
}

/// Gives an operator a record of one of three keys every millisecond, with the watermark close
/// behind; gives the most that it held after any epoch: windows, timers, records and bytes.
fn most_held<O: Operator>(
    operator: O,
    make: impl Fn(EventTime, Keyed<u64, u64>) -> O::In,
) -> [usize; 4] {
    let mut harness = Harness::new(operator);
    let mut most = [0; 4];
    for number in 0..500 {
        let time = number as i64;
        harness.batch(vec![make(at(time), Keyed::new(number % 3, number))]).unwrap();
        harness.set_watermark(at(time - 10));
        harness.end_epoch().unwrap();
        let held = harness.holdings();
        let held = [held.windows, held.timers, held.records, held.bytes];
        most.iter_mut().zip(held).for_each(|(most, held)| *most = held.max(*most));
    }
    most
}

#[test]
fn state_does_not_grow_with_the_length_of_the_input() {
    let ms = Duration::from_millis;
    let record = |time, value| Stamped { time, value };
    let arrival = |time, Keyed { hash, key, value }: Keyed<u64, u64>| {
        let value = Arrival::Record(Box::new(value));
        Stamped { time, value: Keyed { hash, key, value } }
    };
    let entry = size_of::<rheos_engine::Entry<u64, (Vec<u64>, u32)>>();
    for (windows, slices) in [(Windows::tumbling(ms(10)), 3), (Windows::sliding(ms(20), ms(5)), 8)]
    {
        let Placement::Aligned(aligned) = windows.placement else { unreachable!() };
        let places = (aligned, 0);
        let shared = SlicedWindows::new(Numbers, number, places, EMIT, Domain::EventTime);
        let running = SlicedWindows::new(WithInverse, number, places, EMIT, Domain::EventTime);
        for most in [most_held(shared, arrival), most_held(running, arrival)] {
            let [held, _, records, bytes] = most;
            let is_bounded = held <= slices && records <= 3 * slices && bytes <= 9 * slices * entry;
            assert!(is_bounded, "{windows:?}: {most:?}");
        }
        let by_key = PerKeyWindows::new(Numbers, number, windows.clone(), EMIT, Domain::EventTime);
        let most = most_held(by_key, record);
        assert!(most[0] <= 24 && most[1] <= 24, "{windows:?} by key: {most:?}");
    }
    // Sessions that go on and on: one window and one reminder of each key.
    let sessions = Windows::session(ms(50));
    let sessions = PerKeyWindows::new(Numbers, number, sessions, EMIT, Domain::EventTime);
    assert_eq!(most_held(sessions, record)[..3], [3, 3, 3]);
}
