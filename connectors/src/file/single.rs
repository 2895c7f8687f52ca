//! Writes a single file that appears when the job has ended, and is continued from checkpoints.
//!
//! Used by [`FileSink`](super::FileSink) in jobs that take checkpoints. At each cut what was
//! written so far is made durable under a hidden name, which holds the run that began the file and
//! the one that goes on with it: a run that was given up cannot publish what a later one writes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rheos_engine::{CheckpointId, Error, Finish, Writer, WriterContext};

use super::open::failed;
use super::prepared::{Prepared, PreparedFile};
use super::recovery::{StagedBy, list};
use super::sink::FileSink;
use super::staged::{FileOutput, folder_of, sync_folder};
use crate::format::WriteFormat;
use crate::io::{BlockWriter, EncodedWriter};

/// Writes the file, in one worker.
pub(super) struct SingleWriter<F: WriteFormat> {
    path: PathBuf,
    hidden: PathBuf,
    /// The run that began the file.
    begun: u32,
    /// Gone once the last byte is complete or the job has failed.
    writer: Option<EncodedWriter<F>>,
    /// Where it is complete under its hidden name up to its end.
    whole: Option<Vec<u8>>,
    /// Whether it has its name.
    is_published: bool,
    /// Whether a checkpoint may need the hidden file.
    is_kept: bool,
}

impl<F: WriteFormat> SingleWriter<F> {
    /// Continues the file that [`recover`](super::recovery::recover) has handed to this run, or
    /// begins one.
    pub(super) fn open(
        path: &Path,
        sink: &FileSink<F>,
        context: WriterContext,
    ) -> Result<Self, Error> {
        let (name, run) = (path.file_name().unwrap_or_default(), context.run);
        let mut there = list(folder_of(path))?.into_keys();
        let continued = there.find_map(|hidden| match StagedBy::from_name(&hidden, name)?.runs {
            Some((begun, by)) if by == run => Some((begun, hidden)),
            _ => None,
        });
        let is_continued = continued.is_some();
        let (begun, hidden) = continued.unwrap_or_else(|| (run, StagedBy::name_of(name, run, run)));
        let hidden = path.with_file_name(hidden);
        let file = File::options().append(true).create(!is_continued).open(&hidden);
        let file = file.map_err(|error| failed("create", &hidden, error))?;
        let length = file.metadata().map_err(|error| failed("open", &hidden, error))?.len();
        let output = FileOutput::new(file, folder_of(path).to_owned(), sink.compression());
        let blocks = BlockWriter::spawn(path.display().to_string(), output, context.waker)?;
        let writer = match length {
            0 => EncodedWriter::new(sink.format(), blocks),
            _ => EncodedWriter::continuing(sink.format(), blocks),
        };
        let (path, writer) = (path.to_owned(), Some(writer));
        let (whole, is_published, is_kept) = (None, false, is_continued);
        Ok(Self { path, hidden, begun, writer, whole, is_published, is_kept })
    }

    fn writer(&mut self) -> Result<&mut EncodedWriter<F>, Error> {
        self.writer.as_mut().ok_or_else(|| {
            let attempted = format!("write {}", self.path.display());
            Error::new(rheos_engine::ErrorKind::Internal, attempted, "it is complete")
        })
    }

    fn prepared(&mut self, bytes: u64, is_whole: bool) -> Result<Vec<u8>, Error> {
        self.is_kept = true;
        let prepared = PreparedFile { begun: self.begun, bytes, is_whole };
        Prepared::File(prepared).to_bytes(&self.path.display().to_string())
    }
}

impl<F: WriteFormat> Writer<F::Record> for SingleWriter<F> {
    fn ready(&mut self) -> Result<bool, Error> {
        self.writer.as_mut().map_or(Ok(true), EncodedWriter::ready)
    }

    fn write(&mut self, batch: &mut Vec<F::Record>) -> Result<(), Error> {
        self.writer()?.write(batch)
    }

    fn prepare(&mut self, cut: CheckpointId) -> Result<Option<Vec<u8>>, Error> {
        if let Some(whole) = &self.whole {
            return Ok(Some(whole.clone()));
        }
        if cut != CheckpointId::END {
            let bytes = self.writer()?.cut(cut)?;
            return bytes.map(|bytes| self.prepared(bytes, false)).transpose();
        }
        let Some(bytes) = self.writer()?.cut_last()? else {
            return Ok(None);
        };
        self.writer = None;
        self.whole = Some(self.prepared(bytes, true)?);
        Ok(self.whole.clone())
    }

    fn commit(&mut self, cut: CheckpointId) -> Result<(), Error> {
        if cut != CheckpointId::END || self.whole.is_none() || self.is_published {
            return Ok(());
        }
        // It fails when a later run has taken the file over.
        fs::rename(&self.hidden, &self.path)
            .map_err(|error| failed("publish", &self.path, error))?;
        self.is_published = true;
        sync_folder(folder_of(&self.path))
    }

    fn finish(mut self: Box<Self>, how: Finish) -> Result<(), Error> {
        match how {
            Finish::Commit => self.commit(CheckpointId::END),
            Finish::Stop => Ok(()),
        }
    }
}

impl<F: WriteFormat> Drop for SingleWriter<F> {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            // A run that follows in this process goes on with the same file.
            writer.abandon();
        }
        if !self.is_kept
            && let Err(error) = fs::remove_file(&self.hidden)
        {
            tracing::warn!(file = %self.hidden.display(), %error, "cannot remove an unpublished file");
        }
    }
}
