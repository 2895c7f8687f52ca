//! Aggregates against naive references, over one and several workers, with large and tiny
//! combiners.

use std::collections::BTreeMap;
use std::fmt::Debug;

use rheos_engine::harness::{Collected, Harness, run};
use rheos_engine::plan::Partitioning;
use rheos_engine::{
    Epoch, EpochEnd, Error, EventTime, Keyed, Limits, Operator, Output, ProcessingTime, Turn,
};

use super::average::Average;
use super::combiner::Combiner;
use super::count::Count;
use super::extremes::Extreme;
use super::fold::Fold;
use super::keyed::{KeyedAtEnd, KeyedUpdates};
use super::reduce::Reduce;
use super::sum::Sum;
use super::whole::{Partial, WholeAtEnd, WholeUpdates};
use super::{Aggregate, Partials};
use crate::Job;
use crate::examples::{Nowhere, given};
use crate::random::Random;
use crate::workers::Workers;

type Values = BTreeMap<u64, Vec<i64>>;

/// Every combination of what must not matter.
fn settings() -> impl Iterator<Item = (u64, usize, Limits)> {
    let settings = [(1, 1 << 16), (4, 1 << 16), (1, 1), (4, 3)];
    (0..10).flat_map(move |seed| {
        settings.map(|(workers, combiner_keys)| {
            (seed, workers, Limits { combiner_keys, ..Limits::default() })
        })
    })
}

/// Checks an aggregate by key, as updates and at the end, against `expected` of a key's values.
fn check_keyed<A>(aggregate: A, expected: impl Fn(&[i64]) -> A::Out)
where
    A: Aggregate<In = i64>,
    A::Out: PartialEq + PartialOrd + Debug + Clone,
{
    for (seed, workers, limits) in settings() {
        let context = format!("seed {seed}, {workers} workers, {} keys", limits.combiner_keys);
        let stage = |next| Box::new(Combiner::new(aggregate.clone(), &limits, next)) as _;
        let mut updates =
            Workers::by_key(workers, stage, || KeyedUpdates::new(Partials(aggregate.clone())));
        let mut at_end =
            Workers::by_key(workers, stage, || KeyedAtEnd::new(Partials(aggregate.clone())));
        let mut random = Random::new(seed);
        let mut values = Values::new();
        for epoch in random.epochs() {
            let mut changed: Vec<u64> = epoch.iter().map(|(key, _)| *key).collect();
            changed.sort_unstable();
            changed.dedup();
            for &(key, value) in &epoch {
                values.entry(key).or_default().push(value);
            }
            for (worker, records) in random.deal(epoch, workers).into_iter().enumerate() {
                for batch in random.batches(records) {
                    let keyed: Vec<_> = batch.iter().map(|(k, v)| Keyed::new(*k, *v)).collect();
                    assert!(updates.batch(worker, keyed.clone()).is_empty(), "{context}");
                    assert!(at_end.batch(worker, keyed).is_empty(), "{context}");
                }
            }
            let mut said = updates.end_epoch();
            said.sort_by_key(|(key, _)| *key);
            let wanted: Vec<_> = changed.iter().map(|k| (*k, expected(&values[k]))).collect();
            assert_eq!(said, wanted, "{context}");
            assert!(at_end.end_epoch().is_empty(), "{context}");
        }
        assert!(updates.end_input().is_empty(), "{context}");
        let mut said = at_end.end_input();
        said.sort_by_key(|(key, _)| *key);
        let wanted: Vec<_> = values.iter().map(|(k, v)| (*k, expected(v))).collect();
        assert_eq!(said, wanted, "{context}");
    }
}

/// Checks an aggregate of a whole stream, as updates and at the end.
fn check_whole<A>(aggregate: A, expected: impl Fn(&[i64]) -> A::Out)
where
    A: Aggregate<In = i64>,
    A::Out: PartialEq + Debug,
{
    for (seed, workers, _) in settings() {
        let context = format!("seed {seed}, {workers} workers");
        let stage = |next| Box::new(Partial::new(aggregate.clone(), next)) as _;
        let mut updates =
            Workers::gathered(workers, stage, |_| WholeUpdates::new(Partials(aggregate.clone())));
        let mut at_end = Workers::gathered(workers, stage, |worker| {
            WholeAtEnd::new(Partials(aggregate.clone()), worker == 0)
        });
        let mut random = Random::new(seed);
        let mut values = Vec::new();
        for epoch in random.epochs() {
            let epoch: Vec<i64> = epoch.into_iter().map(|(_, value)| value).collect();
            let changed = !epoch.is_empty();
            values.extend_from_slice(&epoch);
            for (worker, records) in random.deal(epoch, workers).into_iter().enumerate() {
                for batch in random.batches(records) {
                    updates.batch(worker, batch.clone());
                    at_end.batch(worker, batch);
                }
            }
            let wanted: Vec<_> = changed.then(|| expected(&values)).into_iter().collect();
            assert_eq!(updates.end_epoch(), wanted, "{context}");
            assert!(at_end.end_epoch().is_empty(), "{context}");
        }
        let wanted = match values.as_slice() {
            [] => aggregate.of_nothing(),
            some => Some(expected(some)),
        };
        assert_eq!(at_end.end_input(), wanted.into_iter().collect::<Vec<_>>(), "{context}");
    }
}

