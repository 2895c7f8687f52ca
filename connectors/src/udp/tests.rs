//! UDP sources and sinks against real sockets on 127.0.0.1, at ports that the system chooses.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use rheos_engine::{BadRecords, ErrorKind, Finish};

use super::*;
use crate::contract::{drive_sink, open_writer};
use crate::drive::{PATIENCE, Pump, wait_for};
use crate::format::{Csv, RawLines, Text};

const ANY_PORT: &str = "127.0.0.1:0";

/// A socket of the test that gives up waiting, and its address.
fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(ANY_PORT).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn send(to: SocketAddr, datagrams: &[&[u8]]) {
    let (socket, _) = socket();
    for datagram in datagrams {
        assert_eq!(socket.send_to(datagram, to).unwrap(), datagram.len());
    }
}

#[test]
fn a_datagram_is_one_or_more_lines_and_none_is_open() {
    let source = UdpSource::bind(ANY_PORT, Text);
    let mut pump = Pump::open(&source);
    send(source.bound().wait(PATIENCE).unwrap(), &[b"one\ntwo", b"three\r\n", b"", b"\n", b"four"]);
    assert_eq!(pump.until(5), ["one", "two", "three", "", "four"]);
    let counts = source.counts();
    assert_eq!((counts.datagrams(), counts.bytes(), counts.dropped()), (5, 19, 0));
    assert!(!pump.has_ended);
}

#[test]
fn raw_lines_are_the_bytes_of_the_datagrams() {
    let source = UdpSource::bind(ANY_PORT, RawLines);
    let mut pump = Pump::open(&source);
    send(
        source.bound().wait(PATIENCE).unwrap(),
        &[b"one\n\xff", b"three\r\n", b"four", b"five", b"six\n"],
    );
    let expected: [&[u8]; 6] = [b"one\n", b"\xff", b"three\r\n", b"four", b"five", b"six\n"];
    assert_eq!(pump.until(6), expected);
}

#[test]
fn the_first_line_of_all_is_the_header() {
    let source = UdpSource::bind(ANY_PORT, Csv::<(u32, u32)>::new());
    let mut pump = Pump::open(&source);
    send(source.bound().wait(PATIENCE).unwrap(), &[b"a,b", b"1,2", b"3,4\n5,6"]);
    assert_eq!(pump.until(3), [(1, 2), (3, 4), (5, 6)]);
}

#[test]
fn datagrams_that_a_slow_job_has_no_room_for_are_dropped_and_counted() {
    let source = UdpSource::bind(ANY_PORT, RawLines);
    let mut pump = Pump::open(&source);
    let to = source.bound().wait(PATIENCE).unwrap();
    let counts = source.counts();
    let datagram = [[b'x'; 30_000].as_slice(), b"\n"].concat();
    wait_for("a datagram that is dropped", || {
        send(to, &[datagram.as_slice(); 8]);
        (counts.dropped() > 0).then_some(())
    });
    let most = RECEIVE_QUEUE_BYTES + (4 << 20);
    assert!(counts.bytes() <= most as u64, "{} bytes wait", counts.bytes());
    // The job goes on with what there was room for.
    let before = counts.datagrams();
    pump.until(usize::try_from(before).unwrap());
}

#[test]
fn dropping_the_reader_closes_the_socket() {
    let source = UdpSource::bind(ANY_PORT, RawLines);
    let mut pump = Pump::open(&source);
    let bound = source.bound().wait(PATIENCE).unwrap();
    send(bound, &[b"hello"]);
    pump.until(1);
    drop(pump);
    wait_for("the address to be free", || UdpSocket::bind(bound).ok());
    // Also one that was never read from.
    let again = UdpSource::bind(ANY_PORT, RawLines);
    let unread = Pump::open(&again);
    let bound = again.bound().wait(PATIENCE).unwrap();
    drop(unread);
    wait_for("the address to be free", || UdpSocket::bind(bound).ok());
}

#[test]
fn lines_that_are_too_long_follow_the_policy() {
    let source = UdpSource::bind(ANY_PORT, Text).max_line_bytes(4).on_bad_record(BadRecords::Skip);
    let mut pump = Pump::open(&source);
    send(source.bound().wait(PATIENCE).unwrap(), &[b"12345", b"1234", b"12345\n12"]);
    assert_eq!(pump.until(2), ["1234", "12"]);
}

#[test]
fn a_record_is_a_datagram() {
    let (socket, address) = socket();
    let sink = UdpSink::connect(address.to_string(), Text);
    let batch = vec!["one".to_owned(), String::new(), "x".repeat(1_000)];
    drive_sink(&sink, vec![batch], Finish::Commit).unwrap();
    let mut datagram = [0; 2_000];
    for expected in ["one\n", "\n", &("x".repeat(1_000) + "\n")] {
        let length = socket.recv(&mut datagram).unwrap();
        assert_eq!(&datagram[..length], expected.as_bytes());
    }
    assert_eq!((sink.counts().datagrams(), sink.counts().bytes()), (3, 4 + 1 + 1_001));
}

#[test]
fn a_record_that_is_too_long_fails_the_job_or_is_counted() {
    let (socket, address) = socket();
    let sink = UdpSink::connect(address.to_string(), RawLines);
    let too_long = || vec![vec![b'x'; MAX_DATAGRAM_BYTES + 1], b"short".to_vec()];
    let mut writer = open_writer(&sink).unwrap();
    let error = writer.write(&mut too_long()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("65508 bytes"), "{error}");

    let sink = sink.skip_too_long().max_datagram_bytes(5);
    drive_sink(&sink, vec![too_long()], Finish::Stop).unwrap();
    assert_eq!((sink.counts().datagrams(), sink.counts().dropped()), (1, 1));
    let mut datagram = [0; 10];
    assert_eq!(socket.recv(&mut datagram).unwrap(), 5);
}

#[test]
fn sending_to_nobody_is_no_error() {
    let address = socket().1;
    let sink = UdpSink::connect(address.to_string(), Text);
    drive_sink(&sink, vec![vec!["lost".to_owned()]; 3], Finish::Commit).unwrap();
    assert_eq!(sink.counts().datagrams(), 3);
}

#[test]
fn addresses_that_are_none_are_the_callers_mistake() {
    let sink = UdpSink::connect("localhost", Text);
    let refused = open_writer(&sink).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Usage);
    let bound = UdpSource::bind("nowhere", Text).bound();
    assert_eq!(bound.wait(Duration::ZERO), None);
}
