//! The command line that all programs of this engine share.
//!
//! A program flattens [`JobArgs`] into its own arguments, or takes
//! [`Config::from_args`](crate::Config::from_args) when it has none. Every flag has an
//! environment variable; a flag wins.

mod recovery;

pub use recovery::RecoveryArgs;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, ValueEnum};

use crate::config::{Config, Processes, ReportFormat};
use crate::{Error, Limits};

/// How the job is run: flattened into the arguments of a program.
///
/// An argument of the program's own needs another name than the fields here have. One that is
/// called `process` too, say, makes a debug build panic at its first start, with clap's words
/// "argument names must be unique, but 'process' is in use by more than one argument or group".
/// Give the field another name; `#[arg(long = "process")]` does not help.
///
/// ```
/// use clap::Parser;
/// use rheos_engine::cli::JobArgs;
///
/// #[derive(Parser)]
/// struct Arguments {
///     /// What to read.
///     input: String,
///     #[command(flatten)]
///     job: JobArgs,
/// }
///
/// let arguments = Arguments::parse_from(["program", "in.txt", "--workers", "2"]);
/// assert_eq!(arguments.job.into_config().unwrap().workers, 2);
/// ```
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "How the job is run")]
#[non_exhaustive]
pub struct JobArgs {
    /// Worker threads in each process [default: the cores of the machine]
    #[arg(long, value_name = "N", env = "RHEOS_WORKERS", hide_env_values = true)]
    pub workers: Option<usize>,
    /// Run this many copies of the program on this machine, connected over loopback
    #[arg(long, value_name = "P", env = "RHEOS_PROCESSES", conflicts_with = "hosts")]
    #[arg(hide_env_values = true)]
    pub processes: Option<usize>,
    /// The addresses of all processes, the same list for each: a:2101,b:2101
    #[arg(long, value_name = "HOST:PORT,...", env = "RHEOS_HOSTS", value_delimiter = ',')]
    #[arg(requires = "process", hide_env_values = true)]
    pub hosts: Vec<String>,
    /// Which of the hosts this process is, counted from 0
    #[arg(long, value_name = "I", env = "RHEOS_PROCESS", requires = "hosts")]
    #[arg(hide_env_values = true)]
    pub process: Option<usize>,
    /// How long an epoch stays open: results per epoch come this often
    /// [default: 50ms]
    #[arg(long, value_name = "TIME", env = "RHEOS_EPOCH", value_parser = duration)]
    #[arg(hide_env_values = true)]
    pub epoch: Option<Duration>,
    /// Megabytes that sources may be ahead of sinks, for each process [default: 64]
    #[arg(long, value_name = "MB", env = "RHEOS_IN_FLIGHT", hide_env_values = true)]
    pub in_flight: Option<usize>,
    /// How long another process may be silent before the job fails [default: 4s]
    #[arg(long, value_name = "TIME", env = "RHEOS_PEER_TIMEOUT", value_parser = duration)]
    #[arg(hide_env_values = true)]
    pub peer_timeout: Option<Duration>,
    /// What is printed on standard error at the end
    #[arg(long, value_name = "FORMAT", env = "RHEOS_REPORT", value_enum, default_value = "none")]
    #[arg(hide_env_values = true)]
    pub report: ReportChoice,
    /// Let SIGINT and SIGTERM count as the end of the input, instead of stopping before it
    #[arg(long, env = "RHEOS_DRAIN", value_parser = FalseyValueParser::new())]
    #[arg(hide_env_values = true)]
    pub drain: bool,
    /// Show no progress line
    #[arg(long, env = "RHEOS_NO_PROGRESS", value_parser = FalseyValueParser::new())]
    #[arg(hide_env_values = true)]
    pub no_progress: bool,
    /// Write the plan of the job to this file before anything runs
    #[arg(long, value_name = "FILE", env = "RHEOS_EXPLAIN", hide_env_values = true)]
    pub explain: Option<PathBuf>,
    /// Which log lines go to standard error: error, warn, info, debug, or a filter by module
    #[arg(long, value_name = "FILTER", env = "RHEOS_LOG", default_value = "warn")]
    #[arg(hide_env_values = true)]
    pub log: String,
    /// How the job survives a failure
    #[command(flatten)]
    pub recovery: RecoveryArgs,
}

/// The choices of `--report`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportChoice {
    /// Nothing
    #[default]
    None,
    /// A table of the steps
    Table,
    /// One line of JSON
    Json,
}

/// Reads a duration: a number and a unit, "250ms".
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 =
        number.parse().map_err(|_| format!("`{text}` does not begin with a number"))?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        "" => return Err(format!("`{text}` has no unit: write {text}ms or {text}s")),
        _ => return Err(format!("`{unit}` is no unit: use us, ms, s, min or h")),
    };
    Duration::try_from_secs_f64(seconds).map_err(|cause| cause.to_string())
}

/// A program that has no arguments of its own.
#[derive(Parser)]
struct OnlyJobArgs {
    #[command(flatten)]
    job: JobArgs,
}

impl JobArgs {
    /// Reads the arguments of this process, for a program without any of its own.
    pub(crate) fn from_process() -> Self {
        OnlyJobArgs::parse().job
    }

