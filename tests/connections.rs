//! Whole jobs between files and sockets.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rheos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::random::Random;

/// Lines of several lengths, some of them empty, the last one unterminated.
fn text(seed: u64, lines: usize) -> String {
    let mut random = Random::new(seed);
    let mut text = String::new();
    for number in 0..lines {
        let words = random.below(12);
        (0..words).for_each(|_| text += &format!("w{} ", random.below(300)));
        if number + 1 < lines {
            text.push('\n');
        }
    }
    text
}

fn part_lines(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.starts_with('.'), "a staged file was left behind: {name}");
        lines.extend(fs::read_to_string(&path).unwrap().lines().map(str::to_owned));
    }
    lines.sort();
    lines
}

#[test]
fn files_come_through_whole_with_any_number_of_workers() {
    for seed in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let mut expected = Vec::new();
        for file in 0..5 {
            let text = text(seed * 10 + file, 3_000);
            expected.extend(text.lines().map(str::to_owned));
            fs::write(folder.path().join(format!("{file}.txt")), text).unwrap();
        }
        expected.sort();
        for workers in [1, 4] {
            let out = folder.path().join(format!("out-{workers}"));
            let job = Job::new("copy");
            let pattern = folder.path().join("*.txt");
            job.source(TextFiles::glob(pattern.to_str().unwrap()))
                .rebalance()
                .sink(FileSink::folder(&out, Text));
            job.run(Config::default().workers(workers)).unwrap();
            assert_eq!(part_lines(&out), expected, "seed {seed}, {workers} workers");
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Order {
    id: u64,
    item: String,
}

#[test]
fn good_records_and_dead_letters_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let mut random = Random::new(7);
    let mut file = Vec::new();
    let (mut good, mut dead) = (0u64, 0u64);
    for id in 0..50_000u64 {
        match random.below(100) {
            0 => {
                file.extend_from_slice(b"{\"id\": 1, \"item\": \n");
                dead += 1;
            }
            1 => {
                file.extend_from_slice(b"{\"id\": 1, \"item\": \"\xff\xfe\"}\n");
                dead += 1;
            }
            _ => {
                writeln!(file, "{{\"id\":{id},\"item\":\"thing {}\"}}", id % 9).unwrap();
                good += 1;
            }
        }
    }
    file.extend_from_slice(&vec![b'x'; 3 << 20]);
    dead += 1;
    fs::write(&path, file).unwrap();
    for workers in [1, 4] {
        let job = Job::new("orders");
        let source = JsonFiles::<Order>::path(&path);
        let (orders, letters) = job.source_with_dead_letters(source);
        let (orders_sink, orders_out) = collect();
        let (letters_sink, letters_out) = collect();
        orders.sink(orders_sink);
        letters.sink(letters_sink);
        let report = job.run(Config::default().workers(workers)).unwrap();
        let letters = letters_out.into_vec().unwrap();
        assert_eq!(orders_out.into_vec().unwrap().len() as u64, good, "{workers} workers");
        assert_eq!(letters.len() as u64, dead, "{workers} workers");
        assert_eq!(report.step("source").unwrap().bad_records, dead);
        let longest = letters.iter().map(|letter| letter.raw.len()).max().unwrap();
        assert!(longest <= 1 << 20, "a dead letter is cut at the limit, not {longest} bytes");
        assert!(letters.iter().all(|letter| letter.origin.contains("orders.jsonl")));
    }
}

#[test]
fn a_bad_record_fails_the_job_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    fs::write(&path, "{\"id\":1,\"item\":\"a\"}\n{\"id\":\n").unwrap();
    let job = Job::new("orders");
    let out = folder.path().join("out");
    job.source(JsonFiles::<Order>::path(&path)).sink(FileSink::folder(&out, JsonLines::new()));
    let error = job.run(Config::default().workers(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    let text = error.to_string();
    assert!(text.contains("line 2") && text.contains("orders.jsonl"), "{text}");
    assert!(part_lines(&out).is_empty(), "a job that fails publishes nothing");
}

#[test]
fn a_slow_reader_slows_the_job_and_does_not_grow_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let made = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&made);
    let job = Job::new("slow reader");
    job.source(Generator::new(|n| format!("{n:0>1000}")))
        .inspect(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        })
        .sink(TcpSink::connect(address, Text));
    let mut config = Config::default().workers(2);
    config.limits.in_flight_bytes = 1 << 20;
    let handle = job.start(config).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    // The peer does not read: what is made comes to a standstill within the bounds.
    let mut last = 0;
    let mut same = 0;
    while same < 50 {
        std::thread::park_timeout(std::time::Duration::from_millis(10));
        let now = made.load(Ordering::Relaxed);
        same = if now == last && now > 0 { same + 1 } else { 0 };
        last = now;
    }
    assert!(last * 1000 < 64 << 20, "{last} records of 1000 bytes were made for nobody");
    // How much the system holds is its affair: it is read until the job goes on.
    let mut some = vec![0; 1 << 20];
    while made.load(Ordering::Relaxed) == last {
        peer.read_exact(&mut some).unwrap();
    }
    handle.stop();
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(b"\n"), "a stopped job flushes whole records");
    assert!(handle.wait().unwrap().stopped);
}

#[test]
fn a_sockets_lines_are_counted_while_they_come() {
    let source = TcpSource::listen("127.0.0.1:0", Text).until_closed();
    let bound = source.bound();
    let (sink, rows) = collect();
    let job = Job::new("lines");
    job.source(source).key_by(|line| line.clone()).count().at_end().sink(sink);
    let handle = job.start(Config::default().workers(2)).unwrap();
    let address = bound.wait(std::time::Duration::from_secs(10)).unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"a\nb\na\nunterminated").unwrap();
    drop(client);
    handle.wait().unwrap();
    let mut rows = rows.into_vec().unwrap();
    rows.sort();
    let expected = [("a", 2), ("b", 1), ("unterminated", 1)].map(|(l, n)| (l.to_owned(), n));
    assert_eq!(rows, expected);
}

#[test]
fn draining_reads_what_was_sent() {
    let (sender, source) = channel::<u64>(2_000);
    let (sink, rows) = collect();
    let job = Job::new("drained");
    job.source(source).sink(sink);
    let handle = job.start(Config::default().workers(2)).unwrap();
    for n in 0..2_000 {
        sender.send(n).unwrap();
    }
    handle.drain();
    assert!(!handle.wait().unwrap().stopped);
    let mut rows = rows.into_vec().unwrap();
    rows.sort_unstable();
    assert_eq!(rows, (0..2_000).collect::<Vec<_>>());
}

#[test]
fn dead_letters_that_nobody_reads_are_refused() {
    let job = Job::new("letters");
    let source = JsonFiles::<Order>::path("orders.jsonl").on_bad_record(BadRecords::DeadLetter);
    job.source(source).sink(Null::new());
    let error = job.run(Config::default().workers(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("nobody reads"), "{error}");
}

#[test]
fn a_busy_split_does_not_wait_for_idle_workers() {
    let (sender, source) = channel::<u64>(16);
    let (sink, rows) = collect();
    let job = Job::new("channel");
    job.source(source).map(|n| n % 10).key_by(|n| *n).count().updates().sink(sink);
    let handle = job.start(Config::default().workers(4)).unwrap();
    for n in 0..10_000 {
        sender.send(n).unwrap();
    }
    sender.finish();
    handle.wait().unwrap();
    let rows = rows.into_vec().unwrap();
    let last = rows.iter().filter(|(_, count)| *count == 1_000).count();
    assert_eq!(last, 10, "every key reaches its total");
}
