//! Jobs that are stopped and restored, on other numbers of workers and processes: what their sinks
//! publish all in all is what an undisturbed run publishes.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rheos::engine::checkpoint::Checkpoints;
use rheos::prelude::*;

/// Records of a test job, and how many of them come in a second of a life that is stopped: it
/// cannot come to its end before.
const RECORDS: u64 = 40_000;
const A_SECOND: f64 = 4_000.0;

/// One life of a job: how it is run, and whether it is stopped once it has published something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) processes: usize,
    pub(crate) workers: usize,
    pub(crate) stops: bool,
}

/// Runs a life of a job that `build` makes. Its processes are threads of the test. Gives whether
/// the job came to its end.
pub(crate) fn live(life: Life, folder: &Path, build: &(impl Fn(&Job) + Sync)) -> bool {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    let mut hosts = vec![listener.local_addr().unwrap().to_string()];
    hosts.resize(life.processes, "127.0.0.1:0".to_owned());
    let checkpoints = Checkpoints::to(folder.join("checkpoints")).every(Duration::from_millis(20));
    let published = parts(folder).len();
    std::thread::scope(|scope| {
        let members: Vec<_> = (0..life.processes)
            .map(|process| {
                let mut config = Config::default().workers(life.workers);
                config = config.epoch(Duration::from_millis(5)).checkpoint_to(checkpoints.clone());
                if life.processes > 1 {
                    let hosts = hosts.clone();
                    config = config.processes(Processes::Hosts { hosts, process });
                    config.listener = (process == 0).then(|| Arc::clone(&listener));
                }
                scope.spawn(move || {
                    let job = Job::new("lives");
                    build(&job);
                    let handle = job.start(config).unwrap();
                    if life.stops && process == 0 {
                        while parts(folder).len() == published && !handle.is_over() {
                            std::thread::yield_now();
                        }
                        handle.stop();
                    }
                    handle.wait().unwrap().stopped
                })
            })
            .collect();
        let stopped: Vec<bool> = members.into_iter().map(|member| member.join().unwrap()).collect();
        !stopped[0]
    })
}

/// The names of what a job has published.
fn parts(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder.join("out")) else { return Vec::new() };
    let mut parts: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    parts.retain(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
    parts.sort();
    parts
}

/// The lines of what a job has published.
pub(crate) fn lines(folder: &Path) -> Vec<String> {
    let texts = parts(folder).into_iter().map(|path| std::fs::read_to_string(path).unwrap());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Which record of its key each record is.
fn count_by_key(job: &Job, folder: &Path, life: Life) {
    let numbers = Generator::new(|n| n).count(RECORDS);
    let numbers = if life.stops { numbers.rate_per_second(A_SECOND) } else { numbers };
    job.source(numbers)
        .key_by(|n| n % 13)
        .scan(0u64, |seen, key, _| {
            *seen += 1;
            Some(format!("{key} {seen}"))
        })
        .sink(FileSink::folder(folder.join("out"), Text));
}

/// Runs a life of the job that counts by key, and checks that it is stopped, or comes to its end.
fn live_counting(life: Life, folder: &Path) {
    let has_ended = live(life, folder, &|job| count_by_key(job, folder, life));
    assert_eq!(has_ended, !life.stops, "{life:?}");
    let published = lines(folder).len() as u64;
    assert_eq!(published == RECORDS, has_ended, "{life:?}: {published} rows");
}

#[test]
fn a_job_goes_on_where_it_stopped_whatever_the_number_of_workers() {
    let lives = [(1, 1), (1, 4), (2, 1), (1, 3), (2, 2), (1, 1)];
    let folder = tempfile::tempdir().unwrap();
    let mut expected: Vec<String> =
        (0..RECORDS).map(|n| format!("{} {}", n % 13, n / 13 + 1)).collect();
    expected.sort();
    let mut published = 0;
    for (processes, workers) in lives {
        live_counting(Life { processes, workers, stops: true }, folder.path());
        let rows = lines(folder.path()).len();
        assert!(rows > published, "each life goes on");
        published = rows;
    }
    let life = Life { processes: 1, workers: 2, stops: false };
    live_counting(life, folder.path());
    let mut rows = lines(folder.path());
    rows.sort();
    assert!(rows == expected, "{} rows of {}", rows.len(), expected.len());
    // A job that has finished has nothing left to do.
    live_counting(life, folder.path());
}

#[test]
fn every_number_of_workers_goes_on_from_every_other() {
    for before in 1..=5 {
        for after in 1..=5 {
            let folder = tempfile::tempdir().unwrap();
            let life = |workers, stops| Life { processes: 1, workers, stops };
            live_counting(life(before, true), folder.path());
            live_counting(life(after, false), folder.path());
            let mut rows = lines(folder.path());
            rows.sort();
            rows.dedup();
            assert_eq!(rows.len() as u64, RECORDS, "from {before} workers to {after}");
        }
    }
}

#[test]
fn a_folder_belongs_to_one_job_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let config = || {
        let checkpoints = Checkpoints::to(folder.path().join("checkpoints"));
        Config::default().workers(1).checkpoint_to(checkpoints)
    };
    let (sender, records) = channel::<u64>(4);
    let job = Job::new("lives");
    job.source(records).sink(Null::new());
    let first = job.start(config()).unwrap();
    let job = Job::new("lives");
    job.source(Collection::new(vec![1u64])).sink(Null::new());
    let refused = job.run(config()).unwrap_err();
    assert!(refused.to_string().contains("another job is running"), "{refused}");
    let control = first.control();
    control.checkpoint().unwrap();
    while control.metrics().checkpoints == 0 {
        std::thread::yield_now();
    }
    sender.finish();
    let report = first.wait().unwrap();
    let counted = (report.checkpoints, report.failed_checkpoints);
    assert_eq!(counted, (2, 0), "the one that was asked for and that of the end");
    let job = Job::new("another");
    job.source(Collection::new(vec![1u64])).sink(Null::new());
    let refused = job.run(config()).unwrap_err();
    assert!(refused.to_string().contains("belongs to the job `lives`"), "{refused}");
}

