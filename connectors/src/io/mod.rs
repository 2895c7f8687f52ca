//! Byte-level plumbing that all connectors share: blocks read and written on threads of their own,
//! lines cut out of blocks, compression. It knows no file, no socket and no engine loop.
//!
//! Reading: a [`Produce`] on its own thread fills [`Block`]s; [`Blocks`] hands them to the worker;
//! a [`LineReader`] cuts them into lines and decodes these. Writing: an [`EncodedWriter`] encodes
//! records into blocks; a [`BlockWriter`] writes these on its own thread.

mod block;
mod compression;
mod encoded;
mod framer;
mod lines;
mod reader;
mod task;
mod writer;

pub use self::compression::Compression;

pub(crate) use self::compression::Compressor;

pub(crate) use self::block::Block;
pub(crate) use self::encoded::EncodedWriter;
pub(crate) use self::lines::{LinePosition, LineReader, LineSetup};
pub(crate) use self::reader::{Begin, Blocks, Produce, Produced, ReadProducer, Stop};
pub(crate) use self::task::Task;
pub(crate) use self::writer::{BlockWriter, Sunk};

#[cfg(test)]
mod tests;
