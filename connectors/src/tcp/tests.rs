//! TCP sources and sinks against real sockets on 127.0.0.1, at ports that the system chooses.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rheos_engine::{BadRecords, ErrorKind, Finish};
use socket2::Socket;

use super::*;
use crate::contract::open_writer;
use crate::drive::{PATIENCE, Pump, open, wait_for};
use crate::format::{RawLines, Text};
use crate::socket::{BoundAddress, suite};

const ANY_PORT: &str = "127.0.0.1:0";
const BACKOFF: Duration = Duration::from_millis(1);

fn connect_to(bound: BoundAddress) -> impl Fn() -> Socket + Send + 'static {
    move || TcpStream::connect(bound.wait(PATIENCE).unwrap()).unwrap().into()
}

fn can_connect_to(bound: BoundAddress) -> impl Fn() -> bool {
    move || TcpStream::connect(bound.get().unwrap()).is_ok()
}

/// A listener of the test, and its address.
fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn accept_at(listener: TcpListener) -> impl Fn() -> Socket + Send + 'static {
    move || listener.accept().unwrap().0.into()
}

/// An address where nobody listens.
fn nowhere() -> SocketAddr {
    TcpListener::bind(ANY_PORT).unwrap().local_addr().unwrap()
}

#[test]
fn lines_of_clients_do_not_mix() {
    let source = TcpSource::listen(ANY_PORT, RawLines).until_closed();
    suite::lines_of_clients_do_not_mix(&source, connect_to(source.bound()));
}

#[test]
fn further_clients_are_closed_until_there_is_room() {
    let source = TcpSource::listen(ANY_PORT, RawLines).max_clients(1);
    suite::further_clients_are_closed_until_there_is_room(&source, connect_to(source.bound()));
}

#[test]
fn dropping_the_reader_closes_everything() {
    let source = TcpSource::listen(ANY_PORT, RawLines);
    let bound = source.bound();
    suite::dropping_the_reader_closes_everything(
        &source,
        connect_to(bound.clone()),
        can_connect_to(bound),
    );
}

#[test]
fn dropping_the_reader_of_a_silent_server_closes_the_connection() {
    let (listener, address) = listener();
    let mut pump = Pump::open(&TcpSource::connect(address, RawLines));
    pump.turn().unwrap();
    let (mut server, _) = listener.accept().unwrap();
    drop(pump);
    assert_eq!(std::io::Read::read(&mut server, &mut [0]).unwrap(), 0);
}

#[test]
fn every_byte_of_a_server_is_read() {
    let (listener, address) = listener();
    let source = TcpSource::connect(address, RawLines);
    suite::every_byte_of_a_server_is_read(&source, accept_at(listener));
}

#[test]
fn a_lost_connection_is_made_again() {
    let (listener, address) = listener();
    let source = TcpSource::connect(address, Text).reconnect(2, BACKOFF);
    let accept = listener.try_clone().unwrap();
    let stop_listening =
        move || socket2::SockRef::from(&listener).shutdown(std::net::Shutdown::Both).unwrap();
    suite::a_lost_connection_is_made_again(&source, accept_at(accept), stop_listening);
}

#[test]
fn a_slow_job_holds_the_sender() {
    let source = TcpSource::listen(ANY_PORT, RawLines);
    suite::a_slow_job_holds_the_sender(&source, connect_to(source.bound()));
}

#[test]
fn a_refused_connection_is_an_error_that_names_the_address() {
    let address = nowhere().to_string();
    let error = Pump::open(&TcpSource::connect(&address, RawLines)).until_failure();
    assert_eq!(error.kind(), ErrorKind::External);
    assert!(error.to_string().contains(&format!("connect to {address}")), "{error}");

    let sink = TcpSink::connect(&address, RawLines);
    let mut writer = open_writer(&sink).unwrap();
    let error = wait_for("a failure", || writer.ready().err());
    assert!(error.to_string().contains(&format!("connect to {address}")), "{error}");

    let writer = open_writer(&sink).unwrap();
    writer.finish(Finish::Commit).unwrap_err();
}

#[test]
fn an_address_without_a_port_is_the_callers_mistake() {
    let source = TcpSource::connect("localhost", Text).reconnect(1_000, PATIENCE);
    let error = Pump::open(&source).until_failure();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("host:port"), "{error}");
}

#[test]
fn lines_that_are_too_long_follow_the_policy() {
    let source = TcpSource::listen(ANY_PORT, Text)
        .max_line_bytes(4)
        .on_bad_record(BadRecords::Skip)
        .until_closed();
    let pump = Pump::open(&source);
    let mut client = connect_to(source.bound())();
    std::io::Write::write_all(&mut client, b"1234\n12345\n12\n").unwrap();
    drop(client);
    assert_eq!(pump.finish(), ["1234", "12"]);
}

#[test]
fn every_byte_and_the_end_arrive() {
    let sink = TcpSink::listen(ANY_PORT, Text);
    suite::every_byte_and_the_end_arrive(&sink, connect_to(sink.bound()));
    let (listener, address) = listener();
    let sink = TcpSink::connect(address, Text);
    suite::every_byte_and_the_end_arrive(&sink, accept_at(listener));
}

#[test]
fn a_slow_reader_holds_the_job() {
    let sink = TcpSink::listen(ANY_PORT, RawLines);
    suite::a_slow_reader_holds_the_job(&sink, connect_to(sink.bound()));
}

#[test]
fn a_reader_that_never_reads_cannot_hold_the_end() {
    let sink = TcpSink::listen(ANY_PORT, RawLines).finish_timeout(Duration::from_millis(10));
    suite::a_reader_that_never_reads_cannot_hold_the_end(&sink, connect_to(sink.bound()));
}

#[test]
fn a_reader_that_goes_away_fails_the_job() {
    let (listener, address) = listener();
    let sink = TcpSink::connect(address, RawLines);
    suite::a_reader_that_goes_away_fails_the_job(&sink, accept_at(listener));
}

#[test]
fn a_listening_sink_waits_for_one_client() {
    let sink = TcpSink::listen(ANY_PORT, Text);
    let bound = sink.bound();
    suite::a_listening_sink_waits_for_one_client(
        &sink,
        connect_to(bound.clone()),
        can_connect_to(bound),
    );
}

#[test]
fn an_address_that_is_taken_is_an_error_that_names_it() {
    let (_listener, address) = listener();
    let source = TcpSource::listen(&address, Text);
    let error = open(&source, &rheos_engine::Split::named("x"), None).err().unwrap();
    assert!(error.to_string().contains(&format!("listen at {address}")), "{error}");
}
