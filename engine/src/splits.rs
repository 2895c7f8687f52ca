//! What a fused run can see of the splits that it reads.

use std::time::Duration;

use crate::{ProcessingTime, SplitId};

/// The splits of a source on one worker, as its fused steps see them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SplitsView {
    /// Splits that are open.
    pub(crate) open: Vec<SplitId>,
    /// How many are known and have not been opened.
    pub(crate) unopened: usize,
    /// Open splits that are not read until others have come after them.
    ahead: Vec<SplitId>,
    /// How long flow control has held the source, all in all.
    held: Duration,
    /// Since when it holds the source now.
    held_since: Option<ProcessingTime>,
}

impl SplitsView {
    /// A view for driving steps by hand.
    #[must_use]
    pub fn new(open: Vec<SplitId>, unopened: usize) -> Self {
        Self { open, unopened, ..Self::default() }
    }

    /// Splits that are being read.
    #[must_use]
    pub fn open(&self) -> &[SplitId] {
        &self.open
    }

    /// How many splits will be read and have not been opened.
    #[must_use]
    pub fn unopened(&self) -> usize {
        self.unopened
    }

    /// Splits that are open and not read until others have come after them in event time.
    #[must_use]
    pub fn ahead(&self) -> &[SplitId] {
        &self.ahead
    }

    /// These splits are not read until others have come after them.
    pub fn set_ahead(&mut self, ahead: impl Iterator<Item = SplitId>) {
        self.ahead.clear();
        self.ahead.extend(ahead);
    }

    /// How long flow control has kept the source from reading, all in all.
    #[must_use]
    pub fn held(&self, now: ProcessingTime) -> Duration {
        let since = self.held_since.map_or(0, |since| now.0.saturating_sub(since.0));
        self.held + Duration::from_millis(since)
    }

    /// Whether flow control keeps the source from reading now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held_since.is_some()
    }

    /// Flow control holds the source from now on, or lets it go.
    pub fn set_held(&mut self, is_held: bool, now: ProcessingTime) {
        self.held = self.held(now);
        self.held_since = is_held.then_some(now);
    }
}
