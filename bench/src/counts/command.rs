//! Runs a count once, or on several engines in turn.

use std::fmt;

use clap::Args;
use serde::Serialize;

use super::tally::Tally;
use crate::compare::measure;
use crate::comparison::Comparison;
use crate::engine::Engine;

/// How much is counted, on how many workers, by what.
#[derive(Args)]
pub(crate) struct Options {
    /// Words or events in a run
    #[arg(long, visible_alias = "events", default_value_t = 20_000_000)]
    pub(crate) words: usize,
    /// Workers
    #[arg(long, default_value_t = 1)]
    pub(crate) workers: usize,
    /// What runs it
    #[arg(long, default_value = "rheos")]
    engine: Engine,
    /// Run also these engines, in turn, and print the ratios of the times to each of theirs
    #[arg(long, value_name = "ENGINES", value_delimiter = ',')]
    compare: Vec<Engine>,
    /// Rounds of a comparison that count
    #[arg(long, default_value_t = 7, requires = "compare")]
    rounds: usize,
    /// Print a line of JSON
    #[arg(long)]
    json: bool,
}

/// How a count can be run, over the same input.
pub(crate) struct Forms<'a> {
    /// Sequential, as close to the words as code can be.
    naive: Tally,
    on: Vec<(Engine, Run<'a>)>,
}

/// Runs a count once.
type Run<'a> = Box<dyn Fn() -> anyhow::Result<Tally> + 'a>;

impl<'a> Forms<'a> {
    /// Nothing but what is right.
    pub(crate) fn new(naive: Tally) -> Self {
        Self { naive, on: Vec::new() }
    }

    /// Adds the count as it is written for an engine.
    pub(crate) fn on(
        mut self,
        engine: Engine,
        run: impl Fn() -> anyhow::Result<Tally> + 'a,
    ) -> Self {
        self.on.push((engine, Box::new(run)));
        self
    }

    /// Runs it once and holds what that gives against the naive form.
    fn run(&self, engine: Engine) -> anyhow::Result<()> {
        let form = self.on.iter().find(|(on, _)| *on == engine);
        let (_, run) = form.ok_or_else(|| engine.is_missing())?;
        let (tally, right) = (run()?, self.naive);
        anyhow::ensure!(tally == right, "{tally:?} instead of {right:?} on {}", engine.name());
        Ok(())
    }

    /// Holds every form against the naive one.
    #[cfg(test)]
    pub(crate) fn check(&self, workers: usize) {
        for (engine, run) in &self.on {
            assert_eq!(run().unwrap(), self.naive, "{engine:?}, {workers} workers");
        }
    }
}

/// What is counted, and the rows that all forms have to give.
#[derive(Serialize)]
struct Subject<'a> {
    count: &'a str,
    words: usize,
    workers: usize,
    rows: u64,
    checksum: String,
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, words, workers, rows, checksum } = self;
        write!(f, "{count}, {words} in memory, {workers} workers: {rows} rows, checksum {checksum}")
    }
}

/// What one run took.
#[derive(Serialize)]
struct Figures<'a> {
    #[serde(flatten)]
    subject: &'a Subject<'a>,
    engine: String,
    seconds: f64,
    cpu_seconds: f64,
    nanoseconds_per_word: f64,
}

/// Runs the forms that are asked for, each held against the naive one.
pub(crate) fn run_forms(name: &str, options: &Options, forms: &Forms<'_>) -> anyhow::Result<()> {
    let subject = Subject {
        count: name,
        words: options.words,
        workers: options.workers,
        rows: forms.naive.rows,
        checksum: format!("{:016x}", forms.naive.checksum),
    };
    if options.compare.is_empty() {
        return run_once(&subject, options, forms);
    }
    let engines = (options.engine, options.compare.as_slice());
    let run = |engine| forms.run(engine);
    let comparison = Comparison::of_engines(options.words, options.rounds, engines, run)?;
    comparison.print(&subject, options.json)
}

#[allow(clippy::print_stdout, reason = "the figures are this program's output")]
fn run_once(subject: &Subject<'_>, options: &Options, forms: &Forms<'_>) -> anyhow::Result<()> {
    let (taken, ran) = measure(|| forms.run(options.engine));
    ran?;
    let (seconds, cpu_seconds) = (taken.wall.as_secs_f64(), taken.cpu.as_secs_f64());
    let nanoseconds_per_word = seconds * 1e9 / options.words as f64;
    let engine = options.engine.name();
    let figures = Figures { subject, engine, seconds, cpu_seconds, nanoseconds_per_word };
    match options.json {
        true => println!("{}", serde_json::to_string(&figures)?),
        false => println!(
            "{subject}\n  on {}: {seconds:.3} s, {nanoseconds_per_word:.1} ns each, \
             {cpu_seconds:.3} s of processor time",
            figures.engine
        ),
    }
    Ok(())
}
