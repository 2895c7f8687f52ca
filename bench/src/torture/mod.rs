//! Kills jobs anywhere and holds what they published against what an undisturbed run would have.

mod finding;
mod judge;
mod probe;
mod reader;
mod rows;
mod task;
mod workloads;
