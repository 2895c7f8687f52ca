//! The examples as processes of the operating system: signals, kills, exit codes, clean output.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output as Ended, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a job may take to end after something has happened to it.
pub(crate) const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// Whatever is waited for comes within this, or never.
pub(crate) const AT_MOST: Duration = Duration::from_secs(30);

/// The path of a built example, which cargo puts beside the tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built: run `cargo build --examples` first", path.display());
    path
}

pub(crate) fn start(name: &str, arguments: &[&str]) -> Child {
    Command::new(example(name))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Sends a signal by name.
pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(sent.unwrap().success(), "cannot send {name}");
}

/// Waits until `condition` holds.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + AT_MOST;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Waits for the end of a process, for at most `patience`.
pub(crate) fn ended(mut child: Child, patience: Duration) -> Ended {
    let began = Instant::now();
    // The pipes are read while it runs, or it could wait for a reader for ever.
    let out = child.stdout.take().map(read_all);
    let err = child.stderr.take().map(read_all);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > patience {
            child.kill().unwrap();
            panic!("process {} did not end within {patience:?}", child.id());
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    let text = |pipe: Option<JoinHandle<Vec<u8>>>| pipe.map_or(Vec::new(), |p| p.join().unwrap());
    Ended { status, stdout: text(out), stderr: text(err) }
}

/// Reads a pipe to its end on a thread of its own.
fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).map(|_| text).unwrap()
    })
}

/// The next connection to a listener.
pub(crate) fn accepted(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let mut peer = None;
    until("a connection", || {
        peer = listener.accept().ok();
        peer.is_some()
    });
    let (peer, _) = peer.unwrap();
    peer.set_nonblocking(false).unwrap();
    peer
}

/// The processes that a process has started.
pub(crate) fn children(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task");
    let mut children = Vec::new();
    for task in fs::read_dir(path).unwrap() {
        let list = fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default();
        children.extend(list.split_whitespace().map(|id| id.parse::<u32>().unwrap()));
    }
    children
}

pub(crate) fn is_running(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with('Z'))
}

/// A socket word count of `processes` processes that has counted something.
pub(crate) fn counting(
    processes: usize,
    more: &[&str],
) -> (Child, BufReader<ChildStdout>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let count = processes.to_string();
    let mut arguments = vec!["--connect", &address, "--workers", "2", "--processes", &count];
    arguments.extend(more);
    let mut child = start("socket_word_count", &arguments);
    let mut peer = accepted(&listener);
    peer.write_all(b"to be or not to be\n").unwrap();
    let mut totals = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    for _ in 0..4 {
        line.clear();
        totals.read_line(&mut line).unwrap();
        assert!(line.starts_with("{\"word\":\""), "only totals on standard output: {line}");
    }
    (child, totals, peer)
}

/// Waits for the end of a program whose standard output is read here; nobody needs the rest.
pub(crate) fn ended_while_read(
    child: Child,
    totals: BufReader<ChildStdout>,
    patience: Duration,
) -> Ended {
    let rest = read_all(totals);
    let ended = ended(child, patience);
    rest.join().unwrap();
    ended
}

#[test]
fn signals_stop_a_job_without_the_end_of_its_input() {
    for processes in [1, 2] {
        for name in ["INT", "TERM"] {
            let (child, totals, peer) = counting(processes, &[]);
            signal(child.id(), name);
            let ended = ended_while_read(child, totals, ENDS_WITHIN);
            assert_eq!(ended.status.code(), Some(0), "{name}, {processes} processes: {ended:?}");
            drop(peer);
        }
    }
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.txt");
    fs::write(&path, "a line of some length to fill the buffers\n".repeat(1_000_000)).unwrap();
    let (from, to) = (format!("file:{}", path.display()), format!("tcp:{address}"));
    let mut child = start("relay", &["--from", &from, "--to", &to, "--log", "info"]);
    // A peer that never reads: the first signal cannot finish what is on its way.
    let peer = accepted(&listener);
    let mut log = BufReader::new(child.stderr.take().unwrap());
    signal(child.id(), "TERM");
    let mut line = String::new();
    while !line.contains("a signal ends the job") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the signal is logged");
    }
    signal(child.id(), "TERM");
    let ended = ended(child, ENDS_WITHIN);
    assert_eq!(ended.status.code(), Some(128 + 15), "{ended:?}");
    drop(peer);
}

