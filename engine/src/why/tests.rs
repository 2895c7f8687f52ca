//! Who holds a watermark, and what is said of it, on made-up facts.

use std::time::Duration;

use super::facts::{EdgeFacts, Facts, OnWorker, Runs, StepFacts};
use super::stall::{StallWatch, warning};
use super::{Holder, Why};
use crate::status::{Assigned, Promise, SplitTime};
use crate::{EventTime, Holdings, ProcessingTime, SplitId};

/// Steps of the job that the tests ask about: `clicks` -> `event time` -> `count` -> `top`.
const EVENT_TIME: usize = 1;
const COUNT: usize = 2;
const TOP: usize = 3;

/// 2015-07-15T00:00:00Z and so many seconds.
fn at(seconds: i64) -> EventTime {
    EventTime::from_millis(1_436_918_400_000 + 1_000 * seconds)
}

fn now(seconds: u64) -> ProcessingTime {
    ProcessingTime(1_436_918_400_000 + 1_000 * seconds)
}

fn promise(time: EventTime) -> Promise {
    Promise { time, is_idle: false }
}

/// A split that was active `silent` seconds before second 100.
fn split(number: u32, watermark: EventTime, silent: u64) -> SplitTime {
    let (split, active) = (Some(SplitId(number)), now(100 - silent));
    SplitTime { split, watermark, active, is_idle: false }
}

/// Two workers that have said nothing yet, at second 100; both in this process.
fn job() -> Facts {
    let step = |name: &str, runs| StepFacts { name: name.into(), runs, splits: [].into() };
    let mut steps = vec![
        step("clicks", Runs::AsSource),
        step("event time", Runs::Fused),
        step("count", Runs::Hosted),
        step("top", Runs::Hosted),
    ];
    steps[0].splits = [(SplitId(0), "a.log".into()), (SplitId(1), "b.log".into())].into();
    let edge = |from, is_fused| EdgeFacts {
        from,
        output: 0,
        to: from + 1,
        is_fused,
        is_timed: !is_fused,
        crosses: !is_fused,
    };
    Facts {
        edges: vec![edge(0, true), edge(1, false), edge(2, false)],
        said: vec![vec![OnWorker::default(); steps.len()]; 2],
        steps,
        workers: 2,
        local: 0..2,
        now: now(100),
    }
}

impl Facts {
    /// What the splits of a worker promise.
    fn assign(&mut self, worker: usize, splits: &[SplitTime], unopened: usize) {
        let least = splits.iter().map(|split| split.watermark).min();
        let watermark = least.filter(|_| unopened == 0).unwrap_or(EventTime::MIN);
        let is_idle = !splits.is_empty() && splits.iter().all(|split| split.is_idle);
        let assigned = Assigned { splits: splits.to_vec(), unopened, watermark, is_idle };
        self.said[worker][EVENT_TIME].status.assigned = Some(assigned);
    }

    /// What both workers promise to a step that follows, everywhere.
    fn lanes(&mut self, step: usize, promises: [Promise; 2]) {
        let least = promises.iter().map(|promise| promise.time).min().unwrap();
        for worker in &mut self.said {
            let status = &mut worker[step].status;
            status.lanes = promises.to_vec();
            (status.input, status.output) = (least, least);
            status.since = Some(now(66));
        }
    }
}

/// `b.log`, on worker 1, is behind.
fn behind() -> Facts {
    let mut facts = job();
    facts.assign(0, &[split(0, at(50), 0)], 0);
    facts.assign(1, &[split(1, at(10), 34)], 0);
    facts.lanes(COUNT, [promise(at(50)), promise(at(10))]);
    facts.lanes(TOP, [promise(at(10)), promise(at(10))]);
    facts
}

#[test]
fn the_split_that_is_furthest_behind_holds_all_steps_behind_it() {
    let facts = behind();
    for step in [EVENT_TIME, COUNT, TOP] {
        let why = facts.why(step);
        assert_eq!(why.watermark, Some(at(10)), "{why}");
        assert_eq!(
            why.holder,
            Some(Holder::Split {
                source: "clicks".into(),
                split: "b.log".into(),
                worker: 1,
                watermark: at(10),
                silent_for: Duration::from_secs(34),
                is_idle: false,
            })
        );
    }
    assert_eq!(facts.why(COUNT).unchanged_for, Some(Duration::from_secs(34)));
    assert_eq!(facts.why(0).watermark, None, "a source has no event time");
}

