//! Kills jobs anywhere and holds what they published against what an undisturbed run would have.
//!
//! A campaign is made of runs. A run is a job (`workloads`) in processes of its own (`job`,
//! `process`) that is started again after each fault (`fault`, `inflict`) until it comes to its end
//! (`life`); all that is done follows from the run's seed (`script`). A reader watches what is
//! published while it comes (`reader`), and an oracle looks at all of it (`judge`). `tally` keeps
//! the figures, `phase` tells from names in the checkpoint folder how far a job had come when it
//! died, and `variants` are broken engines that a campaign must notice.

mod command;
mod fault;
mod feeder;
mod finding;
mod folders;
mod inflict;
mod job;
mod judge;
mod life;
mod phase;
mod places;
mod probe;
mod process;
mod reader;
mod rows;
mod script;
mod tally;
mod task;
mod variants;
mod workloads;

pub(crate) use command::{Options, run};
pub(crate) use job::{JobOptions, run_job};
