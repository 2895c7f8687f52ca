//! Reads again what a journal holds, on a thread of its own.

use std::path::PathBuf;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use rheos_engine::{Error, ErrorKind, Waker};
use serde::de::DeserializeOwned;

use super::segment::{Entries, Entry, FIRST, Place, decode, failed, path_of};

/// Entries that are handed over together.
const ENTRIES_TOGETHER: usize = 1024;

/// Bytes of entries that are handed over together, beyond which it is not waited for more.
const BYTES_TOGETHER: u64 = 256 << 10;

/// Handed over and not yet taken.
const BATCHES_AHEAD: usize = 2;

/// An entry and the place behind it.
pub(super) type Placed<T> = (Entry<T>, Place);

type Message<T> = Result<Vec<Placed<T>>, Error>;

/// The worker's side of the reading thread.
pub(super) struct Replay<T> {
    batches: Receiver<Message<T>>,
}

/// What there is of a replay.
pub(super) enum Replayed<T> {
    Entries(Vec<Placed<T>>),
    /// Nothing now; the worker is woken.
    Pending,
    /// That was all.
    Over,
}

impl<T: DeserializeOwned + Send + 'static> Replay<T> {
    /// Reads these segments from a place in the first of them.
    pub(super) fn spawn(
        folder: PathBuf,
        segments: Vec<u64>,
        from: Place,
        waker: Waker,
    ) -> Result<Self, Error> {
        let (send, batches) = bounded(BATCHES_AHEAD);
        let name = format!("replay {}", folder.display());
        let thread = move || {
            let outcome = read(&folder, &segments, from, &send, &waker);
            // An empty batch says that this is the end, and no dead thread.
            let last = outcome.map(|()| Vec::new());
            if send.send(last).is_ok() {
                waker.wake();
            }
        };
        std::thread::Builder::new()
            .name(name)
            .spawn(thread)
            .map_err(|error| Error::io("start a thread to read a journal", error))?;
        Ok(Self { batches })
    }

    pub(super) fn next(&self) -> Result<Replayed<T>, Error> {
        match self.batches.try_recv() {
            Ok(batch) => batch.map(|entries| match entries.is_empty() {
                true => Replayed::Over,
                false => Replayed::Entries(entries),
            }),
            Err(TryRecvError::Empty) => Ok(Replayed::Pending),
            Err(TryRecvError::Disconnected) => {
                Err(Error::new(ErrorKind::Internal, "read a journal", "its thread has ended"))
            }
        }
    }
}

fn read<T: DeserializeOwned>(
    folder: &std::path::Path,
    segments: &[u64],
    from: Place,
    send: &Sender<Message<T>>,
    waker: &Waker,
) -> Result<(), Error> {
    for &segment in segments {
        let path = path_of(folder, segment);
        let offset = if segment == from.segment { from.offset } else { FIRST };
        let mut entries = Entries::open(&path, offset)?;
        let mut batch = Vec::new();
        let mut begun = offset;
        loop {
            let entry = match entries.next()? {
                None => break,
                Some(Ok(bytes)) => decode(bytes),
                Some(Err(reason)) => Err(reason.to_owned()),
            };
            let entry = entry.map_err(|reason| entries.damaged(&reason))?;
            batch.push((entry, Place { segment, offset: entries.offset() }));
            let bytes = entries.offset() - begun;
            if batch.len() >= ENTRIES_TOGETHER || bytes >= BYTES_TOGETHER {
                begun = entries.offset();
                if !hand_over(&mut batch, send, waker) {
                    return Ok(());
                }
            }
        }
        if !batch.is_empty() && !hand_over(&mut batch, send, waker) {
            return Ok(());
        }
    }
    Ok(())
}

/// Says whether anybody still listens.
fn hand_over<T>(batch: &mut Vec<Placed<T>>, send: &Sender<Message<T>>, waker: &Waker) -> bool {
    let is_sent = send.send(Ok(std::mem::take(batch))).is_ok();
    waker.wake();
    is_sent
}

/// The segments that hold what lies behind a place, of those that are there in order; an error
/// when some of it is missing.
pub(super) fn behind(
    folder: &std::path::Path,
    there: &[u64],
    from: Place,
) -> Result<Vec<u64>, Error> {
    let needed: Vec<_> = there.iter().copied().filter(|number| *number >= from.segment).collect();
    let is_first_missing = match needed.first() {
        Some(first) => *first != from.segment,
        // Nothing was written behind the place before the first entry of a segment.
        None => from.offset > FIRST,
    };
    let gap = needed.windows(2).find(|pair| pair[0] + 1 != pair[1]).map(|pair| pair[0] + 1);
    let missing = is_first_missing.then_some(from.segment).or(gap);
    match missing {
        None => Ok(needed),
        Some(segment) => {
            let path = path_of(folder, segment);
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            Err(failed("read the journal", &path, missing)
                .advise("put the file back, or begin with an empty folder and no checkpoint"))
        }
    }
}
