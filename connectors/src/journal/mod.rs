//! A journal in front of a source that cannot be read again: sockets, standard input, channels.
//!
//! [`journal`] wraps such a source. Each record is written to a local folder, and handed to the job
//! only when it is durable there; after a failure the job reads on from the journal and then from
//! the source. What the source itself loses, or had read and not yet written, is not saved by it.

mod replay;
mod segment;
mod source;
#[cfg(test)]
mod tests;
mod writer;

pub use source::{Journal, journal};
