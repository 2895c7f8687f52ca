//! Reading and writing threads: order, ends, failures, bounds, and that they leave when dropped.

use std::io::{self, Read, Write};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use rheos_engine::{
    BadRecords, CheckpointId, Error, Position, ReadBatch, ReadBuffer, ReadStatus, Reader, Waker,
};

use super::block::BLOCK_BYTES;
use super::reader::{BLOCKS_AHEAD, Next};
use super::writer::QUEUE_BYTES;
use super::*;
use crate::contract::wait;
use crate::format::{RawLines, ReadFormat, Text};

fn lines_of<F: ReadFormat>(format: &F, read: impl Read + Send + 'static) -> LineReader<F> {
    let blocks = Blocks::new("input", ReadProducer::new("input", read), Waker::current_thread());
    LineReader::new(format, blocks, LineSetup { origin: "input".to_owned(), max_line_bytes: 8 })
}

/// Reads to the end.
fn read_all<T>(reader: &mut impl Reader<T>, policy: BadRecords) -> Result<ReadBatch<T>, Error> {
    let mut buffer = ReadBuffer::new(usize::MAX, policy);
    loop {
        match reader.read(&mut buffer)? {
            ReadStatus::More => {}
            ReadStatus::Pending | ReadStatus::PendingUntil(_) => wait(),
            ReadStatus::End => return Ok(buffer.take()),
        }
    }
}

/// Gives one byte a call, then fails if told to.
struct Drip(Vec<u8>, Option<io::ErrorKind>);

impl Read for Drip {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match (self.0.is_empty(), self.1) {
            (true, Some(kind)) => Err(kind.into()),
            (true, None) => Ok(0),
            (false, _) => {
                into[0] = self.0.remove(0);
                Ok(1)
            }
        }
    }
}

#[test]
fn lines_arrive_in_order_with_their_places_and_bytes_counted() {
    let input = "\u{feff}one\r\n\ntoo long a line\nlast".as_bytes();
    let mut reader = lines_of(&Text, Drip(input.to_vec(), None));
    assert_eq!(reader.position(), Position(Vec::new()));
    let batch = read_all(&mut reader, BadRecords::DeadLetter).unwrap();
    assert_eq!(batch.records, ["one", "", "last"]);
    assert_eq!(batch.bytes, input.len() as u64);
    assert_eq!(batch.dead.len(), 1);
    let dead = &batch.dead[0];
    assert_eq!((&dead.raw[..], &*dead.origin, &*dead.place), (&b"too long"[..], "input", "line 3"));
    assert!(dead.reason.contains("longer than 8 bytes"), "{}", dead.reason);
    assert_eq!(reader.line_position().map(|at| at.offset), Some(input.len() as u64));
}

#[test]
fn the_policy_decides_about_bad_records() {
    let read = |policy| read_all(&mut lines_of(&Text, &b"a\n\xff\nb\n"[..]), policy);
    let error = read(BadRecords::Fail).unwrap_err().to_string();
    assert!(error.contains("line 2 of input") && error.contains("UTF-8"), "{error}");
    let skipped = read(BadRecords::Skip).unwrap();
    assert_eq!((skipped.records.len(), skipped.skipped, skipped.dead.len()), (2, 1, 0));
    let dead = read(BadRecords::DeadLetter).unwrap();
    assert_eq!((dead.records.len(), dead.skipped, dead.dead.len()), (2, 0, 1));
}

#[test]
fn a_huge_line_is_one_dead_letter_and_a_huge_raw_line_loses_nothing() {
    let mut input = vec![b'x'; 3 * BLOCK_BYTES];
    input.extend_from_slice(b"\nnext\n");
    let text =
        read_all(&mut lines_of(&Text, io::Cursor::new(input.clone())), BadRecords::DeadLetter);
    let text = text.unwrap();
    assert_eq!(text.records, ["next"]);
    assert_eq!(text.dead.len(), 1);
    assert_eq!(text.dead[0].raw, b"xxxxxxxx");
    let raw = read_all(&mut lines_of(&RawLines, io::Cursor::new(input.clone())), BadRecords::Fail);
    assert!(raw.unwrap().records.concat() == input, "pieces put together are the input");
}

#[test]
fn a_failed_read_names_its_object_and_is_no_end() {
    let failing = Drip(b"one\ntwo".to_vec(), Some(io::ErrorKind::ConnectionReset));
    let error = read_all(&mut lines_of(&Text, failing), BadRecords::Fail).unwrap_err();
    assert!(error.to_string().starts_with("cannot read input: "), "{error}");
}