#[test]
fn a_sentence_says_who_holds_and_what_waits() {
    let mut facts = behind();
    for (worker, windows) in [(0, 1), (1, 2)] {
        let count = &mut facts.said[worker][COUNT];
        count.status.holdings = Holdings { keys: 60, windows, ..Holdings::default() };
        count.late = 6;
        facts.said[worker][EVENT_TIME].future = 1;
    }
    assert_eq!(
        facts.why(COUNT).to_string(),
        "`count` waits at 2015-07-15T00:00:10Z: split `b.log` of source `clicks` has said nothing \
         for 34 s; 3 windows of 120 keys are pending; 12 records were late; 2 records claimed to \
         be from the future"
    );
}

#[test]
fn splits_that_are_not_open_hold_before_those_that_are() {
    let mut facts = job();
    facts.assign(0, &[split(0, at(50), 0)], 3);
    facts.assign(1, &[split(1, at(10), 0)], 0);
    facts.lanes(COUNT, [promise(EventTime::MIN), promise(at(10))]);
    let why = facts.why(COUNT);
    assert_eq!(
        why.to_string(),
        "`count` waits for its first watermark: worker 0 has not opened 3 splits of source \
         `clicks` yet, because it reads others first"
    );
}

#[test]
fn an_operator_that_promises_less_than_it_was_promised_holds_what_follows() {
    let mut facts = behind();
    facts.said[1][COUNT].status.output = at(4);
    facts.lanes(TOP, [promise(at(10)), promise(at(4))]);
    let expected =
        Holder::Operator { step: "count".into(), worker: 1, input: at(10), output: at(4) };
    assert_eq!(facts.why(TOP).holder, Some(expected));
    let who = facts.why(COUNT).holder;
    assert!(matches!(who, Some(Holder::Split { .. })), "what holds `count` is before it: {who:?}");
}

#[test]
fn idle_splits_hold_only_where_all_are_idle() {
    let mut facts = behind();
    let idle = |split: SplitTime| SplitTime { is_idle: true, ..split };
    facts.assign(1, &[idle(split(1, at(10), 34))], 0);
    facts.lanes(COUNT, [promise(at(50)), Promise { time: at(10), is_idle: true }]);
    let holder = facts.why(COUNT).holder;
    assert!(matches!(&holder, Some(Holder::Split { split, .. }) if split == "a.log"), "{holder:?}");
    facts.assign(0, &[idle(split(0, at(50), 20))], 0);
    let idle = |seconds| Promise { time: at(seconds), is_idle: true };
    facts.lanes(COUNT, [idle(50), idle(10)]);
    let text = facts.why(COUNT).to_string();
    assert!(text.contains("all splits are silent"), "{text}");
}

#[test]
fn of_two_inputs_the_one_that_is_behind_is_followed() {
    let mut facts = job();
    // A second source, with event time of its own, joins at `count`.
    let step = |name: &str, runs| StepFacts { name: name.into(), runs, splits: [].into() };
    facts.steps.extend([step("views", Runs::AsSource), step("event time 2", Runs::Fused)]);
    facts.said.iter_mut().for_each(|worker| worker.resize(6, OnWorker::default()));
    let edge = EdgeFacts { is_timed: false, is_fused: true, crosses: false, ..facts.edges[0] };
    facts.edges.push(EdgeFacts { from: 4, to: 5, ..edge });
    facts.edges.push(EdgeFacts { from: 5, ..facts.edges[1] });
    facts.assign(0, &[split(0, at(50), 0)], 0);
    facts.assign(1, &[split(1, at(40), 0)], 0);
    let late = split(7, at(5), 0);
    let said = Assigned { splits: vec![late], unopened: 0, watermark: at(5), is_idle: false };
    facts.said[0][5].status.assigned = Some(said);
    for worker in &mut facts.said {
        let status = &mut worker[COUNT].status;
        status.lanes = [50, 40, 5].map(|seconds| promise(at(seconds))).into();
        status.lanes.push(promise(EventTime::MAX));
        status.input = at(5);
    }
    let holder = facts.why(COUNT).holder;
    let named = matches!(&holder, Some(Holder::Split { source, split, worker: 0, .. })
        if source == "views" && split == "number 7");
    assert!(named, "{holder:?}");
}

