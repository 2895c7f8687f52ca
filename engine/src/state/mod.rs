//! Keyed state: what operators remember for each key, and how it is captured piece by piece while
//! they go on.
//!
//! * `keyed`: [`KeyedState`], the table.
//! * `changes`: what a table notes of its changes once it has been captured.
//! * `marks`: sets of positions.
//! * `records`: the encoding of captured entries, by key group.

mod changes;
mod keyed;
mod marks;
mod records;
#[cfg(test)]
mod tests;

pub use keyed::{Entry, KeyedState};
pub use records::{GroupBuffers, StateChange, StateRecords};
