//! The source that journals another one.
//!
//! Used by programs through [`journal`]. Its reader first gives what the journal holds behind its
//! position, then what the wrapped source gives, each record when it is durable.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use rheos_engine::{
    BadRecords, Error, ErrorKind, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Replay,
    Source, Split, SplitContext,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::replay::{Placed, Replay as JournalReplay, Replayed, behind};
use super::segment::{
    Entry, FIRST, Place, SEGMENT_BYTES, behind_the_end, encode, failed, list, mend,
};
use super::writer::JournalWriter;
use crate::ordinal;

/// Writes what a source gives to a journal in `folder`, so that it can be read again.
///
/// Made for sources that cannot replay: sockets, standard input, channels. Their records get a form
/// on disk through serde (by [postcard](https://docs.rs/postcard)).
///
/// * A record reaches the job when it is durable in the journal: a few milliseconds later, many
///   records with one sync of the disk. About 4 MiB wait for that before nothing more is read.
/// * A job that is restored from a checkpoint reads on in the journal, then from the source.
/// * A job that begins without a checkpoint reads what the folder holds behind the last end of the
///   source: what lies before belongs to a job that has ended. Empty the folder to begin with
///   nothing.
/// * A torn tail, as a kill leaves it, is cut off. Damage with whole entries behind it is refused
///   with the name of the file, which stays as it is.
/// * Segments of 16 MiB are removed when no checkpoint needs them any more; in a job without
///   checkpoints the journal grows until it ends.
/// * The folder belongs to one source of one job, and lies on the machine of its first process,
///   which reads.
/// * What a sender has handed to the system and the journal has not read when the process is
///   killed is lost: only a sender that sends again prevents that.
///
/// ```
/// use rheos_connectors::{StdinSource, Text, journal::journal};
/// use rheos_engine::{Replay, Source};
///
/// let lines = journal(StdinSource::new(Text), "state/journal");
/// assert_eq!(lines.replay(), Replay::FromPosition);
/// ```
pub fn journal<S: Source>(source: S, folder: impl Into<PathBuf>) -> Journal<S>
where
    S::Record: Serialize + DeserializeOwned,
{
    Journal { source, folder: folder.into() }
}

/// A source with a journal; made by [`journal`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Journal<S> {
    source: S,
    folder: PathBuf,
}

/// A split and where it is journaled.
#[derive(Serialize, Deserialize)]
struct JournalSplit {
    inner: Split,
    /// Below the folder of the journal.
    folder: String,
}

impl<S: Source> Source for Journal<S>
where
    S::Record: Serialize + DeserializeOwned,
{
    type Record = S::Record;

    fn splits(&self, context: &SplitContext) -> Result<Vec<Split>, Error> {
        let splits = self.source.splits(context)?.into_iter().enumerate();
        splits
            .map(|(number, inner)| {
                let name = inner.name.clone();
                let split = JournalSplit { inner, folder: format!("split-{number:04}") };
                let payload =
                    serde_json::to_vec(&split).map_err(|error| not_coded(&name, &error))?;
                // The journal is in the first process.
                Ok(Split { payload, at_origin: true, ..Split::named(name) })
            })
            .collect()
    }

    fn open(
        &self,
        split: &Split,
        position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<S::Record>>, Error> {
        let JournalSplit { inner, folder } = serde_json::from_slice(&split.payload)
            .map_err(|error| not_coded(&split.name, &error))?;
        let folder = self.folder.join(folder);
        fs::create_dir_all(&folder).map_err(|error| failed("create", &folder, error))?;
        let place = position.map(|position| place_of(&folder, position)).transpose()?;
        if let Some(last) = list(&folder)?.last() {
            mend(&folder, *last, place.unwrap_or(Place { segment: 0, offset: FIRST }))?;
        }
        let there = list(&folder)?;
        let from = match place {
            Some(place) => place,
            None => start(&folder, &there)?,
        };
        let segments = behind(&folder, &there, from)?;
        let next = there.last().map_or(0, |last| last + 1).max(from.segment);
        let waker = context.waker.clone();
        let replay = JournalReplay::spawn(folder.clone(), segments, from, waker.clone())?;
        Ok(Box::new(JournalReader {
            replay: Some(replay),
            inner: Some(self.source.open(&inner, None, context)?),
            journal: JournalWriter::spawn(folder, waker)?,
            waiting: VecDeque::new(),
            handed_out: 0,
            end: Place { segment: next, offset: FIRST },
            at: from,
        }))
    }

    fn replay(&self) -> Replay {
        Replay::FromPosition
    }

    fn bad_records(&self) -> BadRecords {
        self.source.bad_records()
    }

    fn identity(&self) -> String {
        format!("a journal in {}", self.folder.display())
    }
}

/// Where reading begins without a position: behind the last end, else with the oldest entry.
fn start(folder: &Path, there: &[u64]) -> Result<Place, Error> {
    let segment = there.first().copied().unwrap_or(0);
    let end = behind_the_end(folder, there)?;
    Ok(end.unwrap_or(Place { segment, offset: FIRST }))
}

fn place_of(folder: &Path, Position(bytes): &Position) -> Result<Place, Error> {
    match ordinal::decode(bytes) {
        Some([segment, offset]) if offset >= FIRST => Ok(Place { segment, offset }),
        _ => Err(Error::usage(
            format!("continue reading the journal {}", folder.display()),
            "the position is none in a journal",
        )
        .advise("the checkpoint was made by another kind of source")),
    }
}

fn not_coded(object: &str, error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("find {object}"), error.to_string())
}

