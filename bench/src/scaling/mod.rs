//! How cost grows: with workers and processes, with keyed steps in a chain, with keys, and with
//! windows that overlap. A table each, in nanoseconds a record.

mod command;
mod keys;
mod overlap;
mod processes;
mod steps;
mod table;
mod workers;

pub(crate) use command::{Options, run};
pub(crate) use processes::{JobOptions, run_job};
