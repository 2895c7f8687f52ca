//! Where a run of fused steps leaves the parcels that its host then sends on.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::parcel::Parcel;

/// A queue of parcels between a run and its host, on one worker; emptied after every pass.
#[derive(Clone, Default)]
pub(crate) struct Outbox {
    parcels: Rc<RefCell<VecDeque<Parcel>>>,
}

impl Outbox {
    /// Adds a parcel.
    pub(crate) fn put(&self, parcel: Parcel) {
        self.parcels.borrow_mut().push_back(parcel);
    }

    /// Takes the oldest parcel.
    pub(crate) fn take(&self) -> Option<Parcel> {
        self.parcels.borrow_mut().pop_front()
    }
}
