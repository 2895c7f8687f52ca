//! What is done in a run: everything follows from its seed.

use std::fmt;
use std::time::Duration;

use rheos::prelude::Random;

use super::fault::{Action, Fault, Place, Sight, Whom};
use super::workloads::Workload;

/// Records a second of a job under torture.
const RATE: u64 = 6_000;

/// Milliseconds of input for each start of a job.
const INPUT_A_START: u64 = 450;

/// No more places than this are numbered.
const PLACES_MOST: u64 = 1_000;

/// Workers a process, and processes. All first starts have at most six workers, see `LANES`.
const LAYOUTS: [Layout; 10] = [
    Layout::new(1, 1),
    Layout::new(2, 1),
    Layout::new(3, 1),
    Layout::new(4, 1),
    Layout::new(5, 1),
    Layout::new(1, 2),
    Layout::new(2, 2),
    Layout::new(1, 3),
    Layout::new(1, 4),
    Layout::new(1, 5),
];
/// The layouts from this one on have several processes.
const SEVERAL: usize = 5;

/// How a job is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) workers: usize,
    pub(super) processes: usize,
}

impl Layout {
    const fn new(workers: usize, processes: usize) -> Self {
        Self { workers, processes }
    }
}

/// A start of the job and what is done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Episode {
    pub(super) layout: Layout,
    /// Between checkpoints.
    pub(super) interval: Duration,
    pub(super) fault: Fault,
    /// Whether user code that was broken has been repaired.
    pub(super) is_repaired: bool,
}

/// A run: a job that is started again after each fault, until it comes to its end.
#[derive(Clone)]
pub(super) struct Script {
    pub(super) seed: u64,
    pub(super) workload: Workload,
    pub(super) records: u64,
    pub(super) rate: f64,
    pub(super) episodes: Vec<Episode>,
    /// Whether the job is started again when it has come to its end.
    pub(super) starts_after_its_end: bool,
}

impl Script {
    /// The run with this seed: of the workloads, and with the named places, whose turn it is.
    pub(super) fn new(seed: u64, workloads: &[Workload], places: &[&str]) -> Self {
        let mut random = Random::new(seed);
        let workload = workloads[(seed % workloads.len() as u64) as usize];
        let starts = 4 + random.below(4);
        let mut episodes: Vec<Episode> = (0..starts)
            .map(|start| {
                // Neighbouring seeds take their turns at the places, so that all have theirs.
                let turn = (seed.wrapping_mul(3).wrapping_add(start)) as usize;
                let place = places.get(turn % places.len().max(1)).copied();
                let is_repaired = !workload.is_poisoned || start >= starts / 2;
                episode(&mut random, place, is_repaired)
            })
            .collect();
        let fault = if workload.feed.is_some() { Fault::Drain } else { Fault::Nothing };
        episodes.push(Episode { fault, ..episode(&mut random, None, true) });
        let starts_after_its_end = random.chance(0.3);
        let records = RATE * INPUT_A_START * (starts + 1) / 1_000;
        if starts_after_its_end {
            episodes.push(Episode { fault: Fault::Nothing, ..episode(&mut random, None, true) });
        }
        let rate = RATE as f64;
        Self { seed, workload, records, rate, episodes, starts_after_its_end }
    }

    /// A run in which something happens at one place, the first time that a job comes there: the
    /// one with this number among all.
    pub(super) fn at_place(
        seed: u64,
        workloads: &[Workload],
        number: usize,
        name: &str,
        action: Action,
    ) -> Self {
        let mut random = Random::new(seed.wrapping_mul(PLACES_MOST).wrapping_add(number as u64));
        let turn = seed.wrapping_add(number as u64) % workloads.len() as u64;
        let workload = workloads[turn as usize];
        let place = Fault::Place(Place { name: name.to_owned(), time: 1, action, process: 0 });
        let ends = if workload.feed.is_some() { Fault::Drain } else { Fault::Nothing };
        // Only the first start on a folder writes down whose it is; to other places a job comes
        // also when it continues, and to some only then.
        let faults = if name.starts_with("job-") {
            vec![place, ends]
        } else {
            let whom = Whom::Everybody;
            let killed = Fault::KillAtCut { whom, sight: Sight::Latest, after: Duration::ZERO };
            vec![killed, place, ends]
        };
        let records = RATE * INPUT_A_START * faults.len() as u64 / 1_000;
        let start = |fault| Episode { fault, ..episode(&mut random, None, true) };
        let episodes = faults.into_iter().map(start).collect();
        let rate = RATE as f64;
        Self { seed, workload, records, rate, episodes, starts_after_its_end: false }
    }
}

