//! How the processes of a job find each other, stay in touch, and part.
//!
//! Process 0 is the hub. Every other process opens a *link* to it, over which they agree on what
//! they run, hear each other's heartbeats, and learn of epochs, orders, votes and failures. Then
//! each pair of processes opens a *data* connection, which is handed to timely. A connection from
//! a stranger, or from a process that runs something else, is refused with a log line.

mod frame;
mod gather;
mod greet;
mod launch;
mod link;
mod seat;

pub(crate) use gather::{Cluster, gather};
pub(crate) use link::Links;
pub(crate) use seat::{Seat, is_launched_copy};

/// What must be the same in all processes of a job.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Fingerprints {
    pub(crate) job: String,
    pub(crate) plan: u64,
    pub(crate) config: u64,
}

impl Fingerprints {
    /// Why a process with `other` cannot take part, if it cannot.
    pub(crate) fn differ(&self, other: &Fingerprints) -> Option<String> {
        if self.job != other.job {
            Some(format!("it runs the job `{}`, this is `{}`", other.job, self.job))
        } else if self.plan != other.plan {
            Some("its plan is another one: are the programs and arguments the same?".into())
        } else if self.config != other.config {
            Some("its workers or epochs are configured differently".into())
        } else {
            None
        }
    }
}
