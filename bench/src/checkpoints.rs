//! What checkpoints cost: a windowed count with and without them, in turn; and how long processing
//! stands still for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rheos::engine::EventTime;
use rheos::engine::checkpoint::Checkpoints;
use rheos::prelude::*;

use crate::compare::{Side, in_turn_over};
use crate::gaps::{Gap, Gaps};

/// How many keys and records, how often a checkpoint is taken.
#[derive(Args)]
pub(crate) struct Options {
    /// Keys, each of which is counted in every window
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// Records in a run
    #[arg(long, default_value_t = 30_000_000)]
    records: u64,
    /// Milliseconds from one checkpoint to the next
    #[arg(long, default_value_t = 1_000)]
    every_ms: u64,
    /// Worker threads
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Rounds that count
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Where the checkpoints are kept for the time of a run [default: the folder for temporary
    /// files]
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// Windows in a run.
const WINDOWS: u64 = 3;
/// Milliseconds of event time in a run.
const DURATION: u64 = 30_000;

#[allow(clippy::print_stdout, reason = "the figures are this program's output")]
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let folder = options.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = folder.join(format!("rheos-checkpoints-{}", std::process::id()));
    let every = Duration::from_millis(options.every_ms);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let sides = vec![
        Side::new("without checkpoints", || {
            without.push(count(options, None)?);
            Ok(())
        }),
        Side::new("with checkpoints", || {
            with.push(count(options, Some((&folder, every)))?);
            Ok(())
        }),
    ];
    in_turn_over(options.records as usize, options.rounds, sides)?;
    for (name, runs) in [("without", &without), ("with", &with)] {
        // The first round does not count.
        let of = |gap: fn(&Gap) -> Duration| {
            let mut longest: Vec<Duration> = runs[1..].iter().map(gap).collect();
            longest.sort();
            (longest[longest.len() / 2], longest[longest.len() - 1])
        };
        let (wall, own) = (of(|gap| gap.wall), of(|gap| gap.own));
        println!(
            "longest pause of a worker in a run {name} checkpoints: median {:.1?}, longest {:.1?}; \
             not counting the time in which it waited for a core: {:.1?}, {:.1?}",
            wall.0, wall.1, own.0, own.1
        );
    }
    Ok(())
}

/// Runs the job, and gives the gaps of its workers.
fn count(options: &Options, checkpoints: Option<(&Path, Duration)>) -> anyhow::Result<Gap> {
    let (keys, records) = (options.keys, options.records);
    let gaps = Arc::new(Gaps::new());
    let probe = Arc::clone(&gaps);
    let (sink, counted) = collect();
    let job = Job::new("checkpoints");
    job.source(
        Generator::seeded(1, move |random, index| (random.below(keys), index * DURATION / records))
            .count(records),
    )
    .map_batch(move |batch| {
        probe.pass();
        batch
    })
    .event_time(|record| EventTime::from_millis(record.1 as i64), Watermarks::monotone())
    .map(|record| record.0)
    .key_by_self()
    .window(Windows::tumbling(Duration::from_millis(DURATION / WINDOWS)))
    .count()
    .drop_late()
    .map(|pane| pane.value)
    .sum()
    .at_end()
    .sink(sink);
    let config = Config::default().workers(options.workers);
    let config = match checkpoints {
        Some((folder, every)) => {
            // A folder in which a job has finished gives the next one nothing to do.
            let _ = std::fs::remove_dir_all(folder);
            config.checkpoint_to(Checkpoints::to(folder).every(every))
        }
        None => config,
    };
    job.run(config)?;
    if let Some((folder, _)) = checkpoints {
        std::fs::remove_dir_all(folder)?;
    }
    let counted = counted.into_vec()?;
    anyhow::ensure!(counted == [records], "{counted:?} records counted instead of {records}");
    Ok(gaps.longest())
}
