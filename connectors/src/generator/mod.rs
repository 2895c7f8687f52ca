//! Records made from their index: a source for examples, tests and measurements.
//!
//! [`Generator`] is deterministic: record `i` depends on `i` (and a seed), never on time, on the
//! number of workers or on the records before it. It never reads anything from outside.

mod random;
mod schedule;
mod source;
#[cfg(test)]
mod tests;

pub use random::Random;
pub use source::Generator;
