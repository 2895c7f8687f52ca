//! Aggregates: what a program wants to know about many records.
//!
//! An [`Aggregate`] says how; the methods of [`Stream`](crate::Stream) and
//! [`KeyedStream`](crate::KeyedStream) say of what; [`KeyedAggregate`] and [`StreamAggregate`] ask
//! when it should answer, because a stream without an end has no obvious moment for that.
//!
//! On their way to the worker that owns a key, records are combined into accumulators
//! (`combiner`), so that what travels is an accumulator a key and epoch, not a record each.

mod absorb;
mod answer;
mod average;
mod check;
mod combiner;
mod contract;
mod count;
mod custom;
mod extremes;
mod fold;
mod keyed;
#[cfg(test)]
mod recovery_tests;
mod reduce;
mod reduction;
mod sum;
#[cfg(test)]
mod tests;
mod whole;

pub use answer::{KeyedAggregate, StreamAggregate};
pub use check::check_aggregate;
pub use contract::Aggregate;

pub(crate) use absorb::{Absorb, Partials};
pub(crate) use average::Average;
pub(crate) use count::Count;
pub(crate) use extremes::Extreme;
pub(crate) use reduce::Reduce;
pub(crate) use reduction::Reduction;
#[cfg(test)]
pub(crate) use reduction::{ASIDE_RECORDS, TRIAL_RECORDS};
pub(crate) use sum::Sum;
