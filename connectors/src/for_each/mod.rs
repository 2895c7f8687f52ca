//! A sink that gives every record to a closure.
//!
//! For programs that hand results to code of their own.

mod sink;
#[cfg(test)]
mod tests;

pub use sink::ForEach;
