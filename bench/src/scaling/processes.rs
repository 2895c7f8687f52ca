//! Processes on this machine. Every case is run in processes of its own, one of a single process
//! too, so that all of them pay for being started; their CPU time is that of all their processes.

use std::process::{Command, ExitCode, Stdio};

use clap::Args;
use rheos::cli::JobArgs;

use super::command::Options;
use super::table::print_table;
use crate::chain::Chain;
use crate::compare::Side;

/// The hidden command of this program that runs the job.
const JOB_COMMAND: &str = "scaling-job";
/// Processes and the workers of each.
const LAYOUTS: [(usize, usize); 4] = [(1, 1), (1, 2), (2, 1), (2, 2)];
/// Keyed steps of the job.
const STEPS: u64 = 3;
/// Keys of each.
const KEYS: u64 = 10_000;

/// The job that is run in several processes.
#[derive(Args)]
pub(crate) struct JobOptions {
    #[arg(long)]
    records: u64,
    #[command(flatten)]
    job: JobArgs,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let Options { records, rounds, .. } = *options;
    let name = |(processes, workers)| format!("{processes} processes of {workers} workers");
    let names = LAYOUTS.map(name);
    let cases = LAYOUTS.into_iter().zip(&names).map(|((processes, workers), name)| {
        Side::new(name, move || {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg(JOB_COMMAND).args([
                format!("--records={records}"),
                format!("--processes={processes}"),
                format!("--workers={workers}"),
            ]);
            let status = command.stdin(Stdio::null()).status()?;
            anyhow::ensure!(status.success(), "the job ended with {status}");
            Ok(())
        })
    });
    let cases = cases.collect();
    let title = format!("a chain of {STEPS} steps of {KEYS} keys, with the start of processes");
    print_table(&title, records, rounds, cases)
}

/// Runs the job and ends as programs do.
#[allow(clippy::print_stderr, reason = "as any program does")]
pub(crate) fn run_job(options: JobOptions) -> ExitCode {
    let chain = Chain { records: options.records, steps: STEPS, keys: KEYS };
    let config = options.job.into_config().map_err(anyhow::Error::from);
    match config.and_then(|config| chain.run(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
