//! The integration tests, as one program.
//!
//! * [`topologies`]: what operators compute, against naive references, in every topology;
//! * [`joins`]: the same for joins, and when tables of lookups are read;
//! * [`connections`]: whole jobs between files and sockets;
//! * [`shapes`]: jobs of unusual shapes: unread streams, idle sources, crowded steps;
//! * [`programs`]: the examples as processes of the operating system: signals, kills, exit codes;
//! * [`tidy`]: the house rules that a machine can check.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod connections;
mod everywhere;
mod joins;
mod programs;
mod random;
mod shapes;
mod tidy;
mod topologies;
