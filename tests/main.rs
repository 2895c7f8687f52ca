//! The integration tests, as one program.
//!
//! * [`topologies`]: what operators compute, against naive references, in every topology;
//! * [`alignment`]: splits that are not read too far ahead of others in event time;
//! * [`async_calls`]: calls to the world outside, in whole jobs;
//! * [`checkpoints`]: jobs that are stopped and restored, on other numbers of workers;
//! * [`joins`]: the same for joins, and when tables of lookups are read;
//! * [`checkpoint_command`]: the program that looks at checkpoints;
//! * [`compile_fail`]: what must not compile, and what the compiler says to it;
//! * [`connections`]: whole jobs between files and sockets;
//! * [`patterns`]: sequences of records, against a naive reference;
//! * [`shapes`]: jobs of unusual shapes: unread streams, idle sources, crowded steps;
//! * [`in_order`]: sorting by event time, sessions, repetitions, the largest records;
//! * [`process`]: state and time in a program's own code, as whole programs;
//! * [`programs`]: the examples as processes of the operating system: signals, kills, exit codes;
//! * [`supervisor`]: programs that are started again after a failure, or not;
//! * [`windows`]: windows of event time against naive references, in every topology;
//! * [`late`]: late records, exactly, by a script that fixes splits and epochs;
//! * [`why`]: who holds a watermark, asked of jobs and of processes;
//! * [`tidy`]: the house rules that a machine can check.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod alignment;
mod async_calls;
mod checkpoint_command;
mod checkpoints;
mod compile_fail;
mod connections;
mod everywhere;
mod in_order;
mod joins;
mod late;
mod patterns;
mod process;
mod programs;
mod random;
mod script;
mod shapes;
mod supervisor;
mod tidy;
mod topologies;
mod why;
mod window_clock;
mod windows;
