//! A large file with broken lines: do the good and the dead add up, does memory stay bounded, and
//! what does the job say when it is told to fail?

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use rheos::prelude::*;
use serde::{Deserialize, Serialize};

/// How many lines, and how long the longest is.
#[derive(Args)]
pub(crate) struct Options {
    /// Lines, of which one in a hundred is broken
    #[arg(long, default_value_t = 1_000_000)]
    lines: u64,
    /// Megabytes of the one line that is far too long
    #[arg(long, default_value_t = 100)]
    longest: usize,
    /// Workers
    #[arg(long, default_value_t = 2)]
    workers: usize,
}

#[derive(Serialize, Deserialize)]
struct Order {
    id: u64,
    item: String,
}

#[allow(clippy::print_stdout, reason = "the figures are this program's output")]
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let path = std::env::temp_dir().join(format!("rheos-dead-letters-{}", std::process::id()));
    let (good, dead) = write(&path, options)?;
    let result = with_dead_letters(&path, options, good, dead);
    let refused = with_failure(&path, options);
    std::fs::remove_file(&path)?;
    result?;
    println!("{good} good and {dead} dead add up; peak memory {} MB", peak_megabytes()?);
    println!("told to fail, the job says: {}", refused?);
    Ok(())
}

fn write(path: &PathBuf, options: &Options) -> anyhow::Result<(u64, u64)> {
    let mut file = BufWriter::new(File::create(path)?);
    let (mut good, mut dead) = (0, 0);
    for id in 0..options.lines {
        if id == options.lines / 2 {
            let megabyte = vec![b'x'; 1 << 20];
            (0..options.longest).try_for_each(|_| file.write_all(&megabyte))?;
            file.write_all(b"\n")?;
            dead += 1;
        } else if id % 200 == 7 {
            writeln!(file, "{{\"id\":{id},\"item\":")?;
            dead += 1;
        } else if id % 200 == 107 {
            file.write_all(b"{\"id\":1,\"item\":\"\xff\xfe\"}\n")?;
            dead += 1;
        } else {
            writeln!(file, "{{\"id\":{id},\"item\":\"thing {}\"}}", id % 977)?;
            good += 1;
        }
    }
    file.flush()?;
    Ok((good, dead))
}

fn with_dead_letters(
    path: &PathBuf,
    options: &Options,
    good: u64,
    dead: u64,
) -> anyhow::Result<()> {
    let job = Job::new("dead letters");
    let (orders, letters) = job.source_with_dead_letters(JsonFiles::<Order>::path(path));
    let (orders_out, letters_out) = (Null::new(), Null::new());
    let (seen, set_aside) = (orders_out.dropped(), letters_out.dropped());
    orders.sink(orders_out);
    letters.sink(letters_out);
    job.run(Config::default().workers(options.workers))?;
    anyhow::ensure!(
        (seen.count(), set_aside.count()) == (good, dead),
        "{} good and {} dead came out of {good} and {dead}",
        seen.count(),
        set_aside.count()
    );
    Ok(())
}

fn with_failure(path: &PathBuf, options: &Options) -> anyhow::Result<String> {
    let job = Job::new("fails");
    job.source(JsonFiles::<Order>::path(path)).sink(Null::new());
    match job.run(Config::default().workers(options.workers)) {
        Ok(_) => anyhow::bail!("a job with broken lines did not fail"),
        Err(error) => Ok(error.to_string()),
    }
}

/// The most memory this process has had resident, as Linux counts it.
fn peak_megabytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.map(|kb| kb / 1024).ok_or_else(|| anyhow::anyhow!("no VmHWM in /proc/self/status"))
}
