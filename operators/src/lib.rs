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
mod dedup;
mod distinct;
mod event_time;
mod expand;
mod filter;
mod for_each_epoch;
mod in_order;
mod job;
mod join;
mod key_by;
mod keyed_stream;
mod limit;
mod map;
mod map_async;
mod mapping;
mod number;
mod passed;
mod pattern;
mod process;
#[cfg(test)]
mod random;
#[cfg(test)]
mod recovery;
mod redistribute;
mod results;
mod scan;
mod select;
mod sink_step;
mod stream;
mod timeline;
mod top_n;
mod undecided;
mod union;
mod values;
mod window;
mod with_late;
#[cfg(test)]
mod workers;

#[doc(hidden)]
pub mod examples;

pub use aggregate::{Aggregate, KeyedAggregate, StreamAggregate, check_aggregate};
pub use event_time::{WatermarkGenerator, Watermarks};
pub use in_order::InSession;
pub use job::Job;
pub use join::{
    AsOfJoin, Interval, IntervalJoin, JoinAtEnd, Offset, Side, UnboundedJoin, WindowJoin,
};
pub use keyed_stream::KeyedStream;
pub use map_async::{AsyncError, AsyncOptions, FailedCall};
pub use number::Number;
pub use pattern::{Pattern, PatternOutcome, PatternSteps};
pub use process::{
    BroadcastProcessFunction, ListState, MapState, Piece, ProcessContext, ProcessFunction,
    TimeToLive, TwoInputProcessFunction, ValueState,
};
pub use sink_step::SinkStep;
pub use stream::Stream;
pub use timeline::{HasEventTime, Timed, Timeline, Untimed};
pub use top_n::TopChange;
pub use window::{
    Attached, ByCount, ByEventTime, ByProcessingTime, EvictedWindows, Pane, PaneTiming,
    TriggerContext, Window, WindowDomain, WindowedStream, Windows,
};
pub use with_late::WithLate;
