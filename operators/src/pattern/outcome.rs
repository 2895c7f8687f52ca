//! What comes of looking for a pattern.

use rheos_engine::Stamped;
use serde::{Deserialize, Serialize};

/// What has become of an attempt to find a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PatternOutcome<K, V> {
    /// There is a record for every step, in order.
    Match {
        /// The key of the records.
        key: K,
        /// The records with their times, one for each step.
        records: Vec<Stamped<V>>,
    },
    /// Time ran out before there was one.
    Timeout {
        /// The key of the records.
        key: K,
        /// The records for the first steps, at least one.
        records: Vec<Stamped<V>>,
    },
}
