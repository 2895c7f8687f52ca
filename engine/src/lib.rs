//! How a Rheos job runs.
//!
//! This crate knows no concrete operator and no concrete connector. It holds the contracts they
//! fulfil ([`Source`], [`Sink`], [`Clock`]) and, below `dataflow`, the only code that knows timely.

pub mod cli;
mod clock;
mod cluster;
mod config;
pub mod consumer;
mod context;
mod dataflow;
mod epoch;
mod error;
pub mod harness;
mod job;
mod key;
mod limits;
mod logic;
mod metrics;
pub mod operator;
pub mod plan;
mod pool;
mod progress;
mod report;
mod run;
mod signals;
pub mod sink;
pub mod source;
mod source_logic;
mod state;
mod waker;

pub use clock::{Clock, ProcessingTime, SystemClock, TestClock};
pub use config::{Config, Processes, ReportFormat};
pub use consumer::{Consumer, Flush, Next};
pub use context::WorkerContext;
pub use epoch::Epoch;
pub use error::{Error, ErrorKind, exit_code};
pub use job::handle::{JobControl, JobHandle};
pub use job::start::start;
pub use key::{ExchangeData, KEY_GROUPS, Key, Keyed, hash_key, key_group, owner};
pub use limits::Limits;
pub use operator::{EpochEnd, Operator, Output, Turn, TwoInput};
pub use report::{Report, Role, StepReport};
pub use run::{Run, StepId};
pub use sink::{Delivery, Finish, Placement, Sink, Writer, WriterContext};
pub use source::{
    BadRecords, DeadLetter, Position, ReadBatch, ReadBuffer, ReadStatus, Reader, ReaderContext,
    Replay, Source, Split, SplitContext, SplitId,
};
pub use state::{Entry, KeyedState};
pub use waker::Waker;
