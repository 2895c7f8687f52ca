//! What holds for sources and sinks of every kind of stream socket, checked with real sockets.
//!
//! For tests only: those of `tcp` and `unix` call it with their own types. It never sleeps: it
//! waits for what must come, up to a deadline.

use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::net::Shutdown;
use std::thread::JoinHandle;
use std::time::Duration;

use rheos_engine::{
    CheckpointId, Delivery, Epoch, ErrorKind, Finish, Placement, Sink, Source, Writer,
};
use socket2::Socket;

use crate::contract::open_writer;
use crate::drive::{PATIENCE, Pump, wait_for};

/// More than all buffers between two programs may hold.
const TOO_MUCH: usize = 64 << 20;

/// A source that listens until its clients have gone, for raw lines.
pub(crate) fn lines_of_clients_do_not_mix(
    source: &impl Source<Record = Vec<u8>>,
    connect: impl Fn() -> Socket,
) {
    const CLIENTS: usize = 4;
    const LINES: usize = 400;
    let mut pump = Pump::open(source);
    let (close, closing) = crossbeam_channel::bounded::<()>(0);
    let writers: Vec<JoinHandle<()>> = (0..CLIENTS)
        .map(|client| {
            let (mut socket, closing) = (connect(), closing.clone());
            std::thread::spawn(move || {
                let text =
                    (0..LINES).map(|line| line_of(client, line)).collect::<String>() + "tail";
                // Pieces that end inside lines.
                text.as_bytes().chunks(7).for_each(|piece| socket.write_all(piece).unwrap());
                // Nobody goes before everybody has been let in.
                assert!(closing.recv().is_err());
            })
        })
        .collect();
    pump.until(CLIENTS * LINES);
    drop(close);
    let records = pump.finish();
    writers.into_iter().for_each(|writer| writer.join().unwrap());

    let lines: Vec<_> = records.into_iter().map(|line| String::from_utf8(line).unwrap()).collect();
    for client in 0..CLIENTS {
        let own = lines.iter().filter(|line| line.starts_with(&format!("client {client} ")));
        let expected: Vec<_> = (0..LINES).map(|line| line_of(client, line)).collect();
        assert!(own.eq(expected.iter()), "the lines of client {client}");
    }
    assert_eq!(lines.iter().filter(|line| *line == "tail").count(), CLIENTS);
    assert_eq!(lines.len(), CLIENTS * (LINES + 1));
}

fn line_of(client: usize, line: usize) -> String {
    format!("client {client} says {line:>width$}\n", width = line % 50)
}

/// A source that listens and serves one client.
pub(crate) fn further_clients_are_closed_until_there_is_room(
    source: &impl Source<Record = Vec<u8>>,
    connect: impl Fn() -> Socket,
) {
    let mut pump = Pump::open(source);
    let mut first = connect();
    first.write_all(b"first\n").unwrap();
    pump.until(1);
    assert_closed(connect());
    first.write_all(b"still here\n").unwrap();
    pump.until(2);
    drop(first);
    let mut later = wait_for("a free seat", || {
        pump.turn().unwrap();
        let mut client = connect();
        client.write_all(b"later\n").ok()?;
        // A client that is not let in sees the end.
        client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        match client.read(&mut [0]) {
            Err(cause) if cause.kind() == IoErrorKind::WouldBlock => Some(client),
            _ => None,
        }
    });
    assert_eq!(pump.until(3)[2], b"later\n");
    later.write_all(b"again\n").unwrap();
    pump.until(4);
    assert!(!pump.has_ended, "it ends only if it is told to");
}

/// A source that listens.
pub(crate) fn dropping_the_reader_closes_everything(
    source: &impl Source<Record = Vec<u8>>,
    connect: impl Fn() -> Socket,
    is_taken: impl Fn() -> bool,
) {
    let mut pump = Pump::open(source);
    let mut client = connect();
    client.write_all(b"hello\n").unwrap();
    pump.until(1);
    drop(pump);
    assert_closed(client);
    wait_for("the address to be free", || (!is_taken()).then_some(()));
}

