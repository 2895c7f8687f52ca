//! The flags about failures: checkpoints, what is restored, what must be guaranteed, restarts.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::duration;
use crate::checkpoint::{Checkpoints, Overrides, Restore};
use crate::supervisor::Restarts;
use crate::{Config, Error, Guarantee};

/// How the job survives a failure: a part of [`JobArgs`](super::JobArgs).
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "How the job survives a failure")]
#[non_exhaustive]
pub struct RecoveryArgs {
    /// Keep checkpoints in this folder, and go on from the latest one there
    #[arg(long, value_name = "DIR", env = "RHEOS_CHECKPOINT_DIR", hide_env_values = true)]
    pub checkpoint_dir: Option<PathBuf>,
    /// How often a checkpoint is taken, and staged output published [default: 10s]
    #[arg(long, value_name = "TIME", env = "RHEOS_CHECKPOINT_EVERY", value_parser = duration)]
    #[arg(hide_env_values = true)]
    pub checkpoint_every: Option<Duration>,
    /// Which checkpoint the job starts from: `latest`, a number, or `none` [default: latest]
    #[arg(long, value_name = "ID", env = "RHEOS_RESTORE", hide_env_values = true)]
    pub restore: Option<Restore>,
    /// How many checkpoints are kept [default: 3]
    #[arg(long, value_name = "N", env = "RHEOS_KEEP_CHECKPOINTS", hide_env_values = true)]
    pub keep_checkpoints: Option<usize>,
    /// Start from an older checkpoint even if what was published since is then published twice
    #[arg(long, env = "RHEOS_ACCEPT_DUPLICATES", value_parser = FalseyValueParser::new())]
    #[arg(hide_env_values = true)]
    pub accept_duplicates: bool,
    /// Drop restored state that the program has no step for any more
    #[arg(long, env = "RHEOS_ALLOW_DROPPED_STATE", value_parser = FalseyValueParser::new())]
    #[arg(hide_env_values = true)]
    pub allow_dropped_state: bool,
    /// Do not start unless every path from a source to a sink is `exactly-once`, or at least
    /// `at-least-once`
    #[arg(long, value_name = "GUARANTEE", env = "RHEOS_REQUIRE", hide_env_values = true)]
    pub require: Option<Guarantee>,
    /// Start the job again after a failure that this can help, so many times in a row [default: 0]
    #[arg(long, value_name = "N", env = "RHEOS_RESTARTS", hide_env_values = true)]
    pub restarts: Option<u32>,
    /// How long the first restart waits; each further one waits twice as long, up to 60s
    /// [default: 1s]
    #[arg(long, value_name = "TIME", env = "RHEOS_BACKOFF", value_parser = duration)]
    #[arg(hide_env_values = true)]
    pub backoff: Option<Duration>,
}

impl RecoveryArgs {
    /// Puts what was said into a configuration, apart from the restarts.
    pub(super) fn apply(self, config: &mut Config) {
        config.overrides = Overrides {
            every: self.checkpoint_every,
            keep: self.keep_checkpoints,
            restore: self.restore,
            accept_duplicates: self.accept_duplicates,
            allow_dropped_state: self.allow_dropped_state,
        };
        config.checkpoints =
            self.checkpoint_dir.map(|folder| config.overrides.over(Checkpoints::to(folder)));
        config.require = self.require;
        config.announce = true;
    }

    /// The restarts that were asked for, if any.
    ///
    /// # Errors
    /// When a time between restarts is given, and no restart.
    pub(super) fn restarts(&self) -> Result<Option<Restarts>, Error> {
        match (self.restarts, self.backoff) {
            (None | Some(0), Some(_)) => Err(Error::usage(
                "follow --backoff",
                "without restarts there is nothing to wait for",
            )
            .advise("add --restarts N")),
            (None | Some(0), None) => Ok(None),
            (Some(most), backoff) => {
                let backoff = backoff.unwrap_or(Restarts::DEFAULT_BACKOFF);
                Ok(Some(Restarts { most, backoff }))
            }
        }
    }
}
