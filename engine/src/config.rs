//! How a job is run: workers, processes, epochs, reports. The program's side of the command line.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::checkpoint::Overrides;
use crate::{Checkpoints, Clock, Error, Guarantee, Limits, SystemClock};

/// The shape in which a [`Report`](crate::Report) is printed on standard error at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportFormat {
    /// Not at all.
    #[default]
    None,
    /// As a table.
    Table,
    /// As one line of JSON.
    Json,
}

/// The processes of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Processes {
    /// This one alone.
    #[default]
    One,
    /// So many copies of this program on this machine; this one is the first.
    Local(usize),
    /// One at each address ("host:port"), of which this is number `process`.
    Hosts {
        /// The addresses, the same list in the same order for all.
        hosts: Vec<String>,
        /// The number of this process in the list.
        process: usize,
    },
}

/// How a job is run. [`Config::default`] is one worker a core in this process, in silence.
///
/// ```
/// use rheos_engine::Config;
/// let config = Config::default().workers(2);
/// assert_eq!(config.workers, 2);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// Worker threads in each process; the cores of the machine unless set.
    pub workers: usize,
    /// The processes of the job; this one alone unless set.
    pub processes: Processes,
    /// What is printed at the end; nothing unless set.
    pub report: ReportFormat,
    /// Whether a progress line is shown on standard error when that is a terminal; no unless set.
    pub progress: bool,
    /// Whether SIGINT and SIGTERM stop the job; no unless set. A second signal ends the process.
    /// SIGUSR1 then has the job say on standard error why nothing comes out.
    pub signals: bool,
    /// Whether such a signal counts as the end of the input; no unless set.
    pub drain_on_signal: bool,
    /// A file into which the plan is explained before anything runs, if any.
    pub explain: Option<PathBuf>,
    /// A socket that is bound already to the address of this process in [`Processes::Hosts`], if
    /// it is process 0; it binds that address itself unless set.
    pub listener: Option<Arc<std::net::TcpListener>>,
    /// Where checkpoints are kept, how often they are taken and which one the job starts from; none
    /// are taken unless set.
    pub checkpoints: Option<Checkpoints>,
    /// What the command line says about checkpoints, whoever names their folder.
    pub(crate) overrides: Overrides,
    /// What every path from a source to a sink must guarantee after a failure, or the job does not
    /// start; nothing unless set.
    pub require: Option<Guarantee>,
    /// Whether a job with checkpoints says on standard error, before it begins, what it starts from
    /// and what each path from a source to a sink guarantees; no unless set.
    pub announce: bool,
    /// The bounds of the job.
    pub limits: Limits,
    /// Where processing time comes from; the machine's clock unless set.
    pub clock: Arc<dyn Clock>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            processes: Processes::One,
            report: ReportFormat::None,
            progress: false,
            signals: false,
            drain_on_signal: false,
            explain: None,
            listener: None,
            checkpoints: None,
            overrides: Overrides::default(),
            require: None,
            announce: false,
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("workers", &self.workers)
            .field("processes", &self.processes)
            .field("checkpoints", &self.checkpoints)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Makes every record an epoch of its own, which has passed all steps before the next one is
    /// read. With one worker and a source that keeps its order a job then does the same in every
    /// run, also what depends on where epochs end: which records are late, and what is said each
    /// epoch. For tests and examples; it is slow.
    ///
    /// With more workers, or splits that several read, it is a record of each in an epoch.
    ///
    /// ```
    /// use rheos_engine::Config;
    /// let config = Config::default().workers(1).one_record_an_epoch();
    /// assert_eq!(config.limits.batch_records, 1);
    /// ```
    #[must_use]
    pub fn one_record_an_epoch(mut self) -> Self {
        // A full budget closes an epoch: of the smallest one every record takes all.
        self.limits.batch_records = 1;
        self.limits.in_flight_bytes = 1;
        self
    }

    /// Reads the program's arguments and the `RHEOS_*` environment variables, for programs
    /// without arguments of their own. Prints help or a usage error and ends the process where
    /// those are due; shows logs, progress and a report; stops the job on SIGINT and SIGTERM. Call
    /// it first: with `--restarts` it returns only in the process that runs the job, see
    /// [`JobArgs::into_config`](crate::cli::JobArgs::into_config).
    ///
    /// # Errors
    /// When the arguments contradict each other.
    pub fn from_args() -> Result<Self, Error> {
        crate::cli::JobArgs::from_process().into_config()
    }

    /// Sets the worker threads of each process.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Sets the processes.
    #[must_use]
    pub fn processes(mut self, processes: Processes) -> Self {
        self.processes = processes;
        self
    }

    /// Sets how long an epoch stays open at the least once it holds a record.
    #[must_use]
    pub fn epoch(mut self, interval: Duration) -> Self {
        self.limits.epoch_interval = interval;
        self
    }

    /// Takes checkpoints, into a folder or as [`Checkpoints`] say. Flags of the command line that
    /// are about checkpoints win over what is given here, except for the folder.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rheos_engine::{Checkpoints, Config};
    /// let config = Config::default().checkpoint_to("checkpoints/");
    /// assert_eq!(config.checkpoints.unwrap().every, Duration::from_secs(10));
    /// let often = Checkpoints::to("checkpoints/").every(Duration::from_secs(1));
    /// assert!(Config::default().checkpoint_to(often).validate().is_ok());
    /// ```
    #[must_use]
    pub fn checkpoint_to(mut self, checkpoints: impl Into<Checkpoints>) -> Self {
        self.checkpoints = Some(self.overrides.over(checkpoints.into()));
        self
    }

    /// Sets what every path from a source to a sink must guarantee after a failure.
    #[must_use]
    pub fn require(mut self, guarantee: Guarantee) -> Self {
        self.require = Some(guarantee);
        self
    }

    /// Sets the bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets where processing time comes from.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Checks what can be checked before anything starts.
    ///
    /// # Errors
    /// When a number is out of its range, or something is said about checkpoints and nobody has
    /// said where they are.
    pub fn validate(&self) -> Result<(), Error> {
        if let (None, Some(flag)) = (&self.checkpoints, self.overrides.flag()) {
            let reason = "no folder for checkpoints is given, so none are taken";
            return Err(Error::usage(format!("follow {flag}"), reason)
                .advise("add --checkpoint-dir DIR, or call checkpoint_to in the program"));
        }
        self.validate_values()
    }

    /// Checks what does not depend on what the program will add.
    pub(crate) fn validate_values(&self) -> Result<(), Error> {
        /// More workers than this are a typing error.
        const MOST_WORKERS: usize = 1024;
        let refuse = |what: &str, reason: String| Err(Error::usage(format!("set {what}"), reason));
        if self.workers == 0 || self.workers > MOST_WORKERS {
            let reason = format!("{} is not between 1 and {MOST_WORKERS}", self.workers);
            return refuse("the number of workers", reason);
        }
        match &self.processes {
            Processes::Local(0) => refuse("the number of processes", "0 run nothing".into()),
            Processes::Local(count) if *count > MOST_WORKERS => {
                refuse("the number of processes", format!("{count} is more than {MOST_WORKERS}"))
            }
            Processes::Hosts { hosts, process } if *process >= hosts.len() => {
                let reason = format!("there is no process {process} among {} hosts", hosts.len());
                refuse("the number of this process", reason)
            }
            _ => self.limits.validate(),
        }?;
        self.checkpoints.as_ref().map_or(Ok(()), Checkpoints::validate)
    }

    /// A fingerprint of what must be the same in all processes of a job.
    pub(crate) fn fingerprint(&self) -> u64 {
        // The folder itself may have another path on each machine.
        let checkpoints = self.checkpoints.as_ref().map(|checkpoints| checkpoints.every.as_nanos());
        let epoch = self.limits.epoch_interval.as_nanos();
        crate::hash_key(&(self.workers as u64, epoch, checkpoints))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_must_agree_on_whether_and_how_often_checkpoints_are_taken() {
        let config = || Config::default().workers(1);
        let every = |seconds| Checkpoints::to("a").every(Duration::from_secs(seconds));
        let with = |checkpoints| config().checkpoint_to(checkpoints).fingerprint();
        assert_ne!(config().fingerprint(), with(every(1)));
        assert_ne!(with(every(1)), with(every(2)));
        assert_eq!(with(every(1)), with(Checkpoints { folder: "b".into(), ..every(1) }));
    }
}
