//! Lines over Unix domain sockets: as `tcp`, between the programs of one machine.
//!
//! Who may connect is decided by the permissions of the socket's file and folder.

mod path;
mod sink;
mod source;
#[cfg(test)]
mod tests;

pub use sink::UnixSink;
pub use source::UnixSource;
