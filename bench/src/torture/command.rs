//! The campaign: runs by their seeds, their stories, and the figures at the end.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;

use super::fault::Action;
use super::life::{Life, live};
use super::script::Script;
use super::tally::Tally;
use super::task::Task;
use super::variants::Variant;
use super::workloads::Workload;

/// How much is done, and to what.
#[derive(Args)]
pub(crate) struct Options {
    /// Runs: a job that is started again after each fault, until it comes to its end
    #[arg(long, default_value_t = 20)]
    runs: u64,
    /// Goes on with further runs until so many processes have been killed
    #[arg(long, default_value_t = 0)]
    kills: u64,
    /// The seed of the first run; those after it have the numbers after it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Instead: a run for each thing that can happen at this named place of the protocol, or at
    /// `all` of them; fails unless all were come to
    #[arg(long, value_name = "NAME")]
    place: Option<String>,
    /// Only this workload
    #[arg(long)]
    workload: Option<String>,
    /// About a minute, for machines that check every change
    #[arg(long)]
    smoke: bool,
    /// Checkpoint folders that are damaged at random
    #[arg(long, default_value_t = 10_000)]
    damaged: u64,
    /// Breaks the engine on purpose in this way, or one after the other in `all` ways, and fails
    /// unless it is noticed
    #[arg(long, value_name = "VARIANT")]
    broken: Option<String>,
    /// Where runs have their folders; those of runs in which something is wrong stay
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Tells what is done in each run, and what happened
    #[arg(long)]
    verbose: bool,
}

/// A smoke campaign begins no further run after this.
const SMOKE: Duration = Duration::from_secs(50);

/// And damages so many checkpoint folders.
const SMOKE_DAMAGED: u64 = 200;

/// A broken variant must be noticed within so many runs.
const NOTICED_WITHIN: u64 = 40;

/// Runs a campaign.
///
/// # Errors
/// When something was wrong, or a broken variant was not noticed.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let campaign = Campaign::new(options)?;
    match options.broken.as_deref() {
        None => match &options.place {
            Some(name) => campaign.visit(name),
            None => campaign.run_all(),
        },
        Some("all") => Variant::ALL.iter().try_for_each(|variant| campaign.notice(variant)),
        Some(name) => campaign.notice(&Variant::named(name)?),
    }
}

struct Campaign<'a> {
    options: &'a Options,
    workloads: Vec<Workload>,
    places: &'static [&'static str],
    folder: PathBuf,
}

impl<'a> Campaign<'a> {
    fn new(options: &'a Options) -> anyhow::Result<Self> {
        let workloads = match &options.workload {
            Some(name) => vec![Workload::named(name)?],
            None => Workload::ALL.to_vec(),
        };
        let folder = options.folder.clone().unwrap_or_else(|| {
            std::env::temp_dir().join(format!("rheos-torture-{}", std::process::id()))
        });
        Ok(Self { options, workloads, places: super::places::places(), folder })
    }

    fn run_all(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut tally = Tally::default();
        for seed in self.options.seed.. {
            let is_enough = if self.options.smoke {
                began.elapsed() > SMOKE
            } else {
                tally.runs >= self.options.runs && tally.kills() >= self.options.kills
            };
            if is_enough {
                break;
            }
            let script = Script::new(seed, &self.workloads, self.places);
            let life = self.live(&script, None)?;
            tally.add(&format!("--runs 1 --seed {seed}"), &life);
        }
        say(&format!("{} in {:.0?}", tally.report(self.places), began.elapsed()));
        let damaged = if self.options.smoke { SMOKE_DAMAGED } else { self.options.damaged };
        say(&super::folders::check(self.options.seed, damaged)?);
        anyhow::ensure!(tally.is_clean(), "the job did not do what it promises");
        Ok(())
    }

    /// Comes to a named place, or to `all`, and lets everything happen there.
    fn visit(&self, name: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        let visited: Vec<&str> =
            self.places.iter().copied().filter(|place| [*place, "all"].contains(&name)).collect();
        anyhow::ensure!(
            !visited.is_empty(),
            "no place is called `{name}`; there are {}",
            self.places.join(", ")
        );
        let mut tally = Tally::default();
        for (place, action) in visited.iter().flat_map(|p| Action::ALL.map(|action| (*p, action))) {
            let number = self.places.iter().position(|other| *other == place).unwrap_or(0);
            let seed = self.options.seed + action as u64;
            let script = Script::at_place(seed, &self.workloads, number, place, action);
            let life = self.live(&script, None)?;
            if !life.places.iter().any(|been| been == place) {
                say(&format!("  nothing happened at {place} ({})", action.name()));
            }
            tally.add(&format!("--place {place} --seed {}", self.options.seed), &life);
        }
        say(&format!("{} in {:.0?}", tally.report(&visited), began.elapsed()));
        anyhow::ensure!(tally.is_clean(), "the job did not do what it promises");
        let missing = visited.iter().find(|place| !tally.has_been_at(place));
        anyhow::ensure!(missing.is_none(), "nothing happened at {missing:?}");
        Ok(())
    }

    /// Lives a run and tells about it.
    fn live(&self, script: &Script, broken: Option<&str>) -> anyhow::Result<Life> {
        if self.options.verbose {
            say(&script.to_string());
        }
        let began = Instant::now();
        let folder = self.folder.join(format!("run-{}", script.seed));
        let _ = fs::remove_dir_all(&folder);
        let Script { seed, records, rate, .. } = *script;
        let task = Task { seed, records, rate, folder: folder.clone(), repaired: true };
        let life = live(script, task, broken).with_context(|| format!("run {seed}"))?;
        if self.options.verbose || !life.findings.is_empty() {
            life.story.iter().for_each(|line| say(&format!("  {line}")));
        }
        let (name, kills) = (script.workload.name, life.kills.len());
        let verdict = if life.findings.is_empty() { "right" } else { "WRONG" };
        say(&format!(
            "run {seed}: {name}: {} starts, {kills} kills: {verdict} after {:.1?}",
            life.starts,
            began.elapsed()
        ));
        if life.findings.is_empty() || broken.is_some() {
            fs::remove_dir_all(&folder)?;
        } else {
            say(&format!("{}everything is in {}", life.findings, folder.display()));
        }
        Ok(life)
    }

    /// Runs a broken variant until somebody notices.
    fn notice(&self, variant: &Variant) -> anyhow::Result<()> {
        let workloads = variant
            .workloads
            .iter()
            .map(|name| Workload::named(name))
            .collect::<anyhow::Result<Vec<_>>>()?;
        for round in 0..NOTICED_WITHIN {
            let script = Script::new(self.options.seed + round, &workloads, self.places);
            let life = self.live(&script, Some(variant.name))?;
            if !life.findings.is_empty() {
                let first = life.findings.to_string();
                let first: Vec<&str> = first.lines().take(2).collect();
                let runs = round + 1;
                say(&format!("{}: noticed in run {runs}: {}", variant.name, first.join(" ")));
                return Ok(());
            }
        }
        anyhow::bail!("`{}` was not noticed in {NOTICED_WITHIN} runs", variant.name)
    }
}

#[allow(clippy::print_stdout, reason = "the report is this program's output")]
fn say(what: &str) {
    println!("{what}");
}
