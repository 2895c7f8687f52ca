//! Where the records of a Rheos job come from and where they go.
//!
//! One folder a system. A source implements [`rheos_engine::Source`], a sink
//! [`rheos_engine::Sink`]; what both promise is written there. Connectors know no operator and no
//! dataflow: a reader or writer can be driven by hand, without a job.
//!
//! | connector | reads | writes |
//! |---|---|---|
//! | [`collection`] | a list in memory | |
//! | [`generator`] | records made from their index, also at a rate | |
//! | [`channel()`](channel::channel) | what ordinary code sends | |
//! | [`collect()`](collect::collect) | | into a list, for after the run |
//! | [`for_each`] | | to a closure |
//! | [`null`] | | nowhere, counted |

mod alarm;
pub mod channel;
pub mod collect;
pub mod collection;
#[cfg(test)]
mod drive;
pub mod for_each;
pub mod generator;
pub mod null;
mod ordinal;

pub use channel::{ChannelSender, ChannelSource, channel};
pub use collect::{CollectSink, Collected, collect};
pub use collection::Collection;
pub use for_each::ForEach;
pub use generator::{Generator, Random};
pub use null::{DroppedRecords, Null};
