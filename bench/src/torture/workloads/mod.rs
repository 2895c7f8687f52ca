//! The jobs under torture, each beside the naive answer that its output is held against.
//!
//! Where `docs/guarantees.md` promises the same rows in every run they are compared exactly. Where
//! it promises the rows of some undisturbed run, what all such runs have in common is checked:
//! rows are numbered by the job itself, so that one that is lost or doubled leaves a gap or a
//! repetition.

mod arrivals;
mod counters;
mod joins;
mod ledger;
mod poison;
mod repetitions;
mod tables;
#[cfg(test)]
mod tests;
mod timers;
mod whole;
mod windows;
mod words;
mod workload;

pub(super) use workload::{Feed, Workload};
