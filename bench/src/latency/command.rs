//! `latency`: measures the fastest rate, then latencies at shares of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use rheos::prelude::*;

use super::histogram::Histogram;
use super::panes::Shape;
use super::sink::Seen;
use super::timetable::{Load, Pace, Timetable};
use super::{conversion, panes};

/// What is measured, at which rates, for how long.
#[derive(Args)]
pub(crate) struct Options {
    /// The job
    #[arg(default_value = "both")]
    what: What,
    /// Worker threads
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Seconds of a run at a rate
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,
    /// Seconds of these at its beginning that do not count
    #[arg(long, default_value_t = 3.0)]
    warm_up: f64,
    /// Rates, in percent of the fastest
    #[arg(long, value_delimiter = ',', default_value = "10,50,80")]
    loads: Vec<f64>,
    /// The fastest rate, in events a second [default: measured, the median of three runs]
    #[arg(long)]
    fastest: Option<f64>,
    /// Milliseconds that an epoch stays open [default: the engine's]
    #[arg(long)]
    epoch_ms: Option<u64>,
    /// Milliseconds from the start of a window to its end
    #[arg(long, default_value_t = 10_000)]
    window_ms: u64,
    /// Milliseconds from the start of a window to the next one's
    #[arg(long, default_value_t = 2_000)]
    slide_ms: u64,
    /// Auctions in each window: at 10,000 events a second, the suite's own rate, q5 has as many
    #[arg(long, default_value_t = 6_000)]
    auctions: u32,
    /// Print more of the distribution
    #[arg(long)]
    histogram: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// The conversion of q1, at an immediate sink
    Q1,
    /// The panes of q5: sliding counts by auction, beyond the window's end
    Panes,
    Both,
}

/// Seconds of a run that measures the fastest rate.
const UNPACED: Duration = Duration::from_secs(3);
/// Runs that do.
const UNPACED_RUNS: usize = 3;
/// A first guess at it, in events a second: event time has to have some speed.
const GUESS: f64 = 10e6;

/// One run of a job.
pub(crate) struct Case<'a> {
    pub(crate) timetable: &'a Timetable,
    pub(crate) seen: &'a Seen,
    is_paced: bool,
}

impl Case<'_> {
    /// The source of the run.
    pub(crate) fn source<T: Send + 'static>(&self, events: Generator<T>) -> Load<T> {
        match self.is_paced {
            true => self.timetable.paced(events),
            false => self.timetable.unpaced(events),
        }
    }
}

#[allow(clippy::print_stdout, reason = "the figures are this program's output")]
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let interval = config(options).limits.epoch_interval;
    let Options { workers, seconds, warm_up, .. } = options;
    println!(
        "{workers} workers, epochs of {interval:?}, {seconds} s a rate, the first {warm_up} of \
         them not counted"
    );
    let shape = Shape {
        length: Duration::from_millis(options.window_ms),
        slide: Duration::from_millis(options.slide_ms),
        auctions: options.auctions,
    };
    if options.what != What::Panes {
        println!("q1: a bid at an immediate sink, since it was due");
        measure(options, &conversion::job)?;
    }
    if options.what != What::Q1 {
        let Shape { length, slide, auctions } = shape;
        println!(
            "q5: panes of {auctions} auctions in windows of {length:?} every {slide:?}, since the \
             window's end"
        );
        measure(options, &|case| panes::job(case, shape))?;
    }
    Ok(())
}

/// Makes the job of a run.
type MakeJob<'a> = &'a dyn Fn(&Case<'_>) -> Job;

#[allow(clippy::print_stdout, reason = "the figures are this program's output")]
fn measure(options: &Options, job: MakeJob<'_>) -> anyhow::Result<()> {
    let fastest = match options.fastest {
        Some(fastest) => fastest,
        None => fastest(options, job)?,
    };
    println!("the fastest rate: {:.2} million events a second", fastest / 1e6);
    println!("   load   events/s    results      p50 ms      p99 ms    p99.9 ms      max ms");
    for load in &options.loads {
        let per_second = fastest * load / 100.0;
        let seen = at_rate(options, job, per_second)?;
        let millis = |share| seen.quantile(share).as_secs_f64() * 1e3;
        println!(
            "{load:5.0} % {per_second:10.0} {:10} {:11.3} {:11.3} {:11.3} {:11.3}",
            seen.total(),
            millis(0.5),
            millis(0.99),
            millis(0.999),
            millis(1.0)
        );
        if options.histogram {
            for percent in [1.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5] {
                println!("          {percent:5.1} % within {:11.3} ms", millis(percent / 100.0));
            }
        }
    }
    Ok(())
}

fn config(options: &Options) -> Config {
    let config = Config::default().workers(options.workers);
    match options.epoch_ms {
        Some(millis) => config.epoch(Duration::from_millis(millis)),
        None => config,
    }
}

/// The events a second that the job takes when there are always more. Event time runs at the rate
/// that the run before has shown.
fn fastest(options: &Options, job: MakeJob<'_>) -> anyhow::Result<f64> {
    let guess = unpaced(options, job, GUESS)?;
    let mut rates = Vec::new();
    for _ in 0..UNPACED_RUNS {
        rates.push(unpaced(options, job, guess)?);
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates[rates.len() / 2])
}

fn unpaced(options: &Options, job: MakeJob<'_>, per_second: f64) -> anyhow::Result<f64> {
    let pace = Pace { per_second, warm_up: Duration::ZERO, length: Duration::MAX };
    let timetable = Timetable::new(pace, options.workers);
    let case = Case { timetable: &timetable, seen: &Seen::default(), is_paced: false };
    let handle = job(&case).start(config(options))?;
    let began = Instant::now();
    while let Some(left) = UNPACED.checked_sub(began.elapsed())
        && !handle.is_over()
    {
        std::thread::park_timeout(left);
    }
    handle.drain();
    Ok(handle.wait()?.records_per_second)
}

/// The latencies at a rate.
fn at_rate(options: &Options, job: MakeJob<'_>, per_second: f64) -> anyhow::Result<Histogram> {
    let warm_up = Duration::try_from_secs_f64(options.warm_up)?;
    let length = Duration::try_from_secs_f64(options.seconds)?;
    let timetable = Timetable::new(Pace { per_second, warm_up, length }, options.workers);
    let seen = Seen::default();
    job(&Case { timetable: &timetable, seen: &seen, is_paced: true }).run(config(options))?;
    let seen = Arc::try_unwrap(seen).map_err(|_| anyhow::anyhow!("a writer is still open"))?;
    let seen = seen.into_inner().map_err(|_| anyhow::anyhow!("a writer has panicked"))?;
    anyhow::ensure!(seen.total() > 0, "no result counts: the run is too short");
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn every_result_that_counts_is_seen_once() {
        let arguments = ["", "--workers=2", "--seconds=0.5", "--warm-up=0.1", "--epoch-ms=5"];
        let options = Arguments::parse_from(arguments).options;
        let bids = at_rate(&options, &conversion::job, 10_000.0).unwrap();
        // Those of the first fifth do not count, the one at its end does.
        assert_eq!(bids.total(), 4_000);
        let [length, slide] = [100, 50].map(Duration::from_millis);
        let shape = Shape { length, slide, auctions: 10 };
        let panes = at_rate(&options, &|case| panes::job(case, shape), 10_000.0).unwrap();
        // Windows that end at 100, 150, ..., 450 ms; the end of the input closes the last one.
        assert_eq!(panes.total(), 8 * 10);
        // Nothing is said of a window before its end.
        assert!(panes.quantile(0.0) > Duration::ZERO);
    }
}