#[test]
fn state_is_not_lost_without_consent() {
    let folder = tempfile::tempdir().unwrap();
    live_counting(Life { processes: 1, workers: 2, stops: true }, folder.path());
    let checkpoints = || Checkpoints::to(folder.path().join("checkpoints"));
    let changed = |checkpoints| {
        let job = Job::new("lives");
        let numbers = job.source(Generator::new(|n| n).count(RECORDS));
        numbers
            .key_by(|n| n % 13)
            .scan((0u64, 0u64), |(seen, _), key, _| {
                *seen += 1;
                Some(format!("{key} {seen}"))
            })
            .sink(FileSink::folder(folder.path().join("out"), Text));
        job.run(Config::default().workers(2).checkpoint_to(checkpoints))
    };
    let before = lines(folder.path()).len();
    let refused = changed(checkpoints()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Usage);
    assert!(refused.to_string().contains("--allow-dropped-state"), "{refused}");
    assert_eq!(lines(folder.path()).len(), before, "nothing was touched");
    changed(checkpoints().allow_dropped_state()).unwrap();
    let rows = lines(folder.path());
    assert_eq!(rows.len() as u64, RECORDS, "no record is lost with the state");
    let firsts = rows.iter().filter(|row| row.ends_with(" 1")).count();
    assert_eq!(firsts, 26, "all keys were counted anew");
}

#[test]
fn a_sink_that_is_renamed_or_taken_out_leaves_its_output_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("single/all.txt");
    let job = |sink: Option<&str>| {
        let job = Job::new("renamed");
        let numbers = job.source(Generator::new(|n| n).count(RECORDS).rate_per_second(A_SECOND));
        let numbers = numbers.named("numbers");
        if let Some(name) = sink {
            let lines = numbers.clone().map(|n| n.to_string());
            lines.sink(FileSink::file(&file, Text).overwrite()).named(name);
        }
        numbers.sink(Null::new()).named("nowhere");
        job
    };
    let config = || {
        let checkpoints = Checkpoints::to(folder.path().join("checkpoints"));
        Config::default().checkpoint_to(checkpoints.every(Duration::from_millis(20)))
    };
    let handle = job(Some("all")).start(config()).unwrap();
    while handle.metrics().checkpoints == 0 && !handle.is_over() {
        std::thread::yield_now();
    }
    handle.stop();
    assert!(handle.wait().unwrap().stopped, "the test has been too slow");
    for sink in [Some("everything"), None] {
        let refused = job(sink).run(config()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Usage);
        let refused = refused.to_string();
        for words in ["`all`: no sink has this name", "prepared output", "--allow-dropped-state"] {
            assert!(refused.contains(words), "{sink:?}: {refused}");
        }
    }
    job(Some("all")).run(config()).unwrap();
    let written = std::fs::read_to_string(&file).unwrap();
    let mut numbers: Vec<u64> = written.lines().map(|line| line.parse().unwrap()).collect();
    numbers.sort_unstable();
    let expected: Vec<u64> = (0..RECORDS).collect();
    assert!(numbers == expected, "{} of {RECORDS} records", numbers.len());
}

#[test]
fn a_checkpoint_that_is_asked_for_at_once_is_taken() {
    for workers in [1, 2, 3, 1, 2, 3, 1, 2, 3] {
        let folder = tempfile::tempdir().unwrap();
        let (sender, records) = channel::<u64>(4);
        let job = Job::new("asked");
        job.source(records).sink(Null::new());
        let checkpoints = Checkpoints::to(folder.path());
        let job = job.start(Config::default().workers(workers).checkpoint_to(checkpoints)).unwrap();
        let control = job.control();
        control.checkpoint().unwrap();
        let patience = std::time::Instant::now();
        while control.metrics().checkpoints == 0 {
            assert!(patience.elapsed() < Duration::from_secs(5), "{workers} workers: none came");
            std::thread::yield_now();
        }
        sender.finish();
        assert_eq!(job.wait().unwrap().checkpoints, 2, "and that of the end");
    }
}
