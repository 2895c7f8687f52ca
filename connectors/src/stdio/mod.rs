//! Standard input and output, as a program in a pipe uses them.

mod sink;
mod source;
#[cfg(test)]
mod tests;

pub use sink::StdoutSink;
pub use source::StdinSource;
