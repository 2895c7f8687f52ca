//! How a Rheos job runs.
//!
//! This crate knows no concrete operator and no concrete connector. It holds the contracts they
//! fulfil ([`Source`], [`Sink`], [`Clock`]) and, below `dataflow`, the only code that knows timely.

mod clock;
mod epoch;
mod error;
mod key;
mod limits;
pub mod sink;
pub mod source;
mod waker;

pub use clock::{Clock, ProcessingTime, SystemClock, TestClock};
pub use epoch::Epoch;
pub use error::{Error, ErrorKind, exit_code};
pub use key::{ExchangeData, KEY_GROUPS, Key, Keyed, hash_key, key_group, owner};
pub use limits::Limits;
pub use sink::{Delivery, Finish, Placement, Sink, Writer, WriterContext};
pub use source::{
    BadRecords, DeadLetter, Position, ReadBatch, ReadBuffer, ReadStatus, Reader, ReaderContext,
    Replay, Source, Split, SplitContext, SplitId,
};
pub use waker::Waker;
