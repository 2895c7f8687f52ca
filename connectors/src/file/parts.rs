//! Writes parts of a folder that are published at checkpoints.
//!
//! Used by [`FileSink`](super::FileSink) in jobs that take checkpoints. A part ends at each cut and
//! at the roll limits. Its own thread completes it, and it waits under its hidden name for the
//! first commit of a cut that it lies before. The worker renames, and waits for no disk.

use std::collections::VecDeque;

use rheos_engine::{CheckpointId, Epoch, Error, Finish, Writer, WriterContext};

use super::prepared::{Prepared, PreparedPart};
use super::sink::{FileSink, Part};
use super::staged::{HiddenFile, hidden_name, sync_folder};
use crate::format::WriteFormat;
use crate::io::Task;

/// Parts of a writer that are being completed at the same time; it takes no records while there
/// are more.
const PARTS_COMPLETING: usize = 4;

/// Writes the parts of one worker.
pub(super) struct PartsWriter<F: WriteFormat> {
    sink: FileSink<F>,
    context: WriterContext,
    /// What the names of parts end in.
    ending: String,
    /// The number of the next part.
    number: u32,
    part: Option<(u32, Part<F>)>,
    /// Ended and not yet complete, oldest first.
    ended: VecDeque<(u32, Part<F>)>,
    /// Complete and not yet committed, oldest first.
    complete: Vec<CompletePart>,
    cut: Option<Cut>,
    /// Makes the names that the last commit gave durable.
    syncing: Option<Task>,
}

struct CompletePart {
    number: u32,
    bytes: u64,
    file: HiddenFile,
    /// The first cut that it was handed out for.
    cut: Option<CheckpointId>,
}

/// The cut that was asked for last.
#[derive(Clone, Copy)]
struct Cut {
    id: CheckpointId,
    /// The parts with smaller numbers lie before it.
    number: u32,
}

impl<F: WriteFormat> PartsWriter<F> {
    pub(super) fn new(sink: FileSink<F>, context: WriterContext) -> Self {
        let ending = sink.ending();
        Self {
            sink,
            context,
            ending,
            number: 0,
            part: None,
            ended: VecDeque::new(),
            complete: Vec::new(),
            cut: None,
            syncing: None,
        }
    }

    /// The part that is being written; begins one if there is none.
    fn part(&mut self) -> Result<&mut Part<F>, Error> {
        let part = match self.part.take() {
            Some(part) => part,
            None => self.begin_part()?,
        };
        Ok(&mut self.part.insert(part).1)
    }

    fn begin_part(&mut self) -> Result<(u32, Part<F>), Error> {
        let WriterContext { run, worker, .. } = self.context;
        let number = self.number;
        let name = format!("part-{run:04}-{worker:03}-{number:05}{}", self.ending);
        self.number += 1;
        let path = self.sink.target_folder().join(name);
        Ok((number, Part::begin(&path, &self.sink, &self.context)?))
    }

    fn end_part(&mut self) -> Result<(), Error> {
        self.ended.extend(self.part.take());
        self.gather_complete()
    }

    /// Takes note of the parts that are complete.
    fn gather_complete(&mut self) -> Result<(), Error> {
        for (_, part) in &mut self.ended {
            part.file.completed()?;
        }
        while let Some((number, mut part)) = self.ended.pop_front() {
            let Some(bytes) = part.file.completed()? else {
                self.ended.push_front((number, part));
                break;
            };
            let file = part.file.complete()?;
            self.complete.push(CompletePart { number, bytes, file, cut: None });
        }
        Ok(())
    }

    /// Whether what was committed is durable under its final names.
    fn is_synced(&mut self) -> Result<bool, Error> {
        if let Some(syncing) = &self.syncing {
            if !syncing.is_done()? {
                return Ok(false);
            }
            self.syncing = None;
        }
        Ok(true)
    }

    /// Hands out the complete parts that lie before a cut.
    fn hand_out(&mut self, cut: Cut) -> Result<Vec<u8>, Error> {
        let mut prepared = Vec::new();
        for part in self.complete.iter_mut().filter(|part| part.number < cut.number) {
            part.file.settle();
            part.cut.get_or_insert(cut.id);
            let text = |path: &std::path::Path| {
                path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            };
            let path = part.file.path();
            let hidden = text(&hidden_name(path));
            prepared.push(PreparedPart { hidden, name: text(path), bytes: part.bytes });
        }
        if prepared.is_empty() {
            return Ok(Vec::new());
        }
        Prepared::Parts(prepared).to_bytes(&self.sink.target_folder().display().to_string())
    }
}

impl<F: WriteFormat> Writer<F::Record> for PartsWriter<F> {
    fn ready(&mut self) -> Result<bool, Error> {
        self.gather_complete()?;
        if self.ended.len() >= PARTS_COMPLETING {
            return Ok(false);
        }
        match &mut self.part {
            Some((_, part)) => part.file.writer().ready(),
            None => Ok(true),
        }
    }

    fn write(&mut self, batch: &mut Vec<F::Record>) -> Result<(), Error> {
        let has_ended = self.cut.is_some_and(|cut| cut.id == CheckpointId::END);
        assert!(!has_ended, "nothing is written after the end of the input");
        if batch.is_empty() {
            return Ok(());
        }
        self.part()?.file.writer().write(batch)
    }

    fn end_epoch(&mut self, _epoch: Epoch) -> Result<(), Error> {
        let is_due = match &mut self.part {
            Some((_, part)) => part.is_roll_due(&self.sink, &self.context),
            None => false,
        };
        if is_due { self.end_part() } else { Ok(()) }
    }

    fn prepare(&mut self, cut: CheckpointId) -> Result<Option<Vec<u8>>, Error> {
        let cut = match self.cut {
            Some(asked) if asked.id == cut => asked,
            _ => {
                self.end_part()?;
                *self.cut.insert(Cut { id: cut, number: self.number })
            }
        };
        self.gather_complete()?;
        let is_complete = self.ended.front().is_none_or(|(number, _)| *number >= cut.number);
        if !is_complete || !self.is_synced()? {
            return Ok(None);
        }
        self.hand_out(cut).map(Some)
    }

    fn commit(&mut self, cut: CheckpointId) -> Result<(), Error> {
        let is_due = |part: &mut CompletePart| part.cut.is_some_and(|handed| handed <= cut);
        let due: Vec<_> = self.complete.extract_if(.., is_due).collect();
        if due.is_empty() {
            return Ok(());
        }
        due.into_iter().try_for_each(|part| part.file.publish())?;
        if let Some(syncing) = self.syncing.take() {
            syncing.wait()?;
        }
        let folder = self.sink.target_folder().to_owned();
        let name = format!("sync {}", folder.display());
        let sync = move || sync_folder(&folder);
        self.syncing = Some(Task::spawn(name, self.context.waker.clone(), sync)?);
        Ok(())
    }

    fn finish(mut self: Box<Self>, how: Finish) -> Result<(), Error> {
        if how == Finish::Commit {
            self.commit(CheckpointId::END)?;
        }
        self.syncing.take().map_or(Ok(()), Task::wait)
    }
}
