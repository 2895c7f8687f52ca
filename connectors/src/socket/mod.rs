//! Connections of bytes, whatever their addresses look like: what TCP and Unix domain sockets
//! share.
//!
//! Programs use the types of `tcp` and `unix`; of this module they see the markers [`Connecting`]
//! and [`Listening`], [`BoundAddress`], and the limits. Each connection is read or written
//! by a thread of its own. Nothing here knows a format's records, and no worker waits here for the
//! other side, except a writer that finishes.

mod arrivals;
mod bound;
mod dial;
mod endpoint;
mod listen;
mod retry;
mod sink;
mod source;
#[cfg(test)]
pub(crate) mod suite;
mod writer;

pub use arrivals::DEFAULT_MAX_CLIENTS;
pub use bound::BoundAddress;
pub use retry::LONGEST_BACKOFF;
pub use writer::{DEFAULT_FINISH_TIMEOUT, LINGER};

pub(crate) use bound::refused_address;
pub(crate) use endpoint::{Bound, Endpoint};
pub(crate) use sink::SocketSink;
pub(crate) use source::{LineOptions, SocketSource};

/// A socket source or sink that connects to the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connecting {}

/// A socket source or sink that the other side connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listening {}