/// A source that connects, to a listener of the test.
pub(crate) fn every_byte_of_a_server_is_read(
    source: &impl Source<Record = Vec<u8>>,
    accept: impl FnOnce() -> Socket,
) {
    let mut pump = Pump::open(source);
    // The reader dials with its first read.
    pump.turn().unwrap();
    let mut socket = accept();
    for piece in [&b"one\r\n\n\xff"[..], b"two\n", b"tail"] {
        socket.write_all(piece).unwrap();
    }
    pump.until(3);
    drop(socket);
    assert_eq!(pump.finish(), [&b"one\r\n"[..], b"\n", b"\xfftwo\n", b"tail"]);
}

/// A source that connects again, twice at the most, to a listener of the test.
pub(crate) fn a_lost_connection_is_made_again(
    source: &impl Source<Record = String>,
    accept: impl Fn() -> Socket,
    stop_listening: impl FnOnce(),
) {
    let mut pump = Pump::open(source);
    pump.turn().unwrap();
    accept().write_all(b"one\ntwo").unwrap();
    assert_eq!(pump.until(2)[1], "two", "a line that a connection left open is a line");
    accept().write_all(b"three\n").unwrap();
    pump.until(3);
    stop_listening();
    let error = pump.until_failure();
    assert_eq!(pump.records, ["one", "two", "three"]);
    assert_eq!(error.kind(), ErrorKind::External);
    assert!(error.to_string().contains("gave up after 2 attempts"), "{error}");
}

/// A source whose job reads nothing: the other side is held.
pub(crate) fn a_slow_job_holds_the_sender(
    source: &impl Source<Record = Vec<u8>>,
    connect: impl Fn() -> Socket,
) {
    let mut pump = Pump::open(source);
    let mut client = connect();
    client.write_all(b"hello\n").unwrap();
    pump.until(1);
    client.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let lines = b"0123456\n".repeat(1 << 16);
    let mut written = 0;
    while written < TOO_MUCH {
        match client.write(&lines) {
            Ok(count) => written += count,
            Err(cause) if cause.kind() == IoErrorKind::WouldBlock => break,
            Err(cause) => panic!("{cause}"),
        }
    }
    assert!(written < TOO_MUCH, "{written} bytes were taken that nobody has read");
}

fn writer_of<S: Sink>(sink: &S) -> Box<dyn Writer<S::Record>> {
    assert_eq!(sink.delivery(), Delivery::Immediate);
    assert_eq!(sink.placement(), Placement::OneWorker);
    sink.prepare_target().unwrap();
    open_writer(sink).unwrap()
}

fn wait_until_ready<T: 'static>(writer: &mut dyn Writer<T>) {
    wait_for("a writer that is ready", || writer.ready().unwrap().then_some(()));
}

/// A sink, and how the other side comes by the connection.
pub(crate) fn every_byte_and_the_end_arrive(
    sink: &impl Sink<Record = String>,
    other_side: impl FnOnce() -> Socket + Send + 'static,
) {
    let mut writer = writer_of(sink);
    let (sent, sending) = crossbeam_channel::bounded::<()>(1);
    let (take, taking) = crossbeam_channel::bounded::<()>(1);
    let reading = std::thread::spawn(move || {
        let mut socket = other_side();
        // Bytes that nobody reads must not cost those that are under way.
        socket.write_all(b"ignored").unwrap();
        sent.send(()).unwrap();
        taking.recv().unwrap();
        let mut seen = Vec::new();
        socket.read_to_end(&mut seen).unwrap();
        seen
    });
    wait_until_ready(&mut *writer);
    let mut expected = Vec::new();
    for epoch in 0..3 {
        let mut batch: Vec<String> = (0..1_000).map(|line| format!("{epoch} {line}")).collect();
        batch.iter().for_each(|line| expected.extend_from_slice(format!("{line}\n").as_bytes()));
        wait_until_ready(&mut *writer);
        writer.write(&mut batch).unwrap();
        assert!(batch.is_empty());
        writer.end_epoch(Epoch(epoch)).unwrap();
    }
    writer.prepare(CheckpointId::END).unwrap();
    sending.recv().unwrap();
    take.send(()).unwrap();
    writer.finish(Finish::Commit).unwrap();
    assert!(reading.join().unwrap() == expected);
}

