//! What arrives at windows over an exchange: what a worker has combined, or a record by itself.

use serde::{Deserialize, Serialize};

/// What arrives for a key and a slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Arrival<V, A> {
    /// An accumulator of records of one slice, none of which can be late: its sender had not
    /// promised yet that they would not come, and a watermark passes no sender that is not idle.
    Combined(A),
    /// A record that may be late; rare, so its size does not make all arrivals larger.
    Record(Box<V>),
}
