//! Process functions: state and time in a program's own code.
//!
//! A function says what happens when a record of a key comes and when a timer of the key fires
//! ([`ProcessFunction`] and its kin); `Keys` keeps the states and timers and calls it; a file for
//! each shape ([`KeyedStream::process`](crate::KeyedStream::process) and so on) makes an operator
//! of both.

mod broadcast;
mod closures;
mod context;
mod function;
mod keys;
mod one_input;
mod pieces;
mod side;
#[cfg(test)]
mod tests;
mod time_to_live;
mod timers;
mod two_inputs;

pub use broadcast::BroadcastProcessFunction;
pub use context::ProcessContext;
pub use function::ProcessFunction;
pub use pieces::{ListState, MapState, Piece, ValueState};
pub use time_to_live::TimeToLive;
pub use two_inputs::TwoInputProcessFunction;
