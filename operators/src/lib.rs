//! The vocabulary of a Rheos program: jobs, streams and what can be done with them.
//!
//! A [`Job`] makes [`Stream`]s from sources; a method on a stream adds a step to the job's plan
//! and gives the stream of its results; [`Stream::key_by`] gives a [`KeyedStream`], whose methods
//! work on each key for itself. Nothing runs while a program is written down.
//!
//! Each method's documentation has a *Semantics* block: order, state, the end of the input, and
//! what depends on the number of workers.
//!
//! This crate is pure logic: it opens nothing, starts no threads and reads no clock.

mod aggregate;
mod apply;
mod batchwise;
mod branch;
mod distinct;
mod event_time;
mod expand;
mod filter;
mod for_each_epoch;
mod job;
mod key_by;
mod keyed_stream;
mod limit;
mod map;
mod map_async;
mod mapping;
mod number;
mod pattern;
#[cfg(test)]
mod random;
mod redistribute;
mod results;
mod scan;
mod sink_step;
mod stream;
mod timeline;
mod union;
mod values;
mod with_late;
#[cfg(test)]
mod workers;

#[doc(hidden)]
pub mod examples;

pub use aggregate::{Aggregate, KeyedAggregate, StreamAggregate, check_aggregate};
pub use event_time::{WatermarkGenerator, Watermarks};
pub use job::Job;
pub use keyed_stream::KeyedStream;
pub use map_async::{AsyncError, AsyncOptions, FailedCall};
pub use number::Number;
pub use pattern::{Pattern, PatternOutcome, PatternSteps};
pub use sink_step::SinkStep;
pub use stream::Stream;
pub use timeline::{Timed, Timeline, Untimed};
pub use with_late::WithLate;
