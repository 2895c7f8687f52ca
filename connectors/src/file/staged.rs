//! A file that nobody sees before it is complete.
//!
//! It is written under a hidden name in the folder of its final one and renamed when it is whole
//! and on disk. It never exists half under its final name, and is removed unless it is published or
//! kept on purpose.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use rheos_engine::{Error, Waker};

use super::open::failed;
use crate::format::WriteFormat;
use crate::io::{BlockWriter, Compression, EncodedWriter};

/// What the hidden names end in.
const STAGED: &str = ".staged";

/// The hidden name under which a file is written.
pub(crate) fn hidden_name(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(STAGED);
    path.with_file_name(name)
}

/// Whether a name is one that [`hidden_name`] gives.
pub(crate) fn is_staged_name(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(STAGED)
}

/// A file under its hidden name; dropping it removes it.
pub(crate) struct HiddenFile {
    hidden: PathBuf,
    path: PathBuf,
    /// It was published or is kept: nothing is left to remove.
    is_settled: bool,
}

impl HiddenFile {
    fn create(path: &Path) -> Result<(Self, File), Error> {
        let hidden = hidden_name(path);
        let file = File::options().write(true).create_new(true).open(&hidden);
        let file = file.map_err(|error| {
            failed("create", &hidden, error).advise("another job may be writing to the same place")
        })?;
        Ok((Self { hidden, path: path.to_owned(), is_settled: false }, file))
    }

    /// Gives it its final name, durably.
    pub(crate) fn publish(mut self) -> Result<(), Error> {
        fs::rename(&self.hidden, &self.path)
            .map_err(|error| failed("publish", &self.path, error))?;
        self.is_settled = true;
        sync_folder_of(&self.path)
    }

    /// Leaves it under its hidden name and says so.
    pub(crate) fn keep(mut self) {
        self.is_settled = true;
        tracing::warn!(
            file = %self.hidden.display(),
            "the job was stopped before its end: what it wrote is kept here, unpublished"
        );
    }
}

impl Drop for HiddenFile {
    fn drop(&mut self) {
        if !self.is_settled
            && let Err(error) = fs::remove_file(&self.hidden)
        {
            tracing::warn!(file = %self.hidden.display(), %error, "cannot remove an unpublished file");
        }
    }
}

/// A file that is being written. Fields drop in order: the writing ends before the file goes.
pub(crate) struct StagedFile<F: WriteFormat> {
    writer: EncodedWriter<F>,
    hidden: HiddenFile,
}

impl<F: WriteFormat> StagedFile<F> {
    /// Begins a file.
    pub(crate) fn create(
        path: &Path,
        format: &F,
        compression: Compression,
        waker: Waker,
    ) -> Result<Self, Error> {
        let (hidden, file) = HiddenFile::create(path)?;
        let compressor =
            compression.compress(file).map_err(|error| failed("write", path, error))?;
        let close = |compressor: crate::io::Compressor<File>| {
            let mut file = compressor.finish()?;
            file.flush()?;
            file.sync_all()
        };
        let blocks = BlockWriter::spawn(path.display().to_string(), compressor, close, waker)?;
        Ok(Self { writer: EncodedWriter::new(format, blocks), hidden })
    }

    /// What takes its records.
    pub(crate) fn writer(&mut self) -> &mut EncodedWriter<F> {
        &mut self.writer
    }

    /// Writes it completely and durably, and waits for that.
    pub(crate) fn complete(self) -> Result<HiddenFile, Error> {
        self.writer.close()?;
        Ok(self.hidden)
    }
}

fn sync_folder_of(path: &Path) -> Result<(), Error> {
    let folder = folder_of(path);
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed("sync", folder, error))
}

/// The folder a path is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
