//! Records in order of event time: sorted, or sorted and cut into sessions.

mod sessionize;
mod sort;
mod sorter;
#[cfg(test)]
mod tests;

pub use sessionize::InSession;
