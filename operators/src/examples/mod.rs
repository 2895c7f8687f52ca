//! A source and sinks small enough for the examples in this documentation. Real ones live in the
//! connectors.

mod given;
mod nowhere;
mod results;
mod timed;

pub use given::{Given, given};
pub use nowhere::Nowhere;
pub use results::results;
pub use timed::{panes, timed};
