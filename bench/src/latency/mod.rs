//! From an event to its result, at a fixed rate: how long that takes, as a distribution.
//!
//! The load is open: an event is due at its time whether or not the job has taken those before it,
//! and its latency counts from then, so that a job that falls behind cannot hide it. The rates are
//! shares of the fastest that the same job went without a rate, which is measured first.

mod bid;
mod command;
mod conversion;
mod histogram;
mod panes;
mod sink;
mod timetable;

pub(crate) use command::{Options, run};
