//! Runs things in turn and compares their times.

use std::fmt;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// How long a run took: by the clock and in processor time over all threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

/// Runs `work` once and measures it.
pub(crate) fn measure<R>(work: impl FnOnce() -> R) -> (Taken, R) {
    let (began, cpu) = (Instant::now(), cpu_time());
    let result = work();
    (Taken { wall: began.elapsed(), cpu: cpu_time().saturating_sub(cpu) }, result)
}

/// The processor time so far, of this process and of those that it has started and waited for.
fn cpu_time() -> Duration {
    cpu_time_of_this() + cpu_time_of_children()
}

/// User and system time of all threads, in nanoseconds.
fn cpu_time_of_this() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("a process has not run for less than no time")
}

/// As the kernel counts it for them, in hundredths of a second (`USER_HZ`).
fn cpu_time_of_children() -> Duration {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The fields behind the command's name, which may hold spaces: cutime and cstime are 16 and 17.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks: f64 = fields.split(' ').skip(13).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    Duration::from_secs_f64(ticks / TICKS_PER_SECOND)
}

/// One thing to measure.
pub(crate) struct Side<'a> {
    pub(crate) name: &'a str,
    pub(crate) work: Box<dyn FnMut() -> anyhow::Result<()> + 'a>,
}

impl<'a> Side<'a> {
    pub(crate) fn new(name: &'a str, work: impl FnMut() -> anyhow::Result<()> + 'a) -> Self {
        Self { name, work: Box::new(work) }
    }
}

/// Middle and spread of some numbers.
#[derive(Serialize)]
pub(crate) struct Spread {
    median: f64,
    least: f64,
    most: f64,
    /// In the order in which they came.
    rounds: Vec<f64>,
}

impl Spread {
    pub(crate) fn of(rounds: Vec<f64>) -> Self {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let (median, least, most) = (sorted[sorted.len() / 2], sorted[0], sorted[sorted.len() - 1]);
        Self { median, least, most, rounds }
    }

    /// Of how many times as long one took as another, by the pairs of a round.
    pub(crate) fn of_ratios(one: &[Taken], another: &[Taken], of: fn(&Taken) -> f64) -> Self {
        // A run takes longer than the clocks are fine; this only keeps infinity out.
        let pairs = one.iter().zip(another).map(|(one, another)| of(one) / of(another).max(1e-9));
        Self::of(pairs.collect())
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, least, most, .. } = self;
        let digits = f.precision().unwrap_or(3);
        write!(f, "{median:.digits$} ({least:.digits$} to {most:.digits$})")
    }
}

/// Runs all sides in turn, `rounds` times after one round that does not count, and prints the
/// times of each and the ratios of the first side to each of the others.
pub(crate) fn in_turn(rounds: usize, sides: Vec<Side<'_>>) -> anyhow::Result<()> {
    let taken = run_in_turn(rounds, sides)?;
    print_seconds(&taken);
    print_ratios(&taken);
    Ok(())
}

/// As [`in_turn`], for sides that go through so many `records` each: prints also what one costs.
pub(crate) fn in_turn_over(
    records: usize,
    rounds: usize,
    sides: Vec<Side<'_>>,
) -> anyhow::Result<()> {
    let taken = run_in_turn(rounds, sides)?;
    print_seconds(&taken);
    print_nanoseconds(&taken, records);
    print_ratios(&taken);
    Ok(())
}

/// The name of a side and what its rounds took.
pub(crate) type Rounds<'a> = (&'a str, Vec<Taken>);

/// Runs all sides in turn, `rounds` times after one round that does not count.
pub(crate) fn run_in_turn(
    rounds: usize,
    mut sides: Vec<Side<'_>>,
) -> anyhow::Result<Vec<Rounds<'_>>> {
    let mut taken: Vec<Rounds<'_>> = sides.iter().map(|side| (side.name, Vec::new())).collect();
    for round in 0..=rounds {
        for (side, (_, times)) in sides.iter_mut().zip(&mut taken) {
            let (time, result) = measure(|| (side.work)());
            result?;
            if round > 0 {
                times.push(time);
            }
        }
    }
    Ok(taken)
}

/// Seconds by the clock.
pub(crate) fn wall(time: &Taken) -> f64 {
    time.wall.as_secs_f64()
}

/// Seconds of processor time.
pub(crate) fn cpu(time: &Taken) -> f64 {
    time.cpu.as_secs_f64()
}

#[allow(clippy::print_stdout, reason = "the table is this program's output")]
fn print_seconds(taken: &[Rounds<'_>]) {
    for (name, times) in taken {
        let walls = Spread::of(times.iter().map(wall).collect());
        let cpus = Spread::of(times.iter().map(cpu).collect());
        println!("{name:<28} wall s {walls}   cpu s {cpus}");
    }
}

#[allow(clippy::print_stdout, reason = "the table is this program's output")]
fn print_nanoseconds(taken: &[Rounds<'_>], records: usize) {
    for (name, times) in taken {
        let each = times.iter().map(|time| wall(time) * 1e9 / records as f64);
        println!("{name:<28} ns a record {}", Spread::of(each.collect()));
    }
}

#[allow(clippy::print_stdout, reason = "the table is this program's output")]
fn print_ratios(taken: &[Rounds<'_>]) {
    let Some(((first, first_times), others)) = taken.split_first() else { return };
    for (name, times) in others {
        let [walls, cpus] = [wall, cpu].map(|of| Spread::of_ratios(times, first_times, of));
        println!(
            "{name} takes {walls} times the wall time and {cpus} times the cpu time of {first}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_middle_and_both_ends() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0]);
        assert_eq!(spread.to_string(), "2.000 (1.000 to 3.000)");
        assert_eq!(spread.rounds, [3.0, 1.0, 2.0]);
    }

    #[test]
    fn processor_time_is_counted_more_finely_than_in_hundredths() {
        let (taken, sum) = measure(|| (0..2_000_000u64).fold(0, |sum, n| sum ^ (sum << 1) ^ n));
        assert_ne!(sum, 1);
        assert!(taken.cpu > Duration::ZERO, "{taken:?}");
        assert_ne!(taken.cpu.as_millis() * 1_000_000, taken.cpu.as_nanos(), "{taken:?}");
    }
}
