//! What a job goes on from: a checkpoint as a worker sees it.

use std::sync::Arc;

use super::desk::HostFacts;
use crate::Error;
use crate::capture;
use crate::checkpoint::{Manifest, Store};
use crate::context::WorkerContext;
use crate::logic::Logic;

/// The checkpoint that a job goes on from.
pub(crate) struct Restored {
    store: Arc<Store>,
    manifest: Manifest,
}
