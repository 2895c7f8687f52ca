//! The integration tests, as one program.
//!
//! * [`topologies`]: what operators compute, against naive references, in every topology;
//! * [`connections`]: whole jobs between files and sockets;
//! * [`shapes`]: jobs of unusual shapes: unread streams, idle sources, crowded steps;
//! * [`in_order`]: sorting by event time, sessions, repetitions, the largest records;
//! * [`process`]: state and time in a program's own code, as whole programs;
//! * [`programs`]: the examples as processes of the operating system: signals, kills, exit codes;
//! * [`tidy`]: the house rules that a machine can check.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod connections;
mod everywhere;
mod in_order;
mod process;
mod programs;
mod random;
mod shapes;
mod tidy;
mod topologies;
