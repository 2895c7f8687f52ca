//! Where asynchronous calls run: on threads of the engine, never on a worker.
//!
//! Operators hand futures over; they start no threads and wait for nothing themselves.

mod contract;
mod manual;
mod threads;

pub use contract::{IoPool, IoTask};
pub use manual::ManualPool;
pub(crate) use threads::IoThreads;
