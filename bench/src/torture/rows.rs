//! What jobs under torture publish: rows, in parts, as a reader of the folders found them.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A row that a workload publishes, one a line.
pub(super) trait Row:
    Serialize + DeserializeOwned + Ord + Clone + Debug + Send + 'static
{
}

impl<R: Serialize + DeserializeOwned + Ord + Clone + Debug + Send + 'static> Row for R {}

/// A file that was published.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    /// When the reader saw it first: the number of its look. Parts of one look may have been
    /// published in any order.
    pub(super) seen: u64,
    pub(super) name: String,
    pub(super) lines: Vec<String>,
}

/// What was published, by sink, in the order in which it was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Published {
    pub(super) sinks: BTreeMap<String, Vec<Part>>,
}

impl Published {
    /// The parts of a sink; none if it has published nothing.
    pub(super) fn parts(&self, sink: &str) -> &[Part] {
        self.sinks.get(sink).map_or(&[], Vec::as_slice)
    }
}
