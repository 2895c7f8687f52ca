//! Where the records of a Rheos job come from and go to.
//!
//! Every connector implements the engine's [`Source`](rheos_engine::Source) or
//! [`Sink`](rheos_engine::Sink) and nothing else; it knows no operator, and a reader or writer can
//! be driven by hand, without a job. A [`format`](mod@format) says how bytes become records; what
//! reads and writes the bytes, each on a thread of its own, is private and shared by all
//! connectors.
//!
//! | connector | reads | writes |
//! |---|---|---|
//! | [`collection`] | a list in memory | |
//! | [`file`](mod@file) | files, whole, in ranges, as they grow and appear | a file, parts in a folder |
//! | [`generator`] | records made from their index, also at a rate | |
//! | [`channel()`](channel::channel) | what ordinary code sends | |
//! | [`collect()`](collect::collect) | | into a list, for after the run |
//! | [`journal`](mod@journal) | any other source, so that it can be read again | |
//! | [`for_each`] | | to a closure |
//! | [`null`] | | nowhere, counted |
//! | [`stdio`] | standard input | standard output |
//! | [`tcp`] | from a server, from clients | to a server, to a client |
//! | [`udp`] | datagrams | datagrams |
//! | [`unix`] | as `tcp`, on one machine | as `tcp`, on one machine |

pub mod channel;
pub mod collect;
pub mod collection;
pub mod file;
pub mod for_each;
pub mod format;
pub mod generator;
mod io;
pub mod journal;
pub mod null;
mod ordinal;
pub mod socket;
pub mod stdio;
pub mod tcp;
pub mod udp;
#[cfg(unix)]
pub mod unix;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod drive;

pub use channel::{ChannelSender, ChannelSource, channel};
pub use collect::{CollectSink, Collected, collect};
pub use collection::Collection;
pub use file::{CsvFiles, FileSink, FileSource, JsonFiles, TextFiles};
pub use for_each::ForEach;
pub use format::{Csv, JsonLines, RawLines, Text};
pub use generator::{Generator, Random};
pub use null::{DroppedRecords, Null};
pub use stdio::{StdinSource, StdoutSink};
pub use tcp::{TcpSink, TcpSource};
pub use udp::{UdpSink, UdpSource};
#[cfg(unix)]
pub use unix::{UnixSink, UnixSource};
