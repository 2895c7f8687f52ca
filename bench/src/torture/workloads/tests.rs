//! Every workload agrees with its oracle in an undisturbed run, and every oracle finds what is
//! planted in the output.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rheos::prelude::*;

use super::super::finding::{Findings, Kind};
use super::super::reader::published_now;
use super::super::rows::Published;
use super::super::task::Task;
use super::Workload;

/// Records that are few enough for a test and so many that every sink has some rows.
const RECORDS: u64 = 3_000;

fn task(name: &str, seed: u64) -> Task {
    let folder = format!("torture-{name}-{seed}-{}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    let _ = fs::remove_dir_all(&folder);
    Task { seed, records: RECORDS, rate: 0.0, folder, repaired: true }
}

/// What a job publishes that nobody disturbs.
fn run(workload: &Workload, task: &Task, workers: usize) -> Published {
    task.make_folders().unwrap();
    (workload.write_input)(task).unwrap();
    // Small epochs, so that what is said at the end of each is said often.
    let limits = Limits { batch_records: 64, in_flight_bytes: 16 << 10, ..Limits::default() };
    let config = Config::default().workers(workers).limits(limits);
    match workload.feed {
        None => drop(workload.job(task).run(config).unwrap()),
        Some(feed) => {
            let handle = workload.job(task).start(config).unwrap();
            feed(task, &AtomicBool::new(false)).unwrap();
            // All that has arrived is read, and then the input is said to be over.
            while handle.metrics().records < task.records {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            handle.drain();
            handle.wait().unwrap();
        }
    }
    let (published, findings) = published_now(&task.output());
    assert!(findings.is_empty(), "{}: {findings}", workload.name);
    published
}

/// The task of a run with this seed, and what it publishes.
fn undisturbed(workload: &Workload, workers: usize, seed: u64) -> (Task, Published) {
    let task = task(workload.name, seed);
    let published = run(workload, &task, workers);
    fs::remove_dir_all(&task.folder).unwrap();
    (task, published)
}

#[test]
fn undisturbed_runs_agree_with_the_oracles() {
    for workload in &Workload::ALL {
        for (workers, seed) in [(1, 1), (3, 2)] {
            let (task, published) = undisturbed(workload, workers, seed);
            let findings = workload.judge(&task, &published);
            let name = workload.name;
            assert!(findings.is_empty(), "{name}, {workers} workers, seed {seed}: {findings}");
            for sink in workload.sinks.iter().filter(|sink| **sink != "late") {
                assert!(!published.parts(sink).is_empty(), "{name} writes nothing to {sink}");
            }
        }
    }
}

/// A change to the lines of a part.
type Plant = fn(&mut Vec<String>, usize);

fn lose(lines: &mut Vec<String>, at: usize) {
    lines.remove(at);
}

fn double(lines: &mut Vec<String>, at: usize) {
    lines.insert(at, lines[at].clone());
}

/// Changes a digit of a line.
#[allow(clippy::ptr_arg, reason = "one of several functions of this type")]
fn alter(lines: &mut Vec<String>, at: usize) {
    let place = lines[at].rfind(|c: char| c.is_ascii_digit()).unwrap();
    let other = if &lines[at][place..=place] == "7" { "8" } else { "7" };
    lines[at].replace_range(place..=place, other);
}

/// Plants something at a random line of a sink and lets the oracle look.
fn planted(
    workload: &Workload,
    task: &Task,
    published: &Published,
    sink: &str,
    (random, plant): (&mut Random, Plant),
) -> Findings {
    let mut published = published.clone();
    let parts = published.sinks.get_mut(sink).unwrap();
    let part = random.below(parts.len() as u64) as usize;
    let lines = &mut parts[part].lines;
    let at = random.below(lines.len() as u64) as usize;
    plant(lines, at);
    workload.judge(task, &published)
}

/// Sinks of which an undisturbed run may hold other values, so that one cannot be told from a change.
const OF_SOME_RUN: [(&str, &str); 2] = [("whole", "counts"), ("whole", "joined")];

#[test]
fn oracles_find_what_is_planted() {
    let mut random = Random::new(5);
    for workload in &Workload::ALL {
        let (task, published) = undisturbed(workload, 2, 3);
        for sink in workload.sinks.iter().filter(|sink| **sink != "late") {
            for (what, plant) in [("lose", lose as Plant), ("double", double), ("alter", alter)] {
                if what == "alter" && OF_SOME_RUN.contains(&(workload.name, *sink)) {
                    continue;
                }
                for round in 0..5 {
                    let plant = (&mut random, plant);
                    let findings = planted(workload, &task, &published, sink, plant);
                    let name = workload.name;
                    assert!(!findings.is_empty(), "{name}/{sink}: {what}, round {round}");
                }
            }
        }
    }
}

#[test]
fn oracles_of_ordered_rows_find_two_that_changed_places() {
    let ordered = [
        ("counters", "counted"),
        ("timers", "alive"),
        ("repetitions", "sorted"),
        ("whole", "ruled"),
        ("whole", "joined"),
        ("whole", "counts"),
        ("ledger", "booked"),
        ("ledger", "sums"),
        ("poison", "passed"),
        ("words", "lines"),
        ("arrivals", "log"),
    ];
    for (name, sink) in ordered {
        let workload = Workload::named(name).unwrap();
        let (task, mut published) = undisturbed(&workload, 1, 4);
        // With one worker there is one part, which is turned round.
        let [part] = published.sinks.get_mut(sink).unwrap().as_mut_slice() else {
            panic!("{name}/{sink} has several parts");
        };
        part.lines.reverse();
        let findings = workload.judge(&task, &published);
        assert!(findings.count(Kind::Reordered) > 0, "{name}/{sink}: {findings}");
    }
}

#[test]
fn a_poisoned_program_fails_as_user_code_until_it_is_repaired() {
    let workload = Workload::named("poison").unwrap();
    for seed in [6, 7] {
        let task = Task { repaired: false, ..task(workload.name, seed) };
        task.make_folders().unwrap();
        let failed = workload.job(&task).run(Config::default().workers(2)).unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::UserCode, "{failed}");
        fs::remove_dir_all(task.folder).unwrap();
    }
}
