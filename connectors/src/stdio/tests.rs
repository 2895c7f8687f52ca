//! Standard input and output of a process of their own: these tests start themselves again.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use rheos_engine::{Epoch, ErrorKind, Finish};

use super::*;
use crate::contract::{drive_sink, open_writer};
use crate::drive::{Pump, wait_for};
use crate::format::RawLines;

/// Set in the process that a test has started.
const IS_CHILD: &str = "RHEOS_STDIO_TEST_CHILD";

/// Starts this program again, with one test and nothing beside its output.
fn start(test: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    Command::new(program)
        .args(["--exact", &format!("stdio::tests::{test}"), "--nocapture", "--quiet"])
        .env(IS_CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn is_child() -> bool {
    std::env::var_os(IS_CHILD).is_some()
}

/// The other half of the test below.
fn copy_input_to_output() {
    let records = Pump::open(&StdinSource::new(RawLines)).finish();
    let batches = records.chunks(100).map(<[_]>::to_vec).collect();
    drive_sink(&StdoutSink::new(RawLines), batches, Finish::Commit).unwrap();
}

#[test]
fn every_byte_passes_from_input_to_output() {
    if is_child() {
        return copy_input_to_output();
    }
    let mut child = start("every_byte_passes_from_input_to_output");
    let mut text = b"\xff\r\n\n".to_vec();
    (0..20_000).for_each(|line| text.extend_from_slice(format!("line {line}\n").as_bytes()));
    text.extend_from_slice(b"tail");
    let mut input = child.stdin.take().unwrap();
    let sent = text.clone();
    let sending = std::thread::spawn(move || input.write_all(&sent).unwrap());
    let mut output = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    sending.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(
        output.windows(text.len()).any(|window| window == text),
        "{}",
        String::from_utf8_lossy(&output[..200])
    );
}

/// The other half of the test below: its output is closed.
fn write_until_it_fails() {
    let mut wait = [0];
    assert_eq!(std::io::stdin().read(&mut wait).unwrap(), 0);
    let sink = StdoutSink::new(RawLines);
    let mut writer = open_writer(&sink).unwrap();
    let error = wait_for("a failure", || match writer.ready() {
        Err(error) => Some(error),
        Ok(_) => writer
            .write(&mut vec![b"line\n".to_vec()])
            .and_then(|()| writer.end_epoch(Epoch(0)))
            .err(),
    });
    let is_clear = error.kind() == ErrorKind::External
        && error.to_string().contains("standard output: the program that reads it has closed");
    // The test's own report cannot be written any more.
    std::process::exit(if is_clear { 0 } else { 1 });
}

#[test]
fn a_reader_that_closes_the_pipe_is_an_error() {
    if is_child() {
        return write_until_it_fails();
    }
    let mut child = start("a_reader_that_closes_the_pipe_is_an_error");
    // The child's test harness has its say first.
    let mut greeting = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(greeting.any(|line| line.unwrap().starts_with("running")));
    drop(greeting);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
