//! Writes files: one, or parts in a folder.
//!
//! The user's [`FileSink`] and its options, and the writer for jobs without checkpoints; those with
//! checkpoints are `parts` and `single`. A reader of the folder never sees half a file, and nothing
//! of a job that failed, except what it committed and parts that were rolled before it did.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rheos_engine::{
    CheckpointId, Delivery, Epoch, Error, Finish, Placement, ProcessingTime, Recovery, Sink,
    Writer, WriterContext,
};

use super::parts::PartsWriter;
use super::recovery::recover;
use super::single::SingleWriter;
use super::staged::{HiddenFile, StagedFile, folder_of, sync_folder};
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
/// In a job that takes checkpoints, a folder gets parts `part-<run>-<worker>-<number>`, where runs
/// are the starts of the job: a part ends at each checkpoint and is published when that is durable,
/// so that whatever happens every record is in exactly one part that a reader sees. A single file
/// is published once, when the job has ended; until then a restored job continues it under its
/// hidden name.
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
    /// once, also if the job fails later; with checkpoints it waits for the next of them.
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
    /// published at once, also if the job fails later; with checkpoints it waits for the next of
    /// them.
    ///
    /// # Panics
    /// When it is zero.
    pub fn roll_every(mut self, duration: Duration) -> Self {
        assert!(!duration.is_zero(), "a part lasts some time");
        self.roll.every = Some(duration);
        self
    }

    pub(super) fn compression(&self) -> Compression {
        match (self.compression, &self.target) {
            (Some(compression), _) => compression,
            (None, Target::File(path)) => Compression::of(path),
            (None, Target::Folder(_)) => Compression::None,
        }
    }

    pub(super) fn format(&self) -> &F {
        &self.format
    }

    /// The folder that it writes into.
    pub(super) fn target_folder(&self) -> &Path {
        self.target.folder()
    }

    /// What the names of parts end in.
    pub(super) fn ending(&self) -> String {
        format!(".{}{}", self.format.extension(), self.compression().ending())
    }

    fn check_rolls(&self) -> Result<(), Error> {
        if let Target::File(path) = &self.target
            && (self.roll.bytes.is_some() || self.roll.every.is_some())
        {
            let attempted = format!("write {}", path.display());
            return Err(Error::usage(attempted, "a single file cannot be rolled")
                .advise("write into a folder: end the path in /"));
        }
        Ok(())
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
        self.check_rolls()?;
        self.target.prepare(self.earlier)
    }

    fn recover(&self, recovery: &Recovery<'_>) -> Result<(), Error> {
        self.check_rolls()?;
        recover(&self.target, &self.ending(), recovery)
    }

    fn open(&self, context: WriterContext) -> Result<Box<dyn Writer<F::Record>>, Error> {
        let folder = self.target.folder();
        // On another machine than the one that prepared the target it may not be there yet.
        std::fs::create_dir_all(folder)
            .map_err(|error| Error::io(format!("create the folder {}", folder.display()), error))?;
        Ok(match &self.target {
            Target::File(path) if context.checkpoints => {
                Box::new(SingleWriter::open(path, self, context)?)
            }
            Target::Folder(_) if context.checkpoints => {
                Box::new(PartsWriter::new(self.clone(), context))
            }
            _ => Box::new(FileWriter {
                ending: self.ending(),
                sink: self.clone(),
                context,
                part: None,
                prepared: None,
                number: 0,
            }),
        })
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

/// A file that is being written.
pub(super) struct Part<F: WriteFormat> {
    pub(super) file: StagedFile<F>,
    begun: ProcessingTime,
}

impl<F: WriteFormat> Part<F> {
    pub(super) fn begin(
        path: &Path,
        sink: &FileSink<F>,
        context: &WriterContext,
    ) -> Result<Self, Error> {
        let waker = context.waker.clone();
        let file = StagedFile::create(path, &sink.format, sink.compression(), waker)?;
        Ok(Self { file, begun: context.clock.now() })
    }

    pub(super) fn is_roll_due(&mut self, sink: &FileSink<F>, context: &WriterContext) -> bool {
        let bytes = self.file.writer().bytes();
        let is_full = sink.roll.bytes.is_some_and(|limit| bytes >= limit);
        let is_old = |every| context.clock.now() >= self.begun.plus(every);
        is_full || sink.roll.every.is_some_and(is_old)
    }
}

impl<F: WriteFormat> FileWriter<F> {
    /// The part that is being written; begins one if there is none.
    fn part(&mut self) -> Result<&mut Part<F>, Error> {
        let part = match self.part.take() {
            Some(part) => part,
            None => {
                let path = self.sink.target.part(self.context.worker, self.number, &self.ending);
                self.number += 1;
                Part::begin(&path, &self.sink, &self.context)?
            }
        };
        Ok(self.part.insert(part))
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
        if let Some(part) = self.part.take_if(|part| part.is_roll_due(&self.sink, &self.context)) {
            publish(part.file.complete()?)?;
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
                self.prepared.take().map_or(Ok(()), publish)
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

/// Gives a file its final name, durably.
fn publish(file: HiddenFile) -> Result<(), Error> {
    let folder = folder_of(file.path()).to_owned();
    file.publish()?;
    sync_folder(&folder)
}