#[test]
fn a_thread_that_dies_is_an_error() {
    struct Dies;
    impl Produce for Dies {
        fn produce(&mut self, _: &mut Block, _: &Stop) -> Result<Produced, Error> {
            panic!("a producer that panics on purpose")
        }
    }
    let mut blocks = Blocks::new("input", Dies, Waker::current_thread());
    let error = loop {
        match blocks.next() {
            Ok(Next::Pending) => wait(),
            Ok(_) => panic!("there is nothing to read"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("thread died"), "{error}");
}

/// Tells when it is dropped, which its thread does when it leaves; counts what it gave.
struct Endless {
    given: Arc<Mutex<usize>>,
    _dropped: mpsc::Sender<()>,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        into.fill(b'\n');
        *self.given.lock().unwrap() += into.len();
        Ok(into.len())
    }
}

#[test]
fn a_dropped_reader_stops_its_thread_and_a_kept_one_is_bounded() {
    let (sender, dropped) = mpsc::channel();
    let given = Arc::new(Mutex::new(0));
    let endless = Endless { given: Arc::clone(&given), _dropped: sender };
    let mut reader = lines_of(&Text, endless);
    let mut buffer = ReadBuffer::new(1, BadRecords::Fail);
    while reader.read(&mut buffer).unwrap() == ReadStatus::Pending {
        wait();
    }
    assert_eq!(buffer.take().records.len(), 1);
    drop(reader);
    // The sender is dropped with what the thread read from.
    assert!(dropped.recv().is_err());
    let most = (BLOCKS_AHEAD + 2) * BLOCK_BYTES;
    assert!(*given.lock().unwrap() <= most, "read ahead {} bytes", given.lock().unwrap());
}

/// Writes into a shared buffer, one permit a call.
struct Gated {
    permits: mpsc::Receiver<io::Result<()>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Gated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.permits.recv().map_err(|_| io::ErrorKind::BrokenPipe)??;
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sunk for Gated {
    fn cut(&mut self) -> io::Result<u64> {
        Ok(self.written.lock().unwrap().len() as u64)
    }
}

type Permits = mpsc::Sender<io::Result<()>>;

fn gated() -> (Permits, Arc<Mutex<Vec<u8>>>, BlockWriter) {
    let (permit, permits) = mpsc::channel();
    let written = Arc::new(Mutex::new(Vec::new()));
    let write = Gated { permits, written: Arc::clone(&written) };
    let writer = BlockWriter::spawn("output", write, Waker::current_thread()).unwrap();
    (permit, written, writer)
}

#[test]
fn a_slow_output_is_not_ready_until_there_is_room() {
    let (permit, written, mut writer) = gated();
    let mut sent = 0;
    while writer.ready().unwrap() {
        writer.send(vec![b'x'; 64 << 10]).unwrap();
        sent += 64 << 10;
        assert!(sent <= QUEUE_BYTES + (64 << 10), "the queue is bounded");
    }
    permit.send(Ok(())).unwrap();
    permit.send(Ok(())).unwrap();
    while !writer.ready().unwrap() {
        wait();
    }
    for _ in 0..sent {
        permit.send(Ok(())).unwrap();
    }
    writer.close().unwrap();
    assert_eq!(written.lock().unwrap().len(), sent);
}

#[test]
fn a_failed_write_shows_in_the_next_call() {
    let (permit, _, mut writer) = gated();
    writer.send(b"lost".to_vec()).unwrap();
    permit.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
    let error = writer.close().unwrap_err();
    assert!(error.to_string().starts_with("cannot write output: "), "{error}");

    let (permit, _, mut writer) = gated();
    writer.send(b"lost".to_vec()).unwrap();
    permit.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
    while writer.ready().is_ok() {
        wait();
    }
}

#[test]
fn a_dropped_writer_stops_its_thread_and_does_not_close() {
    let (sender, closed) = mpsc::channel();
    let mut writer =
        BlockWriter::spawn("output", Closing(sender), Waker::current_thread()).unwrap();
    writer.send(b"something".to_vec()).unwrap();
    drop(writer);
    assert!(closed.recv().is_err(), "the thread has left without closing");
}

/// Says when it is closed.
struct Closing(mpsc::Sender<()>);

impl Write for Closing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sunk for Closing {
    fn close(self) -> io::Result<u64> {
        self.0.send(()).unwrap();
        Ok(0)
    }
}

#[test]
fn a_cut_is_complete_when_all_before_it_is_written() {
    let (permit, written, mut writer) = gated();
    let (first, second) = (CheckpointId(1), CheckpointId(2));
    writer.send(b"before".to_vec()).unwrap();
    assert_eq!(writer.cut(first).unwrap(), None);
    writer.send(b"after".to_vec()).unwrap();
    assert_eq!(writer.cut(first).unwrap(), None);
    permit.send(Ok(())).unwrap();
    let length = loop {
        match writer.cut(first).unwrap() {
            Some(length) => break length,
            None => wait(),
        }
    };
    assert_eq!((length, &**written.lock().unwrap()), (6, &b"before"[..]));
    assert_eq!(writer.cut(second).unwrap(), None);
    permit.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
    let error = loop {
        match writer.cut(second) {
            Ok(None) => wait(),
            Ok(Some(length)) => panic!("a thread that failed has completed {length} bytes"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("write output"), "{error}");
}
