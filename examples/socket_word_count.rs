//! Counts the words that arrive on a socket, and prints the running totals that changed, once an
//! epoch. Try it against `nc -lk 9999`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rheos::prelude::*;
use serde::{Deserialize, Serialize};

/// Counts the words that arrive on a socket.
#[derive(Parser)]
struct Arguments {
    /// Read from the server at this address
    #[arg(long, value_name = "HOST:PORT", required_unless_present = "listen")]
    connect: Option<String>,
    /// Let clients connect to this address
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "connect")]
    listen: Option<String>,
    /// How often a connection that was lost is tried again before giving up
    #[arg(long, value_name = "N", default_value_t = 0, requires = "connect")]
    reconnect: u32,
    #[command(flatten)]
    job: JobArgs,
}

#[derive(Debug, Serialize, Deserialize)]
struct Total {
    word: String,
    count: u64,
}

/// The wait before the first attempt to connect again; it doubles with every further one.
const BACK_OFF: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let result = run(Arguments::parse());
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    exit_code(&result)
}

fn run(arguments: Arguments) -> Result<(), Error> {
    let job = Job::new("socket word count");
    let lines = match (&arguments.connect, &arguments.listen) {
        (Some(address), _) => {
            let source = TcpSource::connect(address, Text);
            match arguments.reconnect {
                0 => job.source(source),
                attempts => job.source(source.reconnect(attempts, BACK_OFF)),
            }
        }
        (None, Some(address)) => job.source(TcpSource::listen(address, Text)),
        (None, None) => unreachable!("the arguments require one of the two"),
    };
    lines
        .expand(|line: String, words: &mut Output<'_, String>| {
            line.split_whitespace().for_each(|word| words.push(word.to_owned()));
        })
        .key_by_self()
        .count()
        .updates()
        .map(|(word, count)| Total { word, count })
        .sink(StdoutSink::new(JsonLines::new()));
    job.run(arguments.job.into_config()?)?;
    Ok(())
}
