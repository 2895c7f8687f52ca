//! A running job: what its threads share, how it is started, how it ends.

pub(crate) mod assignment;
pub(crate) mod ballot;
pub(crate) mod shared;
