//! Rheos: stream processing as a Rust library.
//!
//! A program builds a typed graph of operators between sources and sinks; the engine runs it on
//! worker threads and, unchanged, on several processes. This crate re-exports the three crates
//! that do the work and nothing else:
//!
//! * [`engine`]: how a job runs: configuration, contracts, epochs, failures, reports;
//! * [`operators`]: what can be done with a stream;
//! * [`connectors`]: where records come from and go to.
//!
#![doc = include_str!("../README.md")]

mod print;

pub use print::Print;
pub use rheos_connectors as connectors;
pub use rheos_engine as engine;
pub use rheos_operators as operators;

pub use rheos_engine::cli;
pub use rheos_engine::harness;
pub use rheos_engine::{Config, Error, ErrorKind, Report, exit_code};
pub use rheos_operators::{Job, KeyedStream, Stream};

/// What most programs use, in one import: `use rheos::prelude::*;`.
pub mod prelude {
    pub use crate::Print;
    pub use rheos_connectors::*;
    pub use rheos_engine::cli::JobArgs;
    pub use rheos_engine::{
        BadRecords, Checkpoints, Clock, Config, DeadLetter, Error, ErrorKind, EventTime, JobHandle,
        Limits, Operator, Output, Processes, ProcessingTime, Report, Sink, Source, Stamped, Turn,
        TwoInput, exit_code,
    };
    pub use rheos_operators::*;
}

/// The programs of the guide, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/guide/event-time.md")]
struct GuideToEventTime;

/// The programs of the guide to checkpoints, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/guide/checkpoints.md")]
struct GuideToCheckpoints;