fn episode(random: &mut Random, place: Option<&str>, is_repaired: bool) -> Episode {
    let several = SEVERAL..LAYOUTS.len();
    let fault = fault(random, place);
    let needs_several = matches!(
        fault,
        Fault::Kill { whom: Whom::Other | Whom::First, .. }
            | Fault::KillAtCut { whom: Whom::Other, .. }
            | Fault::Freeze { whom: Whom::Other, .. }
    );
    let layouts = if needs_several || random.chance(0.3) { several } else { 0..SEVERAL };
    let layout = *random.pick(&LAYOUTS[layouts]);
    let fault = match fault {
        Fault::Place(place) => {
            let processes = if is_of_the_first(&place.name) { 1 } else { layout.processes };
            let process = random.below(processes as u64) as usize;
            Fault::Place(Place { process, ..place })
        }
        fault => fault,
    };
    let interval = Duration::from_millis(*random.pick(&[40, 80, 150, 300]));
    Episode { layout, interval, fault, is_repaired }
}

/// Whether only the first process comes to a place.
fn is_of_the_first(place: &str) -> bool {
    ["job-", "manifest-", "latest-", "remove-", "recover-"].iter().any(|of| place.starts_with(of))
}

/// Half of all faults fall between a cut and its commit, or try to.
fn fault(random: &mut Random, place: Option<&str>) -> Fault {
    let after = millis(random, 20, 500);
    match random.below(100) {
        0..35 => kill_at_cut(random),
        35..52 => match place {
            Some(name) => Fault::Place(at_place(random, name)),
            None => kill_at_cut(random),
        },
        52..64 => Fault::Kill { whom: Whom::Everybody, after },
        64..68 => Fault::Kill { whom: Whom::First, after },
        68..74 => Fault::Kill { whom: Whom::Other, after },
        74..76 => Fault::SmallFiles { blocks: 8 + random.below(120) },
        76..77 => Fault::Rival { after },
        77..79 => Fault::Supervised { after },
        79..84 => Fault::KillRestoring { after: millis(random, 1, 120) },
        84..87 => {
            let length = millis(random, 100, 600);
            Fault::Freeze { whom: Whom::First, after, length }
        }
        87..90 => {
            let length = millis(random, 100, 5_000);
            Fault::Freeze { whom: Whom::Other, after, length }
        }
        90..94 => Fault::Panic { record: 1 + random.below(RATE / 2) },
        _ => Fault::Stop { after },
    }
}

fn kill_at_cut(random: &mut Random) -> Fault {
    let whom = *random.pick(&[Whom::Everybody, Whom::Everybody, Whom::First, Whom::Other]);
    let sight = *random.pick(&[Sight::State, Sight::State, Sight::Manifest, Sight::Latest]);
    let after = Duration::from_micros(random.below(4_000));
    Fault::KillAtCut { whom, sight, after }
}

fn at_place(random: &mut Random, name: &str) -> Place {
    let action = match random.below(100) {
        0..55 => Action::Kill,
        55..68 => Action::Error,
        68..82 => Action::Full,
        82..91 => Action::Panic,
        _ => Action::Pause,
    };
    // Of most places the first times are passed soon; at those of a start or an end there is one.
    let is_once = ["job-", "recover-", "end-", "finish-"].iter().any(|once| name.starts_with(once));
    let time = if is_once || random.chance(0.5) { 1 } else { 1 + random.below(4) };
    Place { name: name.to_owned(), time, action, process: 0 }
}

