//! `nexmark QUERY`: runs a query once and says what that took, or engines in turn.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rheos::engine::Processes;
use rheos::prelude::{Config, JobArgs};

use super::events::Extent;
use super::figures::{Compared, Figures, Subject, reset_peak_memory};
use super::query::{Selection, Versions};
use super::version::{Prepared, Supply};
use crate::compare::measure;
use crate::comparison::Comparison;
use crate::engine::Engine;

/// Which query, on which events, on how many workers.
#[derive(Args)]
pub(crate) struct Options {
    /// The query, q0 to q22, or all
    #[arg(value_parser = Selection::parse)]
    query: Selection,
    /// Events in a run
    #[arg(long, default_value_t = 10_000_000)]
    events: usize,
    /// What events hold: all, or only what the query reads
    #[arg(long, default_value = "lean")]
    events_form: EventsForm,
    /// Where events come from: made before the clock starts, or while the job runs
    #[arg(long, default_value = "memory")]
    source: SourceMode,
    /// Generated events a second, over all workers; as many as the job takes unless set
    #[arg(long, value_name = "R")]
    rate: Option<f64>,
    /// A folder for the final rows; with all queries one in it for each
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print a line of JSON a run
    #[arg(long)]
    json: bool,
    /// What runs it
    #[arg(long, default_value = "rheos")]
    engine: Engine,
    /// Run also these engines, in turn, and print the ratios of the times to each of theirs
    #[arg(long, value_name = "ENGINES", value_delimiter = ',', conflicts_with = "output")]
    compare: Vec<Engine>,
    /// Rounds of a comparison that count
    #[arg(long, default_value_t = 7, requires = "compare")]
    rounds: usize,
    /// Hold the rows against the naive version's, as comparisons always do
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    job: JobArgs,
}

/// What events hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventsForm {
    /// As the generator makes them
    Full,
    /// Without the texts that the query does not compute with
    Lean,
}

/// Where events come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SourceMode {
    /// Generated while the job runs
    Generated,
    /// Made before the clock starts
    Memory,
}

/// Runs what was asked for.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let config = options.job.clone().into_config()?;
    let processes = match &config.processes {
        Processes::One => 1,
        Processes::Local(count) => *count,
        Processes::Hosts { hosts, .. } => hosts.len(),
    };
    anyhow::ensure!(
        processes == 1 || options.query.0.len() == 1 && options.compare.is_empty(),
        "several processes run one query, once: the others of them end with it"
    );
    let extent = Extent { events: options.events, workers: config.workers * processes };
    let supply = match (options.source, options.rate) {
        (SourceMode::Memory, None) => Supply::Memory,
        (SourceMode::Memory, Some(_)) => anyhow::bail!("a rate is for --source generated"),
        (SourceMode::Generated, Some(rate)) if !(rate > 0.0 && rate.is_finite()) => {
            anyhow::bail!("a rate is a positive number of events a second, not {rate}")
        }
        (SourceMode::Generated, rate) => Supply::Generated(rate),
    };
    for query in &options.query.0 {
        let Versions { lean, full } = query.versions();
        let version = match options.events_form {
            EventsForm::Lean => lean,
            EventsForm::Full => full,
        };
        reset_peak_memory();
        let prepared = version.prepare(extent, supply);
        let subject = Subject {
            query: query.name(),
            engine: options.engine,
            form: options.events_form,
            source: options.source,
            extent,
        };
        match options.compare.is_empty() {
            true => run_once(options, &subject, &config, &*prepared)?,
            false => compare(options, &subject, &config, &*prepared)?,
        }
    }
    Ok(())
}

fn run_once(
    options: &Options,
    subject: &Subject,
    config: &Config,
    prepared: &dyn Prepared,
) -> anyhow::Result<()> {
    let folder = match (&options.output, options.query.0.as_slice()) {
        (Some(folder), [_]) => Some(folder.clone()),
        (Some(folder), _) => Some(folder.join(&subject.query)),
        (None, _) => None,
    };
    let run = || prepared.run(options.engine, config.clone(), folder.as_deref());
    let (taken, tally) = measure(run);
    let Some(tally) = tally? else { return Ok(()) };
    let figures = Figures::new(subject, taken, tally);
    if options.check {
        prepared.expected().check(tally)?;
    }
    figures.print(options.json);
    Ok(())
}

fn compare(
    options: &Options,
    subject: &Subject,
    config: &Config,
    prepared: &dyn Prepared,
) -> anyhow::Result<()> {
    let expected = prepared.expected();
    let engines = (options.engine, options.compare.as_slice());
    let run = |engine| match prepared.run(engine, config.clone(), None)? {
        Some(tally) => expected.check(tally),
        // The generator alone gives no rows.
        None => Ok(()),
    };
    let comparison = Comparison::of_engines(options.events, options.rounds, engines, run)?;
    comparison.print(&Compared::new(subject, expected.tally), options.json)
}
