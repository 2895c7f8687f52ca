//! A list in memory as a bounded source.
//!
//! For examples, tests and small lookup tables. It never copies the list: the workers of a process
//! share it and clone the records one by one as they read.

mod source;
#[cfg(test)]
mod tests;

pub use source::Collection;
