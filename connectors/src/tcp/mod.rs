//! Lines over TCP: read from a server or from clients, write to a server or to a client.
//!
//! Plain text on the network: nothing is encrypted or authenticated, so listen on addresses that
//! only friends can reach.

mod address;
mod sink;
mod source;
#[cfg(test)]
mod tests;

pub use address::CONNECT_TIMEOUT;
pub use sink::TcpSink;
pub use source::TcpSource;
