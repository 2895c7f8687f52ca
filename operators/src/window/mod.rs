//! Windows: parts of a stream by time, and what is made of each.
//!
//! [`Windows`] says which; [`Stream::window`](crate::Stream::window) and
//! [`KeyedStream::window`](crate::KeyedStream::window) cut a stream by event time,
//! `processing_time_window` by the machine's clock; [`WindowedStream`] asks what is wanted of
//! each window; a [`Pane`] is an answer.
//!
//! Two operators carry all windows of time. Windows at fixed places that answer when their time has come
//! share slices (`aligned`, `combine`, `slices`, `sliced`). All others each key has by itself
//! (`open`, `per_key`). Windows of so many records are a third, small one (`count`).

mod aligned;
mod arrival;
mod attach;
mod clock;
mod combine;
mod count;
mod cut;
#[cfg(test)]
mod edge_tests;
mod evict;
mod judged;
mod open;
mod pane;
mod per_key;
mod processing;
mod records;
#[cfg(test)]
mod recovery_tests;
mod sliced;
mod slices;
#[cfg(test)]
mod slices_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trigger_tests;
mod windowed;
mod windows;

pub use attach::{Attached, ByCount, ByEventTime, ByProcessingTime, WindowDomain};
pub use evict::EvictedWindows;
pub use pane::{Pane, PaneTiming, Window};
pub use windowed::WindowedStream;
pub use windows::{TriggerContext, Windows};
