//! Programs that are started again after a failure, or not, as processes of the operating system.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr};

use crate::programs::{
    AT_MOST, ENDS_WITHIN, accepted, children, ended, ended_of, is_running, signal, start, until,
};

/// A socket word count with restarts, and where it connects to.
struct Supervised {
    parent: Child,
    /// What it says on standard error; the child says it there too.
    log: BufReader<ChildStderr>,
    listener: TcpListener,
}

impl Supervised {
    fn start(more: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut arguments = vec!["--connect", &address, "--workers", "1", "--backoff", "10ms"];
        arguments.extend(more);
        let mut parent = start("socket_word_count", &arguments);
        let log = BufReader::new(parent.stderr.take().unwrap());
        Self { parent, log, listener }
    }

    /// The process that runs the job, once it has connected.
    fn connected(&self) -> (u32, TcpStream) {
        let peer = accepted(&self.listener);
        let running = children(self.parent.id());
        assert_eq!(running.len(), 1, "a parent has one child");
        (running[0], peer)
    }

    fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.log.read_line(&mut line).unwrap();
        line
    }

    /// Waits for the end and gives the exit code and what was said meanwhile.
    fn ended(mut self) -> (Option<i32>, String) {
        let ended = ended(self.parent, ENDS_WITHIN);
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (ended.status.code(), log)
    }
}

#[test]
fn a_killed_job_is_started_again_and_ends_as_it_would_have() {
    for processes in ["1", "2"] {
        let mut job = Supervised::start(&["--restarts", "2", "--processes", processes]);
        let (first, _peer) = job.connected();
        signal(first, "KILL");
        let line = job.next_line();
        let expected = "rheos: restart 1 of 2 in 10ms: the job was ended by SIGKILL\n";
        assert_eq!(line, expected, "{processes} processes");
        let (second, mut peer) = job.connected();
        assert_ne!(first, second);
        if processes == "2" {
            // Its copy is seen to by the child, and has no child of its own.
            let copies = children(second);
            assert_eq!(copies.len(), 1);
            assert!(children(copies[0]).is_empty());
        }
        peer.write_all(b"to be or not to be\n").unwrap();
        drop(peer);
        assert_eq!(job.ended(), (Some(0), String::new()), "{processes} processes");
    }
}

#[test]
fn restarts_run_out() {
    let mut job = Supervised::start(&["--restarts", "1"]);
    let (first, _peer) = job.connected();
    signal(first, "KILL");
    assert!(job.next_line().contains("restart 1 of 1"));
    let (second, _peer) = job.connected();
    signal(second, "KILL");
    let (code, log) = job.ended();
    assert_eq!(code, Some(128 + 9), "{log}");
    assert_eq!(log, "rheos: no restart is left: the job was ended by SIGKILL\n");
}

#[test]
fn failures_that_would_come_again_are_not_retried() {
    let folder = tempfile::tempdir().unwrap();
    let poison = folder.path().join("poison.txt");
    fs::write(&poison, b"words\n\xff\xfe\n").unwrap();
    let poison = poison.to_str().unwrap();
    let missing = ["--from", "file:/nowhere/at/all", "--to", "-"];
    for (program, arguments, code, restarts) in [
        ("word_count", &["--input", poison][..], 3, 0),
        ("word_count", &["--input", "/nowhere/at/*"], 2, 0),
        ("word_count", &["--workers", "0"], 2, 0),
        ("relay", &missing, 5, 2),
    ] {
        let supervised = [arguments, &["--restarts", "2", "--backoff", "1ms"]].concat();
        let ended = ended_of(program, &supervised);
        let log = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{log}");
        assert_eq!(log.matches("rheos: restart ").count(), restarts, "{arguments:?}: {log}");
    }
}

