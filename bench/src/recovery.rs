//! How long a job with much state takes to go on where it was: from the start of its process to a
//! record processed with the state that was restored, beside reading the same bytes with `cat`.

use std::cell::Cell;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use rheos::prelude::*;
use rheos::{cli::JobArgs, exit_code};

/// How much state there is, and how often it is restored.
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Keys, each with a text as its state
    #[arg(long, default_value_t = 10_000_000)]
    entries: u64,
    /// Bytes of each text
    #[arg(long, default_value_t = 88)]
    bytes: usize,
    /// Worker threads
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Times that the state is restored
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where the checkpoint is kept for that time [default: the folder for temporary files]
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// The job whose state it is.
#[derive(Args)]
pub(crate) struct JobOptions {
    #[arg(long)]
    entries: u64,
    #[arg(long)]
    bytes: usize,
    /// The state has been there before
    #[arg(long)]
    restored: bool,
    /// The file that is made once all keys are there, or once every worker has looked at one
    #[arg(long)]
    mark: PathBuf,
    #[command(flatten)]
    job: JobArgs,
}

/// The hidden command of this program that runs the job.
const JOB_COMMAND: &str = "recovery-job";
/// Nothing takes longer.
const AT_MOST: Duration = Duration::from_secs(600);
/// Records a second once all keys are there.
const RATE: f64 = 2_000.0;

#[allow(clippy::print_stdout, reason = "the figures are this program's output")]
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let folder = options.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = folder.join(format!("rheos-recovery-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    println!("{} keys with {} bytes each", options.entries, options.bytes);
    let began = Instant::now();
    build(options, &folder)?;
    let size = size(&folder.join("checkpoints"))?;
    println!("built and stored in {:.1?}: {} MB", began.elapsed(), size / 1_000_000);
    let (mut restored, mut read) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        read.push(cat(&folder.join("checkpoints"))?);
        restored.push(restore(options, &folder, round)?);
        println!("round {round}: cat {:.2?}, restored {:.2?}", read[round], restored[round]);
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let (restored, read) = (median(&mut restored), median(&mut read));
    println!("medians: restored {restored:.2?}, cat {read:.2?}: {:.2?} more", restored - read);
    fs::remove_dir_all(folder)?;
    Ok(())
}

/// Runs the job until all keys are there, and has it store them and stop.
fn build(options: &Options, folder: &Path) -> anyhow::Result<()> {
    let mark = folder.join("built");
    let mut job = start(options, folder, &mark, &[])?;
    wait_for(&mark, &mut job)?;
    let told = Command::new("kill").args(["-TERM", &job.id().to_string()]).status()?;
    anyhow::ensure!(told.success(), "cannot send SIGTERM");
    let status = job.wait()?;
    anyhow::ensure!(status.success(), "the job ended with {status}");
    Ok(())
}

/// The time from the start of the job to a record on every worker.
fn restore(options: &Options, folder: &Path, round: usize) -> anyhow::Result<Duration> {
    let mark = folder.join(format!("restored-{round}"));
    let began = Instant::now();
    let mut job = start(options, folder, &mark, &["--restored"])?;
    wait_for(&mark, &mut job)?;
    let taken = began.elapsed();
    // It takes no checkpoint before that: the next round restores the same one.
    job.kill()?;
    job.wait()?;
    Ok(taken)
}

/// The time of reading all files.
fn cat(folder: &Path) -> anyhow::Result<Duration> {
    let files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    let began = Instant::now();
    let status = Command::new("cat").args(files).stdout(File::create("/dev/null")?).status()?;
    anyhow::ensure!(status.success(), "cat ended with {status}");
    Ok(began.elapsed())
}

fn size(folder: &Path) -> anyhow::Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

fn start(options: &Options, folder: &Path, mark: &Path, more: &[&str]) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(JOB_COMMAND).args([
        format!("--entries={}", options.entries),
        format!("--bytes={}", options.bytes),
        format!("--workers={}", options.workers),
        // None but the one that it is told to take.
        "--checkpoint-every=1h".to_owned(),
    ]);
    command.arg("--checkpoint-dir").arg(folder.join("checkpoints")).arg("--mark").arg(mark);
    command.args(more);
    let log = File::create(mark.with_extension("log"))?;
    Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?)
}

fn wait_for(mark: &Path, job: &mut Child) -> anyhow::Result<()> {
    let deadline = Instant::now() + AT_MOST;
    while !mark.exists() {
        if let Some(status) = job.try_wait()? {
            let log = fs::read_to_string(mark.with_extension("log")).unwrap_or_default();
            anyhow::bail!("the job ended with {status}: {log}");
        }
        anyhow::ensure!(Instant::now() < deadline, "the job did not get there");
        std::thread::park_timeout(Duration::from_millis(1));
    }
    Ok(())
}

/// Runs the job and ends as programs do.
#[allow(clippy::print_stderr, reason = "as any program does")]
pub(crate) fn run_job(options: JobOptions) -> ExitCode {
    let result = remember(options);
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    exit_code(&result)
}

/// Remembers a text for each key, and looks at one after the other.
fn remember(options: JobOptions) -> Result<(), Error> {
    let JobOptions { entries, bytes, restored, mark, job: arguments } = options;
    let config = arguments.into_config()?;
    let is_done = match restored {
        false => Done::When(entries),
        true => Done::OnWorkers(config.workers),
    };
    let progress = Arc::new(Progress { done: is_done, mark, seen: AtomicU64::new(0) });
    let job = Job::new("recovery");
    let keys = Generator::new(|index| index).count(entries);
    let looks = Generator::seeded(1, move |random, _| random.below(entries)).rate_per_second(RATE);
    let keys = job.source(keys).named("keys").map(|key| (key, false));
    let looks = job.source(looks).named("looks").map(|key| (key, true));
    keys.union(looks)
        .keyed()
        .scan(String::new(), move |text, key, is_look| {
            if !is_look {
                *text = format!("{key:0bytes$}");
            }
            assert!(!restored || text.len() == bytes, "key {key} has no state");
            progress.see(is_look);
            None::<u64>
        })
        .sink(Null::new());
    job.run(config).map(drop)
}

/// When the mark is left.
enum Done {
    /// So many keys are there.
    When(u64),
    /// So many workers have looked at a key.
    OnWorkers(usize),
}

struct Progress {
    done: Done,
    mark: PathBuf,
    seen: AtomicU64,
}

impl Progress {
    fn see(&self, is_look: bool) {
        thread_local! {
            static HAS_LOOKED: Cell<bool> = const { Cell::new(false) };
        }
        let (counts, wanted) = match self.done {
            Done::When(keys) => (!is_look, keys),
            Done::OnWorkers(workers) => (!HAS_LOOKED.replace(true), workers as u64),
        };
        if counts && self.seen.fetch_add(1, Ordering::Relaxed) + 1 == wanted {
            // Whoever waits for a mark that cannot be written gives up by itself.
            let _ = File::create(&self.mark);
        }
    }
}
