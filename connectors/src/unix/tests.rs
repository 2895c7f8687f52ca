//! Unix domain sources and sinks against real sockets in a folder of their own.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rheos_engine::{ErrorKind, Split};
use socket2::Socket;
use tempfile::TempDir;

use super::*;
use crate::drive::{Pump, open, wait_for};
use crate::format::{RawLines, Text};
use crate::socket::suite;

fn place() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("socket");
    (folder, path)
}

/// Connects as soon as somebody listens.
fn connect_to(path: &Path) -> impl Fn() -> Socket + Send + 'static {
    let path = path.to_owned();
    move || {
        let stream = wait_for("somebody who listens", || UnixStream::connect(&path).ok());
        OwnedFd::from(stream).into()
    }
}

fn can_connect_to(path: &Path) -> impl Fn() -> bool {
    move || UnixStream::connect(path).is_ok()
}

fn accept_at(listener: UnixListener) -> impl Fn() -> Socket + Send + 'static {
    move || OwnedFd::from(listener.accept().unwrap().0).into()
}

#[test]
fn lines_of_clients_do_not_mix() {
    let (_folder, path) = place();
    let source = UnixSource::listen(&path, RawLines).until_closed();
    suite::lines_of_clients_do_not_mix(&source, connect_to(&path));
}

#[test]
fn further_clients_are_closed_until_there_is_room() {
    let (_folder, path) = place();
    let source = UnixSource::listen(&path, RawLines).max_clients(1);
    suite::further_clients_are_closed_until_there_is_room(&source, connect_to(&path));
}

#[test]
fn dropping_the_reader_closes_everything_and_removes_the_file() {
    let (_folder, path) = place();
    let source = UnixSource::listen(&path, RawLines);
    suite::dropping_the_reader_closes_everything(&source, connect_to(&path), can_connect_to(&path));
    assert!(!path.exists());
}

#[test]
fn every_byte_of_a_server_is_read() {
    let (_folder, path) = place();
    let listener = UnixListener::bind(&path).unwrap();
    suite::every_byte_of_a_server_is_read(
        &UnixSource::connect(&path, RawLines),
        accept_at(listener),
    );
}

#[test]
fn a_lost_connection_is_made_again() {
    let (_folder, path) = place();
    let listener = UnixListener::bind(&path).unwrap();
    let source = UnixSource::connect(&path, Text).reconnect(2, Duration::from_millis(1));
    let file = path.clone();
    let stop_listening = move || fs::remove_file(file).unwrap();
    suite::a_lost_connection_is_made_again(&source, accept_at(listener), stop_listening);
}

#[test]
fn a_slow_job_holds_the_sender() {
    let (_folder, path) = place();
    suite::a_slow_job_holds_the_sender(&UnixSource::listen(&path, RawLines), connect_to(&path));
}

#[test]
fn every_byte_and_the_end_arrive() {
    let (_folder, path) = place();
    suite::every_byte_and_the_end_arrive(&UnixSink::listen(&path, Text), connect_to(&path));
    let listener = UnixListener::bind(&path).unwrap();
    suite::every_byte_and_the_end_arrive(&UnixSink::connect(&path, Text), accept_at(listener));
}

#[test]
fn a_slow_reader_holds_the_job() {
    let (_folder, path) = place();
    suite::a_slow_reader_holds_the_job(&UnixSink::listen(&path, RawLines), connect_to(&path));
}

#[test]
fn a_reader_that_never_reads_cannot_hold_the_end() {
    let (_folder, path) = place();
    let sink = UnixSink::listen(&path, RawLines).finish_timeout(Duration::from_millis(10));
    suite::a_reader_that_never_reads_cannot_hold_the_end(&sink, connect_to(&path));
}

#[test]
fn a_reader_that_goes_away_fails_the_job() {
    let (_folder, path) = place();
    let sink = UnixSink::listen(&path, RawLines);
    suite::a_reader_that_goes_away_fails_the_job(&sink, connect_to(&path));
}

#[test]
fn a_listening_sink_waits_for_one_client() {
    let (_folder, path) = place();
    suite::a_listening_sink_waits_for_one_client(
        &UnixSink::listen(&path, Text),
        connect_to(&path),
        can_connect_to(&path),
    );
}

#[test]
fn a_path_where_nobody_listens_is_an_error_that_names_it() {
    let (_folder, path) = place();
    let error = Pump::open(&UnixSource::connect(&path, Text)).until_failure();
    assert_eq!(error.kind(), ErrorKind::External);
    assert!(error.to_string().contains(&format!("connect to {}", path.display())), "{error}");
}

#[test]
fn only_a_socket_file_where_nobody_listens_is_replaced() {
    let (_folder, path) = place();
    let source = UnixSource::listen(&path, RawLines);
    let refusal = || open(&source, &Split::named("x"), None).err().unwrap().to_string();

    fs::write(&path, "precious").unwrap();
    assert!(refusal().contains("not a socket"), "{}", refusal());
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    fs::remove_file(&path).unwrap();

    let listener = UnixListener::bind(&path).unwrap();
    assert!(refusal().contains("another program listens"), "{}", refusal());
    drop(listener);

    assert!(path.exists(), "a program that ends leaves its file");
    suite::dropping_the_reader_closes_everything(&source, connect_to(&path), can_connect_to(&path));
}
