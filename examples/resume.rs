//! Numbers the visits of each page of a site, and goes on where it was after whatever has ended it.
//!
//! Reads lines of the form "page visitor" and writes "page visit-number visitor" to part files. With
//! `--checkpoint-dir` it can be killed at any moment and started again: all in all it writes what an
//! undisturbed run writes. `--per-second` slows it down, so that there is time to do that.

use std::process::ExitCode;

use clap::Parser;
use rheos::prelude::*;

/// Numbers the visits of each page.
#[derive(Parser)]
struct Arguments {
    /// The text files to read, as a glob; generated visits unless given
    #[arg(long, value_name = "GLOB")]
    input: Option<String>,
    /// The folder for the numbered visits
    #[arg(long, value_name = "DIR", default_value = "visits")]
    output: String,
    /// How many visits are generated without --input
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    visits: u64,
    /// How many of the generated visits come in a second
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    per_second: u64,
    #[command(flatten)]
    job: JobArgs,
}

fn main() -> ExitCode {
    let result = run(Arguments::parse());
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    exit_code(&result)
}

fn run(arguments: Arguments) -> Result<(), Error> {
    // First: with --restarts this returns only in the process that runs the job.
    let config = arguments.job.into_config()?;
    let job = Job::new("resume");
    let lines = match &arguments.input {
        Some(glob) => job.source(TextFiles::glob(glob)).named("visits"),
        None => {
            let visit = |n: u64| format!("page-{} visitor-{n}", n % 97);
            let visits = Generator::new(visit).count(arguments.visits);
            job.source(visits.rate_per_second(arguments.per_second as f64)).named("visits")
        }
    };
    lines
        .map(|line| match line.split_once(' ') {
            Some((page, visitor)) => (page.to_owned(), visitor.to_owned()),
            None => (line, String::new()),
        })
        .key_by(|(page, _)| page.clone())
        // State is found again by this name, whatever else the program becomes.
        .scan(0u64, |visits, page, (_, visitor)| {
            *visits += 1;
            Some(format!("{page} {visits} {visitor}"))
        })
        .named("number")
        .sink(FileSink::folder(&arguments.output, Text))
        .named("numbered");
    job.run(config)?;
    Ok(())
}
