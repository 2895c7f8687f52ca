//! Finds stolen cards: a small payment, to see whether a card works, and soon after it a large
//! one. Cards that were only tried out are worth a look, too: a pattern's timeout is a result.
//!
//! The payments are built in, and not quite in order.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rheos::prelude::*;
use serde::{Deserialize, Serialize};

/// Finds cards that are tried out and then used.
#[derive(Parser)]
struct Arguments {
    /// Payments below so many euros are small
    #[arg(long, value_name = "EUROS", default_value_t = 5)]
    small: u64,
    /// Payments above so many euros are large
    #[arg(long, value_name = "EUROS", default_value_t = 500)]
    large: u64,
    /// How many seconds after a small payment a large one is suspicious
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    within: u64,
    #[command(flatten)]
    job: JobArgs,
}

#[derive(Clone, Serialize, Deserialize)]
struct Payment {
    second: i64,
    card: u32,
    euros: u64,
}

fn main() -> ExitCode {
    let result = run(Arguments::parse());
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    exit_code(&result)
}

fn run(Arguments { small, large, within, job: how }: Arguments) -> Result<(), Error> {
    let tried_and_used = Pattern::begin(move |payment: &Payment| payment.euros < small)
        .followed_by(move |payment| payment.euros > large)
        .within(Duration::from_secs(within));

    let job = Job::new("fraud");
    let (sink, found) = collect();
    job.source(Collection::new(built_in()))
        .event_time(
            |payment| EventTime::from_millis(1_000 * payment.second),
            Watermarks::bounded(Duration::from_secs(10)),
        )
        .key_by(|payment| payment.card)
        .pattern(tried_and_used)
        .drop_late()
        .map(|outcome| match outcome {
            PatternOutcome::Match { key: card, records } => (card, payments(&records), true),
            PatternOutcome::Timeout { key: card, records } => (card, payments(&records), false),
        })
        .sink(sink);
    job.run(how.into_config()?)?;
    // With several processes what was found is at the first one.
    found.take().into_iter().for_each(print);
    Ok(())
}

/// "1 € at 5 s, 900 € at 20 s"
fn payments(records: &[Stamped<Payment>]) -> String {
    let text = |payment: &Payment| format!("{} € at {} s", payment.euros, payment.second);
    records.iter().map(|record| text(&record.value)).collect::<Vec<_>>().join(", ")
}

#[allow(clippy::print_stdout, reason = "what was found is this program's output")]
fn print(mut found: Vec<(u32, String, bool)>) {
    // Which card's results come first depends on the workers.
    found.sort();
    for (card, payments, is_used) in found {
        let verdict = if is_used { "block it" } else { "keep an eye on it" };
        println!("card {card}: {payments}: {verdict}");
    }
}

fn built_in() -> Vec<Payment> {
    [
        (0, 4711, 20),
        (5, 4711, 1),
        (8, 1234, 2),
        (20, 4711, 900), // 15 s after the small one
        (14, 4711, 30),  // came late: it lies between the two, which does no harm
        (68, 1234, 650), // exactly a minute after the small one
        (70, 7777, 3),
        (90, 9999, 700),  // nothing small before it
        (131, 7777, 800), // a second too late
    ]
    .map(|(second, card, euros)| Payment { second, card, euros })
    .to_vec()
}