    /// Makes the configuration; also lets logs go to standard error, shows progress there, and
    /// lets signals stop the job.
    ///
    /// With `--restarts N` it returns only in a process that runs the job. The process that was
    /// started first starts the program again, with the same arguments and the same standard
    /// input and output, waits for that, starts it again up to N times in a row after a failure
    /// that a retry can help (exit codes 5 and 6, or an end by a signal that nobody sends to ask
    /// for the end), and ends with its last code. A job that ran for ten minutes has all its
    /// restarts again. So call this first: whatever the program does before it, both do, and a
    /// port that the first one has bound is taken.
    ///
    /// # Errors
    /// When a number is out of its range, the log filter is not understood, or the program cannot
    /// be started again.
    pub fn into_config(self) -> Result<Config, Error> {
        start_logging(&self.log)?;
        let mut limits = Limits::default();
        if let Some(epoch) = self.epoch {
            limits.epoch_interval = epoch;
        }
        if let Some(megabytes) = self.in_flight {
            limits.in_flight_bytes = megabytes.saturating_mul(1 << 20);
        }
        if let Some(patience) = self.peer_timeout {
            limits.peer_timeout = patience;
        }
        let processes = match (self.processes, self.process) {
            (Some(count), _) => Processes::Local(count),
            (None, Some(process)) => Processes::Hosts { hosts: self.hosts, process },
            (None, None) => Processes::One,
        };
        let mut config = Config {
            processes,
            report: match self.report {
                ReportChoice::None => ReportFormat::None,
                ReportChoice::Table => ReportFormat::Table,
                ReportChoice::Json => ReportFormat::Json,
            },
            progress: !self.no_progress,
            signals: true,
            drain_on_signal: self.drain,
            explain: self.explain,
            limits,
            ..Config::default()
        };
        if let Some(workers) = self.workers {
            config.workers = workers;
        }
        let restarts = self.recovery.restarts()?;
        self.recovery.apply(&mut config);
        // The program may still say where checkpoints are; a job that starts checks the rest.
        config.validate_values()?;
        if let Some(restarts) = restarts {
            crate::supervisor::supervise(restarts)?;
        }
        Ok(config)
    }
}

/// Sends log lines to standard error, unless the program has set up logging itself.
fn start_logging(filter: &str) -> Result<(), Error> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|cause| Error::usage(format!("log by `{filter}`"), cause.to_string()))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // The program's own set-up, where there is one, stays.
    let _ = subscriber.try_init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CheckpointId, Checkpoints, Guarantee, Restore};

    fn parse(arguments: &[&str]) -> Result<Config, String> {
        let arguments = std::iter::once("program").chain(arguments.iter().copied());
        let parsed = OnlyJobArgs::try_parse_from(arguments).map_err(|error| error.to_string())?;
        parsed.job.into_config().map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_become_a_configuration() {
        let config = parse(&["--workers", "3", "--epoch", "250ms", "--processes", "2"]).unwrap();
        assert_eq!(config.workers, 3);
        assert_eq!(config.limits.epoch_interval, Duration::from_millis(250));
        assert_eq!(config.processes, Processes::Local(2));
        let config = parse(&["--hosts", "a:1,b:2", "--process", "1"]).unwrap();
        let hosts = vec!["a:1".to_owned(), "b:2".to_owned()];
        assert_eq!(config.processes, Processes::Hosts { hosts, process: 1 });
    }

    #[test]
    fn flags_about_checkpoints_win_over_the_program() {
        let flags = ["--checkpoint-every", "1s", "--restore", "7", "--require", "exactly-once"];
        let config = parse(&flags).unwrap();
        assert_eq!(config.require, Some(Guarantee::ExactlyOnce));
        let unplaced = config.validate().unwrap_err().to_string();
        assert!(unplaced.contains("no folder for checkpoints is given"), "{unplaced}");
        let config = config.checkpoint_to(Checkpoints::to("here").keep(9));
        config.validate().unwrap();
        let expected = Checkpoints::to("here").keep(9).every(Duration::from_secs(1));
        assert_eq!(config.checkpoints, Some(expected.restore(Restore::Id(CheckpointId(7)))));
    }

    #[test]
    fn a_folder_on_the_command_line_turns_checkpoints_on() {
        let config = parse(&["--checkpoint-dir", "a", "--keep-checkpoints", "2"]).unwrap();
        assert_eq!(config.checkpoints, Some(Checkpoints::to("a").keep(2)));
        assert!(config.announce);
        assert_eq!(parse(&[]).unwrap().checkpoints, None);
    }

    #[derive(Parser)]
    struct Clashing {
        /// An argument that is called like one of the job's.
        #[arg(long)]
        process: Option<String>,
        #[command(flatten)]
        job: JobArgs,
    }

    #[test]
    #[should_panic(expected = "must be unique, but 'process' is in use")]
    fn an_argument_with_a_name_of_the_jobs_is_found_at_the_first_start() {
        let arguments = Clashing::parse_from(["program", "--workers", "2"]);
        let _ = (arguments.process, arguments.job);
    }

    #[test]
    fn contradictions_are_refused_with_a_reason() {
        for (arguments, reason) in [
            (&["--workers", "0"][..], "not between"),
            (&["--hosts", "a:1,b:2", "--process", "2"], "no process 2"),
            (&["--hosts", "a:1,b:2"], "--process"),
            (&["--epoch", "10"], "no unit"),
            (&["--log", "=!"], "log by"),
            (&["--checkpoint-dir", "s3://bucket/job"], "object stores are not supported"),
            (&["--checkpoint-dir", "a", "--checkpoint-every", "0s"], "no time between"),
            (&["--checkpoint-dir", "a", "--keep-checkpoints", "0"], "0 are kept"),
            (&["--restore", "yesterday"], "neither `latest`"),
            (&["--require", "twice"], "neither `exactly-once`"),
            (&["--backoff", "1s"], "add --restarts N"),
        ] {
            let error = parse(arguments).unwrap_err();
            assert!(error.contains(reason), "{arguments:?}: {error}");
        }
    }
}
