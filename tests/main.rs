//! The integration tests, as one program.
//!
//! * [`topologies`]: what operators compute, against naive references, in every topology;
//! * [`async_calls`]: calls to the world outside, in whole jobs;
//! * [`connections`]: whole jobs between files and sockets;
//! * [`patterns`]: sequences of records, against a naive reference;
//! * [`shapes`]: jobs of unusual shapes: unread streams, idle sources, crowded steps;
//! * [`programs`]: the examples as processes of the operating system: signals, kills, exit codes;
//! * [`tidy`]: the house rules that a machine can check.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod async_calls;
mod connections;
mod everywhere;
mod patterns;
mod programs;
mod random;
mod shapes;
mod tidy;
mod topologies;
