//! Lines in UDP datagrams: what may get lost, but never waits.
//!
//! Nothing is encrypted, authenticated, ordered or repeated.

mod counts;
mod queue;
mod sink;
mod source;
#[cfg(test)]
mod tests;

pub use counts::UdpCounts;
pub use queue::RECEIVE_QUEUE_BYTES;
pub use sink::{MAX_DATAGRAM_BYTES, UdpSink};
pub use source::UdpSource;
