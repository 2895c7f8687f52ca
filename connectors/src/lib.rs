//! Where the records of a Rheos job come from and go to.
//!
//! Every connector implements the engine's [`Source`](rheos_engine::Source) or
//! [`Sink`](rheos_engine::Sink) and nothing else; it knows no operator. A [`format`](mod@format)
//! says how bytes become records; what reads and writes the bytes, each on a thread of its own, is
//! private and shared by all connectors.

pub mod file;
pub mod format;
mod io;

#[cfg(test)]
mod contract;

pub use file::{CsvFiles, FileSink, FileSource, JsonFiles, TextFiles};
pub use format::{Csv, JsonLines, RawLines, Text};
