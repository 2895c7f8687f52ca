//! Writes files: one, or parts in a folder.
//!
//! The user's [`FileSink`] and its options. A reader of the folder never sees half a file, and
//! nothing of a job that failed, except parts that were rolled before it did.

use std::path::PathBuf;
use std::time::Duration;

use rheos_engine::{
    CheckpointId, Delivery, Epoch, Error, Finish, Placement, ProcessingTime, Sink, Writer,
    WriterContext,
};

use super::staged::{HiddenFile, StagedFile};
use super::target::{Earlier, Target};
use crate::format::WriteFormat;
use crate::io::Compression;

/// Writes records into files, in any format.
///
/// All is written under hidden names (`.part-000-00000.jsonl.staged`) and given its final name
/// when the job commits, durably. A job that fails leaves nothing; one that is stopped leaves its
/// files under their hidden names, where the log names them, until the next job writes to the same
/// place. A file is complete on disk before it gets its name.
///
/// A folder gets parts `part-<worker>-<number>`, from each worker that has records. A single file
/// is written by one worker, and is there, empty, if no record came.
///
/// ```
/// use rheos_connectors::file::{Compression, FileSink};
/// use rheos_connectors::{JsonLines, Text};
/// use rheos_engine::{Placement, Sink};
///
/// let parts = JsonLines::<u64>::create("out/").compress(Compression::Zstd).overwrite();
/// assert_eq!(parts.placement(), Placement::EveryWorker);
/// let one = FileSink::file("totals.txt.gz", Text);
/// assert_eq!(one.placement(), Placement::OneWorker);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct FileSink<F> {
    format: F,
    target: Target,
    compression: Option<Compression>,
    earlier: Earlier,
    roll: Roll,
}

/// When a part is ended and the next begun.
#[derive(Clone, Copy, Debug, Default)]
struct Roll {
    bytes: Option<u64>,
    every: Option<Duration>,
}

impl<F: WriteFormat> FileSink<F> {
    /// Writes one file.
    pub fn file(path: impl Into<PathBuf>, format: F) -> Self {
        Self::new(Target::File(path.into()), format)
    }

    /// Writes parts into a folder.
    pub fn folder(path: impl Into<PathBuf>, format: F) -> Self {
        Self::new(Target::Folder(path.into()), format)
    }

    /// Writes parts into a folder if the path ends in `/` or is a folder, else one file.
    pub fn create(path: impl Into<PathBuf>, format: F) -> Self {
        Self::new(Target::of(path.into()), format)
    }

    fn new(target: Target, format: F) -> Self {
        let (compression, earlier, roll) = (None, Earlier::Refuse, Roll::default());
        Self { format, target, compression, earlier, roll }
    }

    /// How the files are compressed; by default as the name of a single file ends (`.gz`, `.zst`),
    /// and not at all in a folder.
    pub fn compress(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// Replaces earlier output; by default a job does not start when the file exists or the folder
    /// is not empty.
    ///
    /// A single file is replaced in one step when the job commits. The parts of a folder are
    /// removed before the job starts, so that old and new ones are never mixed; a folder that
    /// holds anything but parts is refused.
    pub fn overwrite(mut self) -> Self {
        self.earlier = Earlier::Overwrite;
        self
    }

    /// Ends a part at the end of the epoch in which it passes this many bytes, before
    /// compression; by default parts are not ended by size. A part that is ended is published at
    /// once, also if the job fails later.
    ///
    /// # Panics
    /// When it is zero.
    pub fn roll_bytes(mut self, bytes: u64) -> Self {
        assert!(bytes > 0, "a part holds at least one byte");
        self.roll.bytes = Some(bytes);
        self
    }

    /// Ends a part at the end of the first epoch that ends this long, in processing time, after
    /// the part was begun; by default parts are not ended by time. A part that is ended is
    /// published at once, also if the job fails later.
    ///
    /// # Panics
    /// When it is zero.
    pub fn roll_every(mut self, duration: Duration) -> Self {
        assert!(!duration.is_zero(), "a part lasts some time");
        self.roll.every = Some(duration);
        self
    }

    fn compression(&self) -> Compression {
        match (self.compression, &self.target) {
            (Some(compression), _) => compression,
            (None, Target::File(path)) => Compression::of(path),
            (None, Target::Folder(_)) => Compression::None,
        }
    }
}

impl<F: WriteFormat> Sink for FileSink<F> {
    type Record = F::Record;