struct JournalReader<T> {
    /// Until all that the journal held has been taken.
    replay: Option<JournalReplay<T>>,
    /// Until it has ended.
    inner: Option<Box<dyn Reader<T>>>,
    journal: JournalWriter,
    /// Not handed out yet, in order.
    waiting: VecDeque<Placed<T>>,
    /// How many of the entries that were given to the journal were handed out.
    handed_out: u64,
    /// Where the next entry is written.
    end: Place,
    /// Behind the last entry that was handed out.
    at: Place,
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Reader<T> for JournalReader<T> {
    fn read(&mut self, buffer: &mut ReadBuffer<T>) -> Result<ReadStatus, Error> {
        if let Some(replay) = &self.replay {
            if self.waiting.is_empty() {
                match replay.next()? {
                    Replayed::Entries(entries) => self.waiting = entries.into(),
                    Replayed::Pending => return Ok(ReadStatus::Pending),
                    Replayed::Over => {
                        self.replay = None;
                        return Ok(ReadStatus::More);
                    }
                }
            }
            let all = self.waiting.len();
            return Ok(self.hand_out(all, buffer)?.unwrap_or(ReadStatus::More));
        }
        let source = self.journal_more(buffer)?;
        let durable = usize::try_from(self.journal.durable()? - self.handed_out);
        let before = self.waiting.len();
        let end = self.hand_out(durable.unwrap_or(usize::MAX), buffer)?;
        self.handed_out += (before - self.waiting.len()) as u64;
        Ok(match end {
            Some(end) => end,
            None if buffer.is_full() => ReadStatus::More,
            None => source,
        })
    }

    fn position(&self) -> Position {
        Position(ordinal::encode([self.at.segment, self.at.offset]))
    }

    fn completed(&mut self, position: &Position) -> Result<(), Error> {
        match ordinal::decode(&position.0) {
            Some([segment, _]) => self.journal.forget(segment),
            None => Ok(()),
        }
    }
}

impl<T: Serialize + 'static> JournalReader<T> {
    /// Hands out so many of those that wait, while there is room; says if the end was among them.
    fn hand_out(
        &mut self,
        count: usize,
        buffer: &mut ReadBuffer<T>,
    ) -> Result<Option<ReadStatus>, Error> {
        for _ in 0..count {
            if buffer.is_full() {
                break;
            }
            let Some((entry, behind)) = self.waiting.pop_front() else { break };
            if self.replay.is_some() {
                // What was journaled in this run was counted when it was read.
                let begun = if self.at.segment == behind.segment { self.at.offset } else { FIRST };
                buffer.count_bytes(behind.offset - begun);
            }
            self.at = behind;
            match entry {
                Entry::Record(record) => buffer.push(record),
                Entry::Dead(letter) => buffer.bad(letter)?,
                Entry::End => return Ok(Some(ReadStatus::End)),
            }
        }
        Ok(None)
    }

    /// Reads once from the source and gives that to the journal. Says whether there may be more.
    fn journal_more(&mut self, buffer: &mut ReadBuffer<T>) -> Result<ReadStatus, Error> {
        let Some(inner) = &mut self.inner else { return Ok(ReadStatus::Pending) };
        if !self.journal.has_room() {
            return Ok(ReadStatus::Pending);
        }
        // Bad records are journaled, too; the program's policy is for when they are handed out.
        let mut taken = ReadBuffer::new(buffer.room().max(1), BadRecords::DeadLetter);
        let status = inner.read(&mut taken)?;
        let batch = taken.take();
        buffer.count_bytes(batch.bytes);
        let records = batch.records.into_iter().map(Entry::Record);
        let mut entries: Vec<_> = records.chain(batch.dead.into_iter().map(Entry::Dead)).collect();
        if status == ReadStatus::End {
            entries.push(Entry::End);
            self.inner = None;
        }
        if entries.is_empty() {
            return Ok(status);
        }
        if self.end.offset >= SEGMENT_BYTES {
            self.end = Place { segment: self.end.segment + 1, offset: FIRST };
        }
        let (mut bytes, count) = (Vec::new(), entries.len() as u64);
        for entry in entries {
            let before = bytes.len();
            encode(&entry, &mut bytes)?;
            self.end.offset += (bytes.len() - before) as u64;
            self.waiting.push_back((entry, self.end));
        }
        self.journal.write(self.end.segment, bytes, count)?;
        // The end is one when it is handed out.
        Ok(if status == ReadStatus::End { ReadStatus::Pending } else { status })
    }
}
