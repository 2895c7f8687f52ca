//! How a Rheos job runs.
//!
//! This crate knows no concrete operator and no concrete connector. It holds the contracts they
//! fulfil ([`Source`], [`Sink`], [`Clock`]) and, below `dataflow`, the only code that knows timely.

mod alignment;
mod capture;
pub mod checkpoint;
pub mod cli;
mod clock;
mod cluster;
mod config;
pub mod consumer;
mod context;
mod dataflow;
mod disorder;
mod epoch;
mod error;
mod event_time;
mod failpoint;
mod guarantee;
pub mod harness;
mod io_pool;
mod job;
mod key;
mod limits;
mod logic;
mod metrics;
mod migrate;
pub mod operator;
pub mod plan;
mod pool;
mod progress;
mod report;
mod restore;
mod run;
mod schema;
mod signals;
pub mod sink;
mod snapshot;
pub mod source;
mod source_logic;
mod splits;
mod stage_state;
mod state;
mod state_parts;
mod status;
mod supervisor;
mod timers;
mod waker;
mod why;

pub use capture::{Extent, Section, SectionKind};
pub use checkpoint::{CheckpointId, Checkpoints, Restore};
pub use clock::{Clock, ProcessingTime, SystemClock, TestClock};
pub use config::{Config, Processes, ReportFormat};
pub use consumer::{Consumer, Flush, Next};
pub use context::WorkerContext;
pub use disorder::Disorder;
pub use epoch::Epoch;
pub use error::{Error, ErrorKind, exit_code};
pub use event_time::{EventTime, Stamped};
#[cfg(feature = "failpoints")]
pub use failpoint::FAILPOINTS;
pub use guarantee::{Guarantee, PathGuarantee};
pub use io_pool::{IoPool, IoTask, ManualPool};
pub use job::handle::{JobControl, JobHandle};
pub use job::start::start;
pub use key::{ExchangeData, KEY_GROUPS, Key, Keyed, hash_key, key_group, owner};
pub use limits::Limits;
pub use migrate::{Migrations, Rewrite};
pub use operator::{EpochEnd, Holdings, Operator, Output, Turn, TwoInput};
pub use report::{Report, Role, StepReport};
pub use run::{Run, StepId};
pub use schema::Schema;
pub use sink::{Delivery, Finish, Placement, Recovery, Sink, Writer, WriterContext};
pub use snapshot::Snapshot;
pub use source::{
    BadRecords, DeadLetter, Position, ReadBatch, ReadBuffer, ReadStatus, Reader, ReaderContext,
    Replay, Source, Split, SplitContext, SplitId,
};
pub use splits::SplitsView;
pub use stage_state::StageState;
pub use state::{Entry, GroupBuffers, KeyedState, StateChange, StateRecords};
pub use state_parts::{KeyedTable, Part, Spread, StateParts, Value};
pub use status::{Assigned, SplitTime};
pub use timers::Timers;
pub use waker::Waker;
pub use why::{Holder, Why};