fn check<A>(aggregate: A, expected: impl Fn(&[i64]) -> A::Out)
where
    A: Aggregate<In = i64>,
    A::Out: PartialEq + PartialOrd + Debug + Clone,
{
    check_keyed(aggregate.clone(), &expected);
    check_whole(aggregate, expected);
}

#[test]
fn count_is_the_number_of_records() {
    check(Count::default(), |values| values.len() as u64);
}

#[test]
fn sum_is_the_sum() {
    check(Sum::default(), |values| values.iter().sum::<i64>());
}

#[test]
fn average_is_the_sum_by_the_number() {
    check(Average::default(), |v| v.iter().sum::<i64>() as f64 / v.len() as f64);
}

#[test]
fn extremes_are_those_of_the_values() {
    check(Extreme::new(|a: &i64, b: &i64| a < b), |v| *v.iter().min().unwrap());
    check(Extreme::new(|a: &i64, b: &i64| a > b), |v| *v.iter().max().unwrap());
}

#[test]
fn of_equal_records_the_first_is_kept() {
    let shortest = Extreme::new(|a: &String, b: &String| a.len() < b.len());
    let mut acc = shortest.create();
    ["not", "to", "be"].map(String::from).into_iter().for_each(|w| shortest.add(&mut acc, w));
    assert_eq!(shortest.finish(&acc), "to");
}

#[test]
fn reduce_joins_all() {
    check(Reduce::new(|a: i64, b: i64| a ^ b), |v| v.iter().fold(0, |a, b| a ^ b));
}

#[test]
fn an_empty_stream_has_a_count_and_a_sum_but_no_minimum() {
    fn of_nothing<A: Aggregate<In = i64>>(aggregate: A) -> Vec<A::Out> {
        let stage = |next| Box::new(Partial::new(aggregate.clone(), next)) as _;
        let mut workers = Workers::gathered(3, stage, |worker| {
            WholeAtEnd::new(Partials(aggregate.clone()), worker == 0)
        });
        workers.end_input()
    }
    assert_eq!(of_nothing(Count::default()), [0]);
    assert_eq!(of_nothing(Sum::default()), [0]);
    assert!(of_nothing(Extreme::new(|a: &i64, b: &i64| a < b)).is_empty());
    assert!(of_nothing(Average::default()).is_empty());
}

#[test]
fn fold_takes_the_values_of_a_key_in_their_order() {
    let append = Fold::new(String::from("<"), |path: &mut String, page: char| path.push(page));
    let visits = || vec![Keyed::new(1u8, 'a'), Keyed::new(2, 'b'), Keyed::new(1, 'c')];
    let mut at_end = Harness::new(KeyedAtEnd::new(append.clone()));
    at_end.batch(visits()).unwrap();
    assert_eq!(at_end.end_input().unwrap(), [(1, "<ac".to_owned()), (2, "<b".to_owned())]);

    let mut whole = Harness::new(WholeAtEnd::new(append.clone(), true));
    whole.batch(vec!['x', 'y']).unwrap();
    assert_eq!(whole.end_input().unwrap(), ["<xy"]);
    assert_eq!(Harness::new(WholeAtEnd::new(append, true)).end_input().unwrap(), ["<"]);
}

/// Hands `operator` a record of each of a thousand keys, then calls `turn` until it has said
/// everything; gives how much each call said.
fn turns<O: Operator<In = Keyed<u64, u64>>>(
    mut operator: O,
    turn: impl Fn(&mut O, &mut Output<'_, O::Out>) -> Result<Turn, Error>,
) -> Vec<usize> {
    let (mut next, said) = Collected::consumer();
    let (mut run, mut buffer, mut turns) = (run(), Vec::new(), Vec::new());
    let mut records = (0..1000).map(|key| Keyed::new(key, 1)).collect();
    let mut out = Output::new(&mut buffer, 10, &mut *next, &mut run);
    operator.on_batch(&mut records, &mut out).unwrap();
    loop {
        let mut out = Output::new(&mut buffer, 10, &mut *next, &mut run);
        let result = turn(&mut operator, &mut out).unwrap();
        out.hand_on();
        turns.push(said.take().len());
        if result == Turn::Done {
            return turns;
        }
    }
}

#[test]
fn much_to_say_is_said_in_bounded_turns() {
    let how = Partials(Count::<()>::default());
    let end = EpochEnd::new(Epoch(0), ProcessingTime(0), EventTime::MIN);
    let updates = turns(KeyedUpdates::new(how.clone()), |op, out| op.on_epoch_end(end, out));
    assert_eq!(updates, [160, 160, 160, 160, 160, 160, 40]);
    let at_end = turns(KeyedAtEnd::new(how), |op, out| op.on_input_end(out));
    assert_eq!(at_end, [160, 160, 160, 160, 160, 160, 40]);
}

#[test]
fn counting_words_is_one_fused_stage_and_one_exchange_by_key() {
    let job = Job::new("words");
    job.source(given([String::from("a")]))
        .key_by(|word| word.clone())
        .count()
        .at_end()
        .named("totals")
        .sink(Nowhere::new());
    let plan = job.explain();
    let kinds: Vec<_> = plan.steps.iter().map(|step| (step.kind, step.fused)).collect();
    let wanted =
        [("source", false), ("key by", true), ("combine", true), ("count", false), ("sink", false)];
    assert_eq!(kinds, wanted);
    assert_eq!(plan.edges[2].partitioning, Partitioning::ByKey);
    assert_eq!(plan.steps[3].name, "totals");
}
