//! The contract test of aggregates, for ours and for a program's own.

use std::fmt::Debug;

use rheos_engine::Value;

use super::Aggregate;

/// Checks that an aggregate keeps the rules of [`Aggregate`] on samples: whatever the order of the
/// records, however they are parted over accumulators and in whatever order those are merged, the
/// result is the same; an accumulator survives being serialized; and what
/// [`unmerge`](Aggregate::unmerge) takes out is gone.
///
/// Three samples or more make a useful test. Floating-point samples should be numbers whose sums
/// are exact.
///
/// # Panics
/// When there are no samples or a rule is broken, with the rule and the two results.
pub fn check_aggregate<A: Aggregate>(aggregate: &A, samples: &[A::In])
where
    A::In: Clone,
    A::Out: PartialEq + Debug,
{
    assert!(!samples.is_empty(), "an aggregate is checked on at least one sample");
    let same = |rule: &str, acc: &A::Acc, expected: &A::Out| {
        assert_eq!(&aggregate.finish(acc), expected, "{rule}");
    };
    let all = accumulate(aggregate, samples);
    let expected = aggregate.finish(&all);
    same("finishing changes nothing", &all, &expected);
    let backwards: Vec<A::In> = samples.iter().rev().cloned().collect();
    same("records come in any order", &accumulate(aggregate, &backwards), &expected);
    same("an accumulator survives serialization", &through_bytes(all), &expected);

    let part = |range: std::ops::Range<usize>| accumulate(aggregate, &samples[range]);
    let merged = |mut left: A::Acc, right: A::Acc| {
        aggregate.merge(&mut left, right);
        left
    };
    let end = samples.len();
    for cut in 0..=end {
        let (left, right) = (part(0..cut), part(cut..end));
        same("parts merge to the whole", &merged(left.clone(), right.clone()), &expected);
        same("parts merge in any order", &merged(right.clone(), left.clone()), &expected);
        let mut whole = merged(left.clone(), right.clone());
        if cut > 0 && aggregate.unmerge(&mut whole, &right) {
            same("what is taken out is gone", &whole, &aggregate.finish(&left));
        }
        for second in cut..=end {
            let (middle, right) = (part(cut..second), part(second..end));
            let early = merged(merged(left.clone(), middle.clone()), right.clone());
            let late = merged(left.clone(), merged(middle, right));
            same("parts merge in any grouping", &early, &expected);
            same("parts merge in any grouping", &late, &expected);
        }
    }
}

fn accumulate<A: Aggregate>(aggregate: &A, records: &[A::In]) -> A::Acc
where
    A::In: Clone,
{
    let mut acc = aggregate.create();
    records.iter().for_each(|record| aggregate.add(&mut acc, record.clone()));
    acc
}

/// The accumulator as a snapshot of state brings it back.
fn through_bytes<T: rheos_engine::ExchangeData>(acc: T) -> T {
    let mut restored = None::<T>;
    let bytes = Some(acc).save();
    bytes
        .and_then(|bytes| restored.load(&bytes))
        .unwrap_or_else(|error| panic!("an accumulator survives serialization: {error}"));
    restored.expect("what was written is read back")
}

#[cfg(test)]
mod tests {
    use super::super::average::Average;
    use super::super::count::Count;
    use super::super::extremes::Extreme;
    use super::super::reduce::Reduce;
    use super::super::sum::Sum;
    use super::*;

    #[test]
    fn the_aggregates_of_this_crate_keep_the_rules() {
        let samples = [3i64, -7, 0, 12, 12, 5];
        check_aggregate(&Count::default(), &samples);
        check_aggregate(&Sum::default(), &samples);
        check_aggregate(&Average::default(), &samples);
        check_aggregate(&Extreme::new(|a: &i64, b: &i64| a < b), &samples);
        check_aggregate(&Reduce::new(|a: i64, b: i64| a ^ b), &samples);
    }

    #[test]
    #[should_panic(expected = "records come in any order")]
    fn one_that_depends_on_order_is_found() {
        check_aggregate(&Reduce::new(|_: u64, b: u64| b), &[1, 2, 3]);
    }

    #[test]
    #[should_panic(expected = "parts merge")]
    fn one_that_does_not_merge_is_found() {
        #[derive(Clone)]
        struct Forgetful;
        impl Aggregate for Forgetful {
            type In = u64;
            type Acc = u64;
            type Out = u64;
            fn create(&self) -> u64 {
                0
            }
            fn add(&self, sum: &mut u64, record: u64) {
                *sum += record;
            }
            fn merge(&self, _sum: &mut u64, _other: u64) {}
            fn finish(&self, sum: &u64) -> u64 {
                *sum
            }
        }
        check_aggregate(&Forgetful, &[1, 2, 3]);
    }

    #[test]
    #[should_panic(expected = "what is taken out is gone")]
    fn an_inverse_that_is_none_is_found() {
        #[derive(Clone)]
        struct Stuck(Sum<u64>);
        impl Aggregate for Stuck {
            type In = u64;
            type Acc = u64;
            type Out = u64;
            fn create(&self) -> u64 {
                self.0.create()
            }
            fn add(&self, sum: &mut u64, record: u64) {
                self.0.add(sum, record);
            }
            fn merge(&self, sum: &mut u64, other: u64) {
                self.0.merge(sum, other);
            }
            fn finish(&self, sum: &u64) -> u64 {
                *sum
            }
            fn unmerge(&self, _sum: &mut u64, _other: &u64) -> bool {
                true
            }
        }
        check_aggregate(&Stuck(Sum::default()), &[1, 2, 3]);
    }
}
