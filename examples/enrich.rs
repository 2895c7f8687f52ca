//! Adds names from a slow service to visits: asynchronous calls, many at a time, with a timeout
//! and retries, while the worker goes on.
//!
//! The service is simulated: it takes its time, does not know everybody, does not always answer.
//! Results come in the order of the visits, or with `--unordered` as the answers come in.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rheos::prelude::*;
use serde::{Deserialize, Serialize};

/// Adds names from a slow service to visits.
#[derive(Parser)]
struct Arguments {
    /// Print visits as the answers come in, not in their order
    #[arg(long)]
    unordered: bool,
    /// How many calls are under way at the same time, on each worker
    #[arg(long, value_name = "N", default_value_t = 10)]
    calls: usize,
    #[command(flatten)]
    job: JobArgs,
}

#[derive(Clone, Serialize, Deserialize)]
struct Visit {
    customer: u32,
    page: String,
}

/// What the service says instead of a name.
#[derive(Debug)]
struct Unknown {
    customer: u32,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nobody is customer {}", self.customer)
    }
}

fn main() -> ExitCode {
    let result = run(Arguments::parse());
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    exit_code(&result)
}

fn run(arguments: Arguments) -> Result<(), Error> {
    let options = AsyncOptions::default()
        .in_flight(arguments.calls)
        .timeout(Duration::from_secs(1))
        .retries(1, Duration::from_millis(10))
        // Who is unknown now will be so in a moment; a service that said nothing may answer then.
        .retry_if(|Unknown { .. }| false);
    let options = if arguments.unordered { options.unordered() } else { options };

    let job = Job::new("enrich");
    job.source(Collection::new(built_in()).in_order())
        .map_async(options, with_name)
        .map(|visit| match visit {
            Ok((visit, name)) => format!("{name} looks at {}", visit.page),
            Err(failed) => format!("somebody looks at {}: {failed}", failed.record.page),
        })
        .sink(StdoutSink::new(Text));
    job.run(arguments.job.into_config()?)?;
    Ok(())
}

/// Asks the service who a customer is.
async fn with_name(visit: Visit) -> Result<(Visit, String), Unknown> {
    let name = name_of(visit.customer).await?;
    Ok((visit, name))
}

/// The service. It never answers for customer 13.
async fn name_of(customer: u32) -> Result<String, Unknown> {
    let names = ["Ada", "Grace", "Edsger", "Barbara"];
    let answers_after = match customer {
        13 => Duration::MAX,
        _ => Duration::from_millis(u64::from(20 * (names.len() as u32 - customer % 4))),
    };
    tokio::time::sleep(answers_after).await;
    let name = names.get(customer as usize).ok_or(Unknown { customer })?;
    Ok((*name).to_owned())
}

fn built_in() -> Vec<Visit> {
    [
        (0, "/"),
        (3, "/"),
        (1, "/hats"),
        (13, "/"),
        (7, "/shoes"),
        (2, "/"),
        (3, "/cart"),
        (0, "/hats"),
    ]
    .map(|(customer, page)| Visit { customer, page: page.to_owned() })
    .to_vec()
}
