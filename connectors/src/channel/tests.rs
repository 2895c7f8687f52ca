//! A channel keeps order, pushes back, wakes its reader and ends only when it is told to.

use std::sync::mpsc;

use rheos_engine::{BadRecords, ErrorKind, ReadBuffer, ReadStatus, Reader, Split};

use super::*;
use crate::drive::{PATIENCE, open, read_to_end};

fn reader_of(source: &ChannelSource<u32>) -> Box<dyn Reader<u32>> {
    open(source, &Split::named("channel"), None).unwrap()
}

#[test]
fn a_slow_reader_is_woken_and_sees_all_in_order() {
    let (sender, source) = channel(3);
    let mut reader = reader_of(&source);
    let sending = std::thread::spawn(move || {
        for record in 0..1_000 {
            sender.send(record).unwrap();
        }
    });
    let records = read_to_end(&mut *reader, 2).unwrap();
    assert_eq!(records, (0..1_000).collect::<Vec<_>>());
    sending.join().unwrap();
}

#[test]
fn a_full_channel_refuses_or_waits() {
    let (sender, source) = channel(2);
    sender.send(0).unwrap();
    sender.try_send(1).unwrap();
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    let (sent, sending) = mpsc::channel();
    let other = sender.clone();
    std::thread::spawn(move || sent.send(other.send(3)).unwrap());
    let mut reader = reader_of(&source);
    assert!(sending.try_recv().is_err(), "there is no room yet");
    let mut buffer = ReadBuffer::new(1, BadRecords::Fail);
    assert_eq!(reader.read(&mut buffer).unwrap(), ReadStatus::More);
    assert_eq!(buffer.take().records, [0]);
    assert_eq!(sending.recv_timeout(PATIENCE).unwrap(), Ok(()));
}

#[test]
fn the_input_ends_when_finished_or_when_the_last_sender_is_dropped() {
    let (sender, source) = channel(8);
    let other = sender.clone();
    let mut reader = reader_of(&source);
    let mut buffer = ReadBuffer::new(8, BadRecords::Fail);
    sender.send(1).unwrap();
    drop(sender);
    assert_eq!(reader.read(&mut buffer).unwrap(), ReadStatus::More);
    assert_eq!(reader.read(&mut buffer).unwrap(), ReadStatus::Pending);
    drop(other);
    assert_eq!(reader.read(&mut buffer).unwrap(), ReadStatus::End);

    let (sender, source) = channel(8);
    let other = sender.clone();
    sender.send(1).unwrap();
    sender.finish();
    assert_eq!(other.send(2), Err(ChannelClosed(2)));
    assert_eq!(read_to_end(&mut *reader_of(&source), 8).unwrap(), [1]);
}

#[test]
fn senders_are_told_when_the_job_is_gone() {
    let (sender, source) = channel(1);
    let reader = reader_of(&source);
    sender.send(0).unwrap();
    let waiting = sender.clone();
    let waiting = std::thread::spawn(move || waiting.send(1));
    drop(reader);
    assert_eq!(waiting.join().unwrap(), Err(ChannelClosed(1)));
    assert_eq!(sender.try_send(2), Err(TrySendError::Closed(2)));

    let (sender, source) = channel(1);
    drop(source);
    assert_eq!(sender.send(0), Err(ChannelClosed(0)), "the source was never opened");
}

#[test]
fn a_channel_is_opened_once() {
    let (_sender, source) = channel(1);
    let _reader = reader_of(&source);
    let refused = open(&source, &Split::named("channel"), None).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Usage);
    assert!(refused.to_string().contains("opened before"), "{refused}");
}
