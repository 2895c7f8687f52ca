//! Runs things in turn and compares their times.

use std::fmt;
use std::time::{Duration, Instant};

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

/// The processor time of this process so far: user and system, all threads.
fn cpu_time() -> Duration {
    /// The kernel counts in hundredths of a second (`USER_HZ`).
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The fields behind the command's name, which may hold spaces: utime and stime are 14 and 15.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks: f64 = fields.split(' ').skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
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
struct Spread(Vec<f64>);

impl Spread {
    fn of(mut numbers: Vec<f64>) -> Self {
        numbers.sort_by(f64::total_cmp);
        Self(numbers)
    }

    fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (self.0[0], self.0[self.0.len() - 1]);
        write!(f, "{:.3} ({least:.3} to {most:.3})", self.median())
    }
}

/// Runs all sides in turn, `rounds` times after one round that does not count, and prints the
/// times of each and the ratios of the first side to each of the others.
#[allow(clippy::print_stdout, reason = "the table is this program's output")]
pub(crate) fn in_turn(rounds: usize, mut sides: Vec<Side<'_>>) -> anyhow::Result<()> {
    let mut taken: Vec<Vec<Taken>> = vec![Vec::new(); sides.len()];
    for round in 0..=rounds {
        for (side, times) in sides.iter_mut().zip(&mut taken) {
            let (time, result) = measure(|| (side.work)());
            result?;
            if round > 0 {
                times.push(time);
            }
        }
    }
    let wall = |time: &Taken| time.wall.as_secs_f64();
    let cpu = |time: &Taken| time.cpu.as_secs_f64();
    for (side, times) in sides.iter().zip(&taken) {
        let walls = Spread::of(times.iter().map(wall).collect());
        let cpus = Spread::of(times.iter().map(cpu).collect());
        println!("{:<28} wall s {walls}   cpu s {cpus}", side.name);
    }
    for (side, times) in sides.iter().zip(&taken).skip(1) {
        let ratio = |of: &dyn Fn(&Taken) -> f64| {
            let pairs = taken[0].iter().zip(times).map(|(a, b)| of(b) / of(a).max(1e-9));
            Spread::of(pairs.collect())
        };
        println!(
            "{} takes {} times the wall time and {} times the cpu time of {}",
            side.name,
            ratio(&wall),
            ratio(&cpu),
            sides[0].name
        );
    }
    Ok(())
}
