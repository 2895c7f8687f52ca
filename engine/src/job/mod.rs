//! A running job: what its threads share, how it is started, how it ends.

pub(crate) mod announce;
pub(crate) mod assignment;
pub(crate) mod ballot;
pub(crate) mod coordinate;
pub(crate) mod desk;
pub(crate) mod ended;
pub(crate) mod handle;
pub(crate) mod manifest;
pub(crate) mod outset;
pub(crate) mod restored;
pub(crate) mod scribe;
pub(crate) mod session;
pub(crate) mod shared;
pub(crate) mod start;

#[cfg(test)]
mod tests;
