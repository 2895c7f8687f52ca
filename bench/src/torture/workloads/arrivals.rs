//! Input that arrives while the job runs, and while it does not: a file that grows and is rotated,
//! and a folder that fills. The job has no end of its own; it is drained when all has arrived.

use std::fs::{self, File};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rheos::prelude::*;

use super::super::judge::Judge;
use super::super::task::Task;
use super::Workload;

pub(super) const WORKLOAD: Workload = Workload {
    write_input: |task| Ok(fs::create_dir_all(task.input().join("drop"))?),
    feed: Some(feed),
    ..Workload::new("arrivals", &["log", "files"], build, judge)
};

/// Lines in each file that falls into the folder.
const LINES: u64 = 150;
/// Lines are appended so many at a time.
const AT_ONCE: u64 = 30;

/// Line `index` of the log.
fn logged(index: u64) -> String {
    format!("line {index}")
}

/// Line `line` of file `file`.
fn filed(file: u64, line: u64) -> String {
    format!("{file} {line}")
}

/// Half of the records are lines of the log.
fn log_lines(task: &Task) -> u64 {
    task.records / 2
}

/// The others are in so many files.
fn files(task: &Task) -> u64 {
    (task.records - log_lines(task)).div_ceil(LINES)
}

/// Lets everything arrive at the rate, unless it is told to leave.
fn feed(task: &Task, is_over: &AtomicBool) -> anyhow::Result<()> {
    let (log, drop) = (task.input().join("service.log"), task.input().join("drop"));
    let lines = log_lines(task);
    let began = Instant::now();
    let mut file = File::create(&log)?;
    let (mut files_made, mut is_rotated) = (0, false);
    for first in (0..lines).step_by(AT_ONCE as usize) {
        // Once, since a reader that was away knows only the file that it was reading and the one
        // that has its name now; and not before it has begun to read.
        if !is_rotated && first >= lines / 2 && has_published(task) {
            is_rotated = true;
            fs::rename(&log, task.input().join("service.log.1"))?;
            file = File::create(&log)?;
        }
        let text: Vec<String> = (first..lines.min(first + AT_ONCE)).map(logged).collect();
        writeln!(file, "{}", text.join("\n"))?;
        while files_made < files(task) * (first + AT_ONCE) / lines.max(1) {
            let text: Vec<String> = (0..LINES).map(|line| filed(files_made, line)).collect();
            let name = format!("{files_made}.txt");
            fs::write(drop.join(format!(".{name}")), text.join("\n") + "\n")?;
            fs::rename(drop.join(format!(".{name}")), drop.join(&name))?;
            files_made += 1;
        }
        let due = Duration::from_secs_f64(2.0 * first as f64 / task.rate.max(1.0));
        while task.rate > 0.0 && began.elapsed() < due {
            if is_over.load(Ordering::Acquire) {
                return Ok(());
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
    anyhow::ensure!(files_made >= files(task), "only {files_made} files have arrived");
    Ok(())
}

/// Whether a line of the log has been published, so that its reader has a durable position in it.
fn has_published(task: &Task) -> bool {
    let parts = fs::read_dir(task.output().join("log")).into_iter().flatten().flatten();
    parts.into_iter().any(|part| !part.file_name().to_string_lossy().starts_with('.'))
}

fn build(task: &Task, job: &Job) {
    let log = TextFiles::path(task.input().join("service.log")).follow();
    let files = TextFiles::folder(task.input().join("drop")).watch();
    task.probed(job.source(log).named("log")).sink(task.sink("log"));
    task.probed(job.source(files).named("files")).sink(task.sink("files"));
}

fn judge(task: &Task, judge: &mut Judge<'_>) {
    let log = judge.rows::<String>("log");
    let last_number = |line: &String| {
        line.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
    };
    judge.in_order("log", &log, |_| (), last_number);
    judge.same("log", log, (0..log_lines(task)).map(logged));
    let read = judge.rows::<String>("files");
    let file = |line: &String| line.split(' ').next().map(str::to_owned);
    judge.in_order("files", &read, file, last_number);
    let lines = |file| (0..LINES).map(move |line| filed(file, line));
    judge.same("files", read, (0..files(task)).flat_map(lines));
}
