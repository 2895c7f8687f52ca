//! The only code that knows timely: how a worker instantiates a plan and steps it.
//!
//! One timely timestamp, the epoch; one container, the [`parcel`]; one kind of host for sources
//! and one for everything else that is not fused. Nothing of timely leaves this folder.

mod alarm;
mod board;
mod control;
mod gate;
mod host;
mod in_flight;
mod inbox;
mod instantiate;
mod lanes;
pub(crate) mod outbox;
pub(crate) mod parcel;
mod part;
mod ports;
mod source_host;
pub(crate) mod transport;
mod worker;

pub(crate) use instantiate::panic_message;
pub(crate) use part::Standing;
pub(crate) use worker::run_worker;
