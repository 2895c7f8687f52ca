//! Checkpoints: consistent cuts of a job that are kept on disk, to continue from.
//!
//! What is below knows files and nothing of workers or dataflows. A job's checkpoint folder holds:
//!
//! | file | what |
//! |---|---|
//! | `LOCK` | locked by the job while it runs |
//! | `job` | whose folder it is, and how often the job was started |
//! | `state-00000007-003-000` | what worker 0 captured for checkpoint 7 in run 3 |
//! | `manifest-00000007` | what belongs to checkpoint 7; when it is there, the checkpoint is durable |
//! | `latest` | the last checkpoint that became durable |
//! | `parent` | who starts the job again after failures, and since which checkpoint |
//!
//! Every file begins with a magic that names its kind and with the version of its format, and every
//! byte is under a CRC-32.

mod choose;
mod command;
pub(crate) mod compat;
#[cfg(test)]
mod compat_tests;
mod damage;
mod disk;
mod envelope;
mod facts;
mod id;
mod inspect;
mod job_file;
mod list;
mod manifest;
mod names;
mod obsolete;
mod options;
mod parent_file;
mod parts;
mod replace;
mod section_index;
mod state_file;
mod store;
mod verify;

#[cfg(any(test, feature = "failpoints"))]
mod crash_campaign;
#[cfg(any(test, feature = "failpoints"))]
mod damage_campaign;
#[cfg(any(test, feature = "failpoints"))]
pub(crate) mod forgetful;
#[cfg(any(test, feature = "failpoints"))]
mod random;
#[cfg(any(test, feature = "failpoints"))]
mod scenario;
#[cfg(test)]
mod tests;

pub use choose::Restore;
pub(crate) use choose::{Decision, Duplicates, choose, chosen};
pub use command::CheckpointsCommand;
#[cfg(feature = "failpoints")]
pub use crash_campaign::{CrashReport, crash_campaign};
#[cfg(feature = "failpoints")]
pub use damage_campaign::{DamageReport, damage_campaign};
pub(crate) use disk::{Disk, LocalDisk};
pub use id::CheckpointId;
pub use inspect::{
    FileSummary, Inspection, PartSummary, SinkSummary, SourceSummary, SplitSummary, StepSummary,
    inspect,
};
pub(crate) use job_file::JobFile;
pub use list::{Deleted, Listed, Listing, delete, list, verify};
pub(crate) use manifest::{
    Chain, HostFacts, Manifest, SinkFacts, SourceFacts, StepFacts, hash_probe,
};
pub(crate) use names::StateName;
pub use options::Checkpoints;
pub(crate) use options::Overrides;
pub(crate) use parts::{ListParts, PartShape, PlannedPart};
pub(crate) use section_index::SectionEntry;
pub(crate) use state_file::{FileRef, StateFile, StateFileWriter};
pub(crate) use store::Store;
pub use verify::Verified;