    fn delivery(&self) -> Delivery {
        Delivery::Staged
    }

    fn placement(&self) -> Placement {
        match self.target {
            Target::File(_) => Placement::OneWorker,
            Target::Folder(_) => Placement::EveryWorker,
        }
    }

    fn prepare_target(&self) -> Result<(), Error> {
        if let Target::File(path) = &self.target
            && (self.roll.bytes.is_some() || self.roll.every.is_some())
        {
            let attempted = format!("write {}", path.display());
            return Err(Error::usage(attempted, "a single file cannot be rolled")
                .advise("write into a folder: end the path in /"));
        }
        self.target.prepare(self.earlier)
    }

    fn open(&self, context: WriterContext) -> Result<Box<dyn Writer<F::Record>>, Error> {
        let folder = self.target.folder();
        // On another machine than the one that prepared the target it may not be there yet.
        std::fs::create_dir_all(folder)
            .map_err(|error| Error::io(format!("create the folder {}", folder.display()), error))?;
        Ok(Box::new(FileWriter {
            ending: format!(".{}{}", self.format.extension(), self.compression().ending()),
            sink: self.clone(),
            context,
            part: None,
            prepared: None,
            number: 0,
        }))
    }
}

/// Writes the files of one worker.
struct FileWriter<F: WriteFormat> {
    sink: FileSink<F>,
    context: WriterContext,
    /// What the names of parts end in.
    ending: String,
    part: Option<Part<F>>,
    /// Complete, and waiting for the job to commit.
    prepared: Option<HiddenFile>,
    /// The number of the next part.
    number: u32,
}

struct Part<F: WriteFormat> {
    file: StagedFile<F>,
    begun: ProcessingTime,
}

impl<F: WriteFormat> FileWriter<F> {
    /// The part that is being written; begins one if there is none.
    fn part(&mut self) -> Result<&mut Part<F>, Error> {
        let part = match self.part.take() {
            Some(part) => part,
            None => self.begin_part()?,
        };
        Ok(self.part.insert(part))
    }

    fn begin_part(&mut self) -> Result<Part<F>, Error> {
        let path = self.sink.target.part(self.context.worker, self.number, &self.ending);
        self.number += 1;
        let waker = self.context.waker.clone();
        let file = StagedFile::create(&path, &self.sink.format, self.sink.compression(), waker)?;
        Ok(Part { file, begun: self.context.clock.now() })
    }

    fn is_roll_due(&mut self) -> bool {
        let Some(part) = &mut self.part else {
            return false;
        };
        let bytes = part.file.writer().bytes();
        let is_full = self.sink.roll.bytes.is_some_and(|limit| bytes >= limit);
        let is_old = |every| self.context.clock.now() >= part.begun.plus(every);
        is_full || self.sink.roll.every.is_some_and(is_old)
    }
}

impl<F: WriteFormat> Writer<F::Record> for FileWriter<F> {
    fn ready(&mut self) -> Result<bool, Error> {
        match &mut self.part {
            Some(part) => part.file.writer().ready(),
            None => Ok(true),
        }
    }

    fn write(&mut self, batch: &mut Vec<F::Record>) -> Result<(), Error> {
        assert!(self.prepared.is_none(), "nothing is written after the end of the input");
        if batch.is_empty() {
            return Ok(());
        }
        self.part()?.file.writer().write(batch)
    }

    fn end_epoch(&mut self, _epoch: Epoch) -> Result<(), Error> {
        if self.is_roll_due()
            && let Some(part) = self.part.take()
        {
            part.file.complete()?.publish()?;
        }
        Ok(())
    }

    fn prepare(&mut self, _cut: CheckpointId) -> Result<Option<Vec<u8>>, Error> {
        if let Target::File(_) = self.sink.target
            && self.prepared.is_none()
        {
            self.part()?;
        }
        if let Some(part) = self.part.take() {
            self.prepared = Some(part.file.complete()?);
        }
        Ok(Some(Vec::new()))
    }

    fn finish(mut self: Box<Self>, how: Finish) -> Result<(), Error> {
        match how {
            Finish::Commit => {
                self.prepare(CheckpointId::END)?;
                self.prepared.take().map_or(Ok(()), HiddenFile::publish)
            }
            Finish::Stop => {
                if let Some(part) = self.part.take() {
                    self.prepared = Some(part.file.complete()?);
                }
                if let Some(prepared) = self.prepared.take() {
                    prepared.keep();
                }
                Ok(())
            }
        }
    }
}