#[test]
fn a_killed_process_ends_all_processes() {
    let (child, totals, peer) = counting(3, &[]);
    let copies = children(child.id());
    assert_eq!(copies.len(), 2);
    signal(copies[1], "KILL");
    let ended = ended_while_read(child, totals, ENDS_WITHIN);
    assert_eq!(ended.status.code(), Some(6), "{ended:?}");
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(text.contains("process 2"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    until("the end of the copies", || copies.iter().all(|copy| !is_running(*copy)));
    drop(peer);
}

#[test]
fn copies_end_when_the_first_process_is_killed() {
    let (mut child, _totals, peer) = counting(2, &[]);
    let copies = children(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    let began = Instant::now();
    until("the end of the copies", || copies.iter().all(|copy| !is_running(*copy)));
    assert!(began.elapsed() < ENDS_WITHIN);
    drop(peer);
}

#[test]
fn a_silent_process_ends_all_processes() {
    let (child, totals, peer) = counting(2, &["--peer-timeout", "1s"]);
    let copies = children(child.id());
    signal(copies[0], "STOP");
    let ended = ended_while_read(child, totals, ENDS_WITHIN + Duration::from_secs(3));
    assert_eq!(ended.status.code(), Some(6), "{ended:?}");
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(text.contains("nothing was heard"), "{text}");
    drop(peer);
}

#[test]
fn a_stopped_word_count_publishes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("input.txt");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let out = folder.path().join("out");
    let (pipe, out_text) = (pipe.to_str().unwrap().to_owned(), out.to_str().unwrap().to_owned());
    let child = start(
        "relay",
        &["--from", &format!("follow:{pipe}.log"), "--to", &format!("file:{out_text}")],
    );
    fs::write(format!("{pipe}.log"), "one\ntwo\n").unwrap();
    until("the staged file", || {
        fs::read_dir(folder.path())
            .unwrap()
            .any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with(".out"))
    });
    signal(child.id(), "TERM");
    let ended = ended(child, ENDS_WITHIN);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(!out.exists(), "a job that was stopped has not seen the end of its input");
}

#[test]
fn wrong_arguments_and_missing_files_have_their_own_exit_codes() {
    let ended = ended_of("word_count", &["--workers", "0"]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    let ended = ended_of("relay", &["--from", "file:/nowhere/at/all", "--to", "-"]);
    assert_eq!(ended.status.code(), Some(5), "{ended:?}");
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(text.contains("/nowhere/at/all"), "{text}");
    let ended = ended_of("relay", &["--from", "file:Cargo.toml", "--to", "tcp:127.0.0.1:1"]);
    assert_eq!(ended.status.code(), Some(5), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("127.0.0.1:1"), "{ended:?}");
}

pub(crate) fn ended_of(name: &str, arguments: &[&str]) -> Ended {
    ended(start(name, arguments), AT_MOST)
}

#[test]
fn the_report_is_json_on_standard_error() {
    let ended = ended_of("word_count", &["--workers", "2", "--report", "json"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let report: serde_json::Value = serde_json::from_slice(&ended.stderr).unwrap();
    assert_eq!(report["job"], "word count");
    assert!(report["records"].as_u64().unwrap() > 0);
    assert_eq!(report["steps"][0]["role"], "source");
}

#[test]
fn strangers_at_the_door_are_turned_away() {
    // A hub that waits for its second process, and a stranger that talks to it first.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let hosts = format!("127.0.0.1:{port},127.0.0.1:0");
    let run = |process: &str| {
        start("word_count", &["--hosts", &hosts, "--process", process, "--workers", "1"])
    };
    let hub = run("0");
    let mut stranger = None;
    until("the hub", || {
        stranger = TcpStream::connect(("127.0.0.1", port)).ok();
        stranger.is_some()
    });
    stranger.unwrap().write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let member = run("1");
    let hub = ended(hub, AT_MOST);
    let member = ended(member, AT_MOST);
    assert_eq!(hub.status.code(), Some(0), "{hub:?}");
    assert_eq!(member.status.code(), Some(0), "{member:?}");
    let log = String::from_utf8_lossy(&hub.stderr).into_owned();
    assert!(log.contains("refused a connection"), "{log}");
}