fn millis(random: &mut Random, least: u64, below: u64) -> Duration {
    Duration::from_micros(1_000 * least + random.below(1_000 * (below - least)))
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, workload, records, rate, episodes, starts_after_its_end } = self;
        writeln!(f, "seed {seed}: {}, {records} records, {rate} a second", workload.name)?;
        if *starts_after_its_end {
            writeln!(f, "  it is started also when it has come to its end")?;
        }
        for (number, episode) in episodes.iter().enumerate() {
            let Episode { layout: Layout { workers, processes }, interval, fault, .. } = episode;
            let repaired = if episode.is_repaired { "" } else { ", poisoned" };
            writeln!(
                f,
                "  start {number}: {processes} processes of {workers} workers, a checkpoint every \
                 {interval:?}{repaired}: {fault}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PLACES: [&str; 3] = ["here", "there", "elsewhere"];

    fn script(seed: u64) -> Script {
        Script::new(seed, &Workload::ALL, &PLACES)
    }

    #[test]
    fn a_seed_says_everything() {
        for seed in [0, 1, u64::MAX] {
            assert_eq!(script(seed).to_string(), script(seed).to_string());
            assert_ne!(script(seed).to_string(), script(seed ^ 1).to_string());
        }
    }

    #[test]
    fn everything_has_its_turn() {
        let scripts: Vec<Script> = (0..400).map(script).collect();
        let episodes = || scripts.iter().flat_map(|script| &script.episodes);
        let workloads: BTreeSet<&str> = scripts.iter().map(|s| s.workload.name).collect();
        assert_eq!(workloads.len(), Workload::ALL.len());
        let kinds: BTreeSet<&str> = episodes().map(|episode| episode.fault.kind()).collect();
        assert_eq!(kinds.len(), 18, "{kinds:?}");
        let places: BTreeSet<&str> = episodes()
            .filter_map(|episode| match &episode.fault {
                Fault::Place(place) => Some(place.name.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(places.len(), PLACES.len());
        let totals: BTreeSet<usize> =
            episodes().map(|episode| episode.layout.workers * episode.layout.processes).collect();
        assert_eq!(totals, (1..=5).collect());
    }

    #[test]
    fn a_place_is_come_to_before_the_run_ends() {
        for (number, name) in ["job-here", "there"].into_iter().enumerate() {
            for action in Action::ALL {
                let script = Script::at_place(3, &Workload::ALL, number, name, action);
                let is_there = |episode: &Episode| {
                    matches!(&episode.fault, Fault::Place(place)
                        if place.name == name && place.action == action)
                };
                // A checkpoint folder is claimed by the first start and by no other.
                assert_eq!(script.episodes.iter().position(is_there), Some(number), "{script}");
                assert!(script.episodes.len() > number + 1, "{script}");
            }
        }
    }

    #[test]
    fn three_kills_in_ten_are_aimed_between_a_cut_and_its_commit() {
        let scripts: Vec<Script> = (0..200).map(script).collect();
        let faults = || scripts.iter().flat_map(|script| &script.episodes).map(|e| &e.fault);
        let aimed = faults().filter(|fault| matches!(fault, Fault::KillAtCut { .. })).count();
        let at_random =
            |fault: &&Fault| matches!(fault, Fault::Kill { .. } | Fault::KillRestoring { .. });
        let kills = aimed + faults().filter(at_random).count();
        assert!(10 * aimed >= 4 * kills, "{aimed} of {kills}");
    }

    #[test]
    fn the_last_start_is_left_alone_and_a_poisoned_program_is_repaired_in_time() {
        for script in (0..50).map(script) {
            let last = script.episodes.last().unwrap();
            let is_left_alone = matches!(last.fault, Fault::Nothing | Fault::Drain);
            assert!(last.is_repaired && is_left_alone, "{script}");
            let is_poisoned = script.episodes.iter().any(|episode| !episode.is_repaired);
            assert_eq!(is_poisoned, script.workload.is_poisoned, "{script}");
        }
    }
}
