//! Puts the parcels of later epochs aside until the current one is complete.
//!
//! Whoever owns an inbox works on one epoch at a time, in order. What waits for the current epoch
//! counts as queued in the process; what waits for a later one does not, because the current
//! epoch must never be blocked by bytes that wait for a later one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::parcel::{Parcel, Payload};
use crate::Epoch;
use crate::job::shared::{Queued, Shared};
use crate::logic::Port;
use crate::run::StepId;

/// The parcels that came in and have not been taken, by epoch.
pub(crate) struct Inbox {
    step: StepId,
    current: Epoch,
    waiting: BTreeMap<Epoch, VecDeque<(Port, Parcel)>>,
    /// How many of them belong to an input that is read first.
    read_first: usize,
    shared: Arc<Shared>,
}

impl Inbox {
    /// An empty inbox of a step, at the epoch at which the job begins.
    pub(crate) fn new(step: StepId, shared: Arc<Shared>, start: Epoch) -> Self {
        Self { step, current: start, waiting: BTreeMap::new(), read_first: 0, shared }
    }

    /// The epoch that is worked on.
    pub(crate) fn current(&self) -> Epoch {
        self.current
    }

    /// Adds a parcel.
    ///
    /// # Panics
    /// When its epoch has been left already: the frontier had said that none would come.
    pub(crate) fn put(&mut self, epoch: Epoch, port: Port, parcel: Parcel) {
        assert!(epoch >= self.current, "a batch of {epoch:?} came in {:?}", self.current);
        // What came from within the process was counted when it was sent.
        if matches!(parcel.payload, Payload::Received(_)) {
            self.count(parcel.bytes, Queued::More);
        }
        if epoch > self.current {
            self.count(parcel.bytes, Queued::Less);
        }
        self.read_first += usize::from(port.is_read_first);
        self.waiting.entry(epoch).or_default().push_back((port, parcel));
    }

    /// Takes the oldest parcel of the current epoch.
    pub(crate) fn take(&mut self) -> Option<(Port, Parcel)> {
        let (port, parcel) = self.waiting.get_mut(&self.current)?.pop_front()?;
        self.count(parcel.bytes, Queued::Less);
        self.read_first -= usize::from(port.is_read_first);
        Some((port, parcel))
    }

    /// Whether a parcel of an input that is read first waits, in any epoch.
    pub(crate) fn has_read_first(&self) -> bool {
        self.read_first > 0
    }

    /// Whether a parcel of the current epoch waits.
    pub(crate) fn has_current(&self) -> bool {
        self.waiting.get(&self.current).is_some_and(|queue| !queue.is_empty())
    }

    /// The first epoch behind the current one that has parcels.
    pub(crate) fn next_waiting(&self) -> Option<Epoch> {
        self.waiting.range(self.current.next()..).next().map(|(epoch, _)| *epoch)
    }

    /// Leaves the current epoch, of which nothing waits any more, for a later one.
    pub(crate) fn move_to(&mut self, epoch: Epoch) {
        assert!(epoch > self.current, "epochs only go forward");
        let left = self.waiting.remove(&self.current);
        assert!(left.is_none_or(|queue| queue.is_empty()), "an epoch is left when all is taken");
        self.current = epoch;
        let queued: usize =
            self.waiting.get(&epoch).into_iter().flatten().map(|(_, parcel)| parcel.bytes).sum();
        self.count(queued, Queued::More);
    }

    fn count(&self, bytes: usize, change: Queued) {
        self.shared.count_queued(self.step, bytes, change);
    }
}