/// A sink, and how the other side comes by the connection; nobody reads until the job has waited.
pub(crate) fn a_slow_reader_holds_the_job(
    sink: &impl Sink<Record = Vec<u8>>,
    other_side: impl FnOnce() -> Socket + Send + 'static,
) {
    let mut writer = writer_of(sink);
    let connecting = std::thread::spawn(other_side);
    wait_until_ready(&mut *writer);
    let mut socket = connecting.join().unwrap();
    let mut written = 0;
    while settled_ready(&mut *writer) {
        assert!(written < TOO_MUCH, "{written} bytes were taken that nobody has read");
        let mut batch = vec![vec![b'x'; 1 << 16]; 4];
        written += batch.iter().map(Vec::len).sum::<usize>();
        writer.write(&mut batch).unwrap();
    }
    let reading = std::thread::spawn(move || {
        let mut seen = Vec::new();
        socket.read_to_end(&mut seen).unwrap();
        seen.len()
    });
    // Only the waker ends this, before its deadline.
    std::thread::park_timeout(PATIENCE);
    wait_until_ready(&mut *writer);
    writer.finish(Finish::Stop).unwrap();
    assert_eq!(reading.join().unwrap(), written);
}

/// Whether a writer stays ready or becomes it while its thread fills the system's buffers.
fn settled_ready<T: 'static>(writer: &mut dyn Writer<T>) -> bool {
    (0..10).any(|_| {
        writer.ready().unwrap() || {
            std::thread::park_timeout(Duration::from_millis(50));
            false
        }
    })
}

/// A sink that waits at most a moment when it finishes, and how the other side connects.
pub(crate) fn a_reader_that_never_reads_cannot_hold_the_end(
    sink: &impl Sink<Record = Vec<u8>>,
    other_side: impl FnOnce() -> Socket + Send + 'static,
) {
    let mut writer = writer_of(sink);
    let connecting = std::thread::spawn(other_side);
    wait_until_ready(&mut *writer);
    let _silent = connecting.join().unwrap();
    while settled_ready(&mut *writer) {
        writer.write(&mut vec![vec![b'x'; 1 << 20]]).unwrap();
    }
    let error = writer.finish(Finish::Commit).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::External);
    assert!(error.to_string().contains("has taken nothing"), "{error}");
}

/// A sink, and how the other side connects.
pub(crate) fn a_reader_that_goes_away_fails_the_job(
    sink: &impl Sink<Record = Vec<u8>>,
    other_side: impl FnOnce() -> Socket + Send + 'static,
) {
    let mut writer = writer_of(sink);
    let connecting = std::thread::spawn(other_side);
    wait_until_ready(&mut *writer);
    let socket = connecting.join().unwrap();
    socket.shutdown(Shutdown::Both).unwrap();
    drop(socket);
    let error = wait_for("a failure", || match writer.ready() {
        Err(error) => Some(error),
        Ok(_) => {
            let written = writer.write(&mut vec![b"hello\n".to_vec()]);
            written.and_then(|()| writer.end_epoch(Epoch(0))).err()
        }
    });
    assert_eq!(error.kind(), ErrorKind::External);
    assert!(error.to_string().contains("the connection to"), "{error}");
}

/// A sink that listens.
pub(crate) fn a_listening_sink_waits_for_one_client(
    sink: &impl Sink<Record = String>,
    connect: impl Fn() -> Socket,
    is_taken: impl Fn() -> bool,
) {
    let mut writer = writer_of(sink);
    assert!(!writer.ready().unwrap());
    let mut client = connect();
    // Only the waker ends this, before its deadline.
    std::thread::park_timeout(PATIENCE);
    wait_until_ready(&mut *writer);
    wait_for("the address to be free", || (!is_taken()).then_some(()));
    writer.write(&mut vec!["for you".to_owned()]).unwrap();
    writer.end_epoch(Epoch(0)).unwrap();
    let mut seen = [0; 8];
    client.read_exact(&mut seen).unwrap();
    assert_eq!(&seen, b"for you\n");
    drop(writer);
    assert_closed(client);

    let unused = writer_of(sink);
    unused.finish(Finish::Commit).unwrap();
    wait_for("the address to be free", || (!is_taken()).then_some(()));
}

/// The other side has closed it: an end or a reset.
fn assert_closed(mut socket: Socket) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    match socket.read(&mut [0]) {
        Ok(count) => assert_eq!(count, 0),
        Err(cause) => assert_eq!(cause.kind(), IoErrorKind::ConnectionReset),
    }
}
