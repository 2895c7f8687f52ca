//! What a window says: which window it is, of which key, when it spoke, and the value.

use rheos_engine::EventTime;
use serde::{Deserialize, Serialize};

/// An interval of event time, or of processing time as if it were event time.
///
/// A record at `start` belongs to it. One at `end` does not, except that a session includes it:
/// the gap of a session may be exactly as long as allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// The first moment that belongs to it.
    pub start: EventTime,
    /// Where it ends. A session ends the gap after its last record.
    pub end: EventTime,
}

impl Window {
    /// The window over all of time.
    pub const GLOBAL: Self = Self { start: EventTime::MIN, end: EventTime::MAX };

    /// The window from `start` up to `end`.
    ///
    /// # Panics
    /// When it would be empty.
    #[must_use]
    pub fn new(start: EventTime, end: EventTime) -> Self {
        assert!(start < end, "a window has a moment that belongs to it: {start} to {end}");
        Self { start, end }
    }
}

/// When a pane was spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PaneTiming {
    /// Before the watermark passed the end of the window: more may come.
    Early,
    /// When the watermark passed it.
    OnTime,
    /// Afterwards, for records that came within the allowed lateness.
    Late,
}

/// One answer of a window.
///
/// A window answers once, on time, unless it was told to answer early or late records came within
/// its allowed lateness. A later pane replaces an earlier one, or continues it where the window
/// [discards](crate::Windows::discarding).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pane<K, R> {
    /// The key; `()` for a window over a whole stream.
    pub key: K,
    /// The window.
    pub window: Window,
    /// When it was spoken.
    pub timing: PaneTiming,
    /// What the window's function makes of its records.
    pub value: R,
}
