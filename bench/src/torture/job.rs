//! The job under torture, in processes of its own: a hidden command of this program.

use std::process::ExitCode;

use clap::Args;
use rheos::cli::JobArgs;
use rheos::{Error, exit_code};

use super::probe::Ended;
use super::task::Task;
use super::workloads::Workload;

/// Which job, over what, and how it is run.
#[derive(Args)]
pub(crate) struct JobOptions {
    /// The workload
    workload: String,
    #[command(flatten)]
    task: Task,
    #[command(flatten)]
    job: JobArgs,
}

/// Runs the job and ends as programs do.
#[allow(clippy::print_stderr, reason = "as any program does")]
pub(crate) fn run_job(options: JobOptions) -> ExitCode {
    let result = run(options);
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    exit_code(&result)
}

fn run(options: JobOptions) -> Result<(), Error> {
    let JobOptions { workload, task, job } = options;
    let workload = Workload::named(&workload)
        .map_err(|error| Error::usage("find the workload", error.to_string()))?;
    let report = workload.job(&task).run(job.into_config()?)?;
    if report.stopped { Ended::Stopped } else { Ended::Finished }.leave(&task);
    Ok(())
}
