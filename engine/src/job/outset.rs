//! With what a job begins: decided by one process, for all.

use serde::{Deserialize, Serialize};

use super::assignment::Assignment;
use crate::{CheckpointId, Epoch};

/// With what a job begins.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outset {
    /// Who reads what, and from where on.
    pub(crate) assignment: Assignment,
    /// The epoch that comes first.
    pub(crate) start: Epoch,
    /// How often the job has been started on its checkpoint folder; 0 without checkpoints.
    pub(crate) run: u32,
    /// The number of its first checkpoint.
    pub(crate) next: CheckpointId,
    /// The checkpoint that it goes on from.
    pub(crate) restored: Option<CheckpointId>,
    /// That checkpoint is the end of the input: there is nothing left to do.
    pub(crate) is_finished: bool,
}