#[test]
fn the_end_of_the_input_is_held_by_nobody() {
    let mut facts = behind();
    facts.lanes(COUNT, [promise(EventTime::MAX); 2]);
    let why = facts.why(COUNT);
    assert_eq!((why.watermark, &why.holder), (Some(EventTime::MAX), &None));
    assert_eq!(why.to_string(), "`count` has seen the end of its input");
}

#[test]
fn a_job_that_has_just_begun_says_so() {
    let why = job().why(COUNT);
    assert_eq!(why.watermark, Some(EventTime::MIN));
    assert_eq!(why.holder, Some(Holder::Silent { step: "clicks".into(), worker: 0 }));
}

#[test]
fn processes_know_together_what_each_knows_of_its_workers() {
    let whole = behind();
    let part = |local: std::ops::Range<usize>| Facts {
        said: whole.said[local.clone()].to_vec(),
        local,
        ..whole.clone()
    };
    let (first, second) = (part(0..1).why(COUNT), part(1..2).why(COUNT));
    assert_eq!(first.holder, Some(Holder::Elsewhere { worker: 1 }));
    for (mut mine, theirs) in [(first.clone(), &second), (second.clone(), &first)] {
        mine.add(theirs);
        assert_eq!(mine, whole.why(COUNT));
    }
    let json = serde_json::to_string(&second).unwrap();
    assert!(
        json.contains(r#""holder":{"kind":"split","source":"clicks","split":"b.log""#),
        "{json}"
    );
    assert_eq!(serde_json::from_str::<Why>(&json).unwrap(), second);
}

/// The same facts, later, when so many records have come to `count`.
fn later(facts: &Facts, seconds: u64, records: u64) -> Facts {
    let mut facts = facts.clone();
    facts.now = now(seconds);
    facts.said[0][COUNT].records = records;
    facts
}

#[test]
fn a_watermark_that_stands_still_while_records_come_is_told_once() {
    let facts = behind();
    let mut watch = StallWatch::new(Duration::from_secs(30));
    let looks = [(100, 10), (120, 20), (131, 30), (132, 40), (200, 50)];
    let said: Vec<usize> =
        looks.map(|(s, records)| watch.look(&later(&facts, s, records)).len()).into();
    assert_eq!(said, [0, 0, 1, 0, 0]);
}

#[test]
fn a_watermark_that_moves_or_gets_no_records_is_not_told() {
    let mut watch = StallWatch::new(Duration::from_secs(30));
    for seconds in (100..400).step_by(20) {
        let mut facts = later(&behind(), seconds, seconds);
        facts.lanes(COUNT, [promise(at(seconds as i64)); 2]);
        assert!(watch.look(&facts).is_empty(), "it moves, {seconds}");
    }
    let mut watch = StallWatch::new(Duration::from_secs(30));
    for seconds in (100..400).step_by(20) {
        assert!(watch.look(&later(&behind(), seconds, 10)).is_empty(), "no records, {seconds}");
    }
    let mut ended = behind();
    ended.lanes(COUNT, [promise(EventTime::MAX); 2]);
    for seconds in [100, 200, 300] {
        assert!(watch.look(&later(&ended, seconds, seconds)).is_empty(), "ended, {seconds}");
    }
}

#[test]
fn it_looks_once_a_second_at_the_most() {
    let mut watch = StallWatch::new(Duration::from_secs(30));
    assert!(watch.is_due(now(0)));
    watch.look(&later(&behind(), 100, 0));
    assert!(!watch.is_due(now(100)));
    assert!(watch.is_due(now(101)));
}

#[test]
fn a_warning_says_what_to_do() {
    let check = |facts: &Facts, expected: &str| {
        let why = facts.why(COUNT);
        let text = warning(&why, Duration::from_secs(31), 7, facts.now);
        assert!(text.starts_with("the watermark of `count` has not moved for 31 s"), "{text}");
        assert!(text.contains(expected), "{text}");
    };
    let mut facts = behind();
    check(&facts, "`Watermarks::idle_after`");
    facts.assign(1, &[split(1, at(10), 0)], 0);
    check(&facts, "look at their times");
    facts.assign(1, &[], 2);
    check(&facts, "files that are read one after another");
    facts.lanes(COUNT, [promise(at(1_000_000_000)); 2]);
    check(&facts, "31 years in the future");
    check(&Facts { local: 0..1, ..behind() }, "SIGUSR1");
}
