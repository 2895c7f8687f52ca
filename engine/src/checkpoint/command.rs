//! The program `rheos-checkpoints`: looks at checkpoint folders on the command line.

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use serde::Serialize;

use super::list::{delete, list, verify};
use super::{CheckpointId, inspect};
use crate::{Error, ErrorKind};

/// Looks at the checkpoints of a job: lists, inspects, verifies and deletes them
#[derive(Clone, Debug, Parser)]
#[command(name = "rheos-checkpoints")]
pub struct CheckpointsCommand {
    #[command(subcommand)]
    what: What,
    /// Write one document of JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Debug, Subcommand)]
enum What {
    /// List the checkpoints of a folder
    List {
        /// The checkpoint folder of a job
        dir: PathBuf,
    },
    /// Say what is in a checkpoint: steps, keys, bytes, positions, files
    Inspect {
        /// The checkpoint folder of a job
        dir: PathBuf,
        /// The checkpoint [default: the latest]
        id: Option<u64>,
    },
    /// Read all that belongs to a checkpoint and compare checksums; exit code 3 if there is damage
    Verify {
        /// The checkpoint folder of a job
        dir: PathBuf,
        /// The checkpoint [default: every one in the folder]
        id: Option<u64>,
    },
    /// Remove a checkpoint while the job does not run
    Delete {
        /// The checkpoint folder of a job
        dir: PathBuf,
        /// The checkpoint
        id: u64,
    },
}

impl CheckpointsCommand {
    /// Reads the arguments of this process; ends it with a message when they are wrong.
    #[must_use]
    pub fn from_process() -> Self {
        Self::parse()
    }

    /// Does what is asked for, and writes what there is to say to `out`.
    ///
    /// # Errors
    /// When it cannot be done, or when a checkpoint that is verified is damaged.
    pub fn run(self, out: &mut dyn Write) -> Result<(), Error> {
        let Self { what, json } = self;
        match what {
            What::List { dir } => say(out, json, &list(&dir)?),
            What::Inspect { dir, id } => {
                let id = match id {
                    Some(id) => CheckpointId(id),
                    None => list(&dir)?.latest.ok_or_else(|| {
                        let attempt = format!("inspect the latest checkpoint in {}", dir.display());
                        Error::usage(attempt, "there is none that a job would go on from")
                            .advise("list the folder, and name a checkpoint")
                    })?,
                };
                say(out, json, &inspect(&dir, id)?)
            }
            What::Verify { dir, id } => {
                let ids = match id {
                    Some(id) => vec![CheckpointId(id)],
                    None => list(&dir)?.checkpoints.iter().map(|listed| listed.id).collect(),
                };
                let mut damaged = Vec::new();
                for id in ids {
                    let verified = verify(&dir, id)?;
                    say(out, json, &verified)?;
                    damaged.extend((!verified.is_whole()).then(|| id.to_string()));
                }
                if damaged.is_empty() {
                    return Ok(());
                }
                let attempt = format!("verify the checkpoints in {}", dir.display());
                let reason = format!("damaged: {}", damaged.join(", "));
                Err(Error::new(ErrorKind::Data, attempt, reason))
            }
            What::Delete { dir, id } => say(out, json, &delete(&dir, CheckpointId(id))?),
        }
    }
}

fn say(out: &mut dyn Write, json: bool, value: &(impl Display + Serialize)) -> Result<(), Error> {
    let text = match json {
        true => serde_json::to_string(value).map_err(|cause| {
            Error::new(ErrorKind::Internal, "write JSON", cause.to_string()).caused_by(cause)
        })?,
        false => value.to_string(),
    };
    writeln!(out, "{text}").map_err(|cause| Error::io("write to the output", cause))
}
