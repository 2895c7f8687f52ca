//! Averages the readings of a thermometer by the minute, where some come late: what comes out on
//! time, what is corrected, what is left over, and how much disorder there was.
//!
//! The readings are built in, and each is an epoch of its own, as if they came slowly. Lateness is
//! judged epoch by epoch, so the program prints the same whenever it is run. Try
//! `--disorder 60`: everything waits longer, and nothing is late.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rheos::prelude::*;

/// Averages readings by the minute, where some come late.
#[derive(Parser)]
struct Arguments {
    /// How many seconds readings may come out of order
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    disorder: u64,
    /// How many seconds longer a minute can be corrected
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    lateness: u64,
    #[command(flatten)]
    job: JobArgs,
}

/// The second, and the temperature in tenths of a degree.
type Reading = (i64, i64);

fn main() -> ExitCode {
    let result = run(Arguments::parse());
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    exit_code(&result)
}

fn run(arguments: Arguments) -> Result<(), Error> {
    let minutes = Windows::tumbling(Duration::from_secs(60))
        .allowed_lateness(Duration::from_secs(arguments.lateness));
    let job = Job::new("late data");
    let (averages, late) = job
        .source(Collection::new(built_in()).in_order())
        .event_time(
            |(second, _)| EventTime::from_millis(1_000 * second),
            Watermarks::bounded(Duration::from_secs(arguments.disorder)),
        )
        .named("readings")
        .map(|(_, tenths)| tenths)
        .window(minutes)
        .average()
        .late();

    let averages = averages.map(|pane| {
        let timing = match pane.timing {
            PaneTiming::Early => "early",
            PaneTiming::OnTime => "on time",
            PaneTiming::Late => "corrected",
        };
        line(pane.window.start, timing, pane.value)
    });
    let late = late.stamped().map(|late| line(late.time, "too late", late.value as f64));
    averages.without_event_time().union(late).sink(StdoutSink::new(Text));

    let report = job.run(arguments.job.into_config()?.one_record_an_epoch())?;
    print_disorder(&report);
    Ok(())
}

/// "minute 0  on time    25.0 degrees"
fn line(time: EventTime, timing: &str, tenths: f64) -> String {
    format!("minute {}  {timing:<9}  {:.1} degrees", time.as_millis() / 60_000, tenths / 10.0)
}

#[allow(clippy::print_stdout, reason = "what was learnt is this program's output")]
fn print_disorder(report: &Report) {
    let late: u64 = report.steps.iter().map(|step| step.late_records).sum();
    let bound = report.step("readings").and_then(|step| step.disorder_bound).unwrap_or_default();
    println!(
        "{late} of {} readings were too late; a disorder of {:.0} seconds would have kept 99.9 %",
        report.records,
        bound.as_secs_f64().ceil()
    );
}

/// What the thermometer sends, over a radio that loses its patience now and then.
fn built_in() -> Vec<Reading> {
    vec![
        (5, 240),
        (25, 250),
        (45, 260),
        (38, 250), // out of order, and in time: at most 10 s behind
        (75, 264), // the watermark is 65 s: minute 0 answers
        (50, 275), // minute 0 is over, but can be corrected until 90 s
        (70, 266),
        (115, 270), // the watermark is 105 s: minute 0 is closed
        (58, 290),  // too late
        (118, 268),
        (135, 275), // the watermark is 125 s: minute 1 answers
    ]
}
