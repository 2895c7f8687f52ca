//! A sink that drops every record and counts them.
//!
//! For measurements, and for streams that are run for their effects.

mod sink;
#[cfg(test)]
mod tests;

pub use sink::{DroppedRecords, Null};
