//! Joins: records of two inputs that belong together.
//!
//! Each kind of join says when it gives up waiting, and so what it keeps: by event time
//! (`window_join`, `interval_join`, `as_of_join`), at the end of bounded inputs (`join_at_end`), never or after
//! a time (`join_unbounded`). A small table that changes is on every worker (`join_broadcast`);
//! one that does not is read before anything else (`lookup`).

mod as_of;
mod as_of_step;
#[cfg(test)]
mod as_of_tests;
mod in_time;
mod interval;
mod interval_join;
mod interval_step;
#[cfg(test)]
mod interval_tests;
mod kind;
mod side;
mod window_join;

pub use as_of::AsOfJoin;
pub use interval::{Interval, Offset};
pub use interval_join::IntervalJoin;
pub use side::Side;
pub use window_join::WindowJoin;