#[test]
fn a_signal_to_the_parent_reaches_the_job_and_is_no_failure() {
    for name in ["INT", "TERM"] {
        let mut job = Supervised::start(&["--restarts", "2"]);
        let (child, mut peer) = job.connected();
        // A job that has said something handles signals.
        peer.write_all(b"to be\n").unwrap();
        let mut totals = BufReader::new(job.parent.stdout.take().unwrap());
        totals.read_line(&mut String::new()).unwrap();
        signal(job.parent.id(), name);
        let rest = std::thread::spawn(move || totals.read_to_string(&mut String::new()));
        let (code, log) = job.ended();
        rest.join().unwrap().unwrap();
        assert_eq!(code, Some(0), "{name}: {log}");
        assert!(!log.contains("restart"), "{name}: {log}");
        assert!(!is_running(child));
    }
}

#[test]
fn a_job_that_waits_for_its_next_start_can_be_told_to_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let arguments = ["--connect", &address, "--restarts", "2", "--backoff", "1h"];
    let mut parent = start("socket_word_count", &arguments);
    let _peer = accepted(&listener);
    signal(children(parent.id())[0], "KILL");
    let mut log = BufReader::new(parent.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    assert!(line.contains("restart 1 of 2 in 3600s"), "{line}");
    signal(parent.id(), "TERM");
    assert_eq!(ended(parent, ENDS_WITHIN).status.code(), Some(128 + 9));
}

#[test]
fn a_job_does_not_outlive_its_parent() {
    let job = Supervised::start(&["--restarts", "2", "--processes", "2"]);
    let (child, _peer) = job.connected();
    let copies = children(child);
    assert_eq!(copies.len(), 1);
    signal(job.parent.id(), "KILL");
    until("the end of the job", || {
        !is_running(child) && copies.iter().all(|copy| !is_running(*copy))
    });
    assert!(ended(job.parent, AT_MOST).status.code().is_none());
}

#[test]
fn a_killed_job_goes_on_from_its_checkpoint_and_publishes_once() {
    // What is told to be restored holds for the first start.
    for restore in ["latest", "none"] {
        killed_and_started_again(restore);
    }
}

fn killed_and_started_again(restore: &str) {
    const VISITS: usize = 40_000;
    let folder = tempfile::tempdir().unwrap();
    let [out, checkpoints] =
        ["out", "checkpoints"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    let visits = VISITS.to_string();
    let job = ["--output", &out, "--visits", &visits, "--per-second", "20000"];
    let arguments = [
        job.as_slice(),
        &["--checkpoint-dir", &checkpoints, "--checkpoint-every", "50ms", "--workers", "2"],
        &["--require", "exactly-once", "--restarts", "1", "--backoff", "10ms", "--no-progress"],
        &["--restore", restore],
    ];
    let parent = start("resume", &arguments.concat());
    let parts = || {
        let entries = fs::read_dir(&out).into_iter().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
        paths
    };
    until("a published part", || !parts().is_empty());
    signal(children(parent.id())[0], "KILL");
    let ended = ended(parent, AT_MOST);
    let log = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(0), "{log}");
    for line in ["rheos: restart 1 of 1", "job `resume` goes on from checkpoint"] {
        assert!(log.contains(line), "{log}");
    }
    // "page number visitor": every page is numbered without gaps, and every visitor came once.
    let text: String = parts().iter().map(|part| fs::read_to_string(part).unwrap()).collect();
    let mut rows: Vec<Vec<&str>> = text.lines().map(|row| row.split(' ').collect()).collect();
    assert_eq!(rows.len(), VISITS);
    rows.sort_by_key(|row| (row[0], row[1].parse::<usize>().unwrap()));
    for pages in rows.chunk_by(|one, other| one[0] == other[0]) {
        for (at, row) in pages.iter().enumerate() {
            assert_eq!(row[1], (at + 1).to_string(), "{row:?}");
        }
    }
    let mut visitors: Vec<&str> = rows.iter().map(|row| row[2]).collect();
    visitors.sort_unstable();
    visitors.dedup();
    assert_eq!(visitors.len(), VISITS);
}
