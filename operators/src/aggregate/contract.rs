//! The contract of an aggregate.
//!
//! # Rules
//!
//! * Records come in any order and are parted over any number of accumulators, which are then
//!   merged in any order and grouping: the result must be the same. (Sums of floating-point
//!   numbers, which are the same up to rounding, are as good as it gets.) What depends on order is
//!   a [`fold`](crate::KeyedStream::fold).
//! * An accumulator is of bounded size, or its step's memory is not.
//! * [`finish`](Aggregate::finish) is called on accumulators that have had at least one record, as
//!   often as the program asks for updates, and changes nothing.
//! * The functions do no input or output and read no clock.
//!
//! [`check_aggregate`](crate::check_aggregate) tests these on samples.

use rheos_engine::ExchangeData;

/// How many records become one result. See the rules above each implementation must keep.
///
/// Records come in any order and are parted over any number of accumulators, which are then merged
/// in any order and grouping: the result must be the same.
/// [`check_aggregate`](crate::check_aggregate) tests that on samples.
///
/// ```
/// use rheos_operators::{Aggregate, check_aggregate};
/// use serde::{Deserialize, Serialize};
///
/// /// The distance between the smallest and the largest number.
/// #[derive(Clone)]
/// struct Spread;
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Range { low: i64, high: i64 }
///
/// impl Aggregate for Spread {
///     type In = i64;
///     type Acc = Range;
///     type Out = i64;
///
///     fn create(&self) -> Range {
///         Range { low: i64::MAX, high: i64::MIN }
///     }
///     fn add(&self, range: &mut Range, number: i64) {
///         range.low = range.low.min(number);
///         range.high = range.high.max(number);
///     }
///     fn merge(&self, range: &mut Range, other: Range) {
///         range.low = range.low.min(other.low);
///         range.high = range.high.max(other.high);
///     }
///     fn finish(&self, range: &Range) -> i64 {
///         range.high - range.low
///     }
/// }
///
/// check_aggregate(&Spread, &[3, -4, 10, 0]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an aggregate",
    note = "for a closure that takes records in order, use `.fold(initial, |state, record| ..)`",
    note = "for one that joins two records into one, use `.reduce(|a, b| ..)`"
)]
pub trait Aggregate: Clone + Send + Sync + 'static {
    /// What is aggregated.
    type In: 'static;
    /// What is remembered of the records so far; it travels between workers.
    type Acc: ExchangeData + Clone;
    /// The result.
    type Out: Send + 'static;

    /// An accumulator without records.
    fn create(&self) -> Self::Acc;

    /// Adds a record to an accumulator.
    fn add(&self, acc: &mut Self::Acc, record: Self::In);

    /// Adds the records that went into `other`.
    fn merge(&self, acc: &mut Self::Acc, other: Self::Acc);

    /// The result of the records so far.
    fn finish(&self, acc: &Self::Acc) -> Self::Out;

    /// The result over a whole stream that had no records: nothing, unless the aggregate says
    /// something else (a count says 0).
    fn of_nothing(&self) -> Option<Self::Out> {
        None
    }

    /// Takes out what [`merge`](Aggregate::merge) brought in with `other`, and says whether it can:
    /// an aggregate that has this inverse is cheaper in sliding windows. By default it cannot.
    fn unmerge(&self, acc: &mut Self::Acc, other: &Self::Acc) -> bool {
        let _ = (acc, other);
        false
    }
}
