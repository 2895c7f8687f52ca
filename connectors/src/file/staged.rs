//! A file that nobody sees before it is complete.
//!
//! It is written under a hidden name in the folder of its final one and renamed when it is whole
//! and on disk. It never exists half under its final name, and is removed unless it is published or
//! kept on purpose.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rheos_engine::{Error, Waker};

use super::open::failed;
use crate::format::WriteFormat;
use crate::io::{BlockWriter, Compression, Compressor, EncodedWriter, Sunk};

/// What the hidden names end in.
pub(crate) const STAGED: &str = ".staged";

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

    /// The name that it will have.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its final name, which is durable once the folder is synced.
    pub(crate) fn publish(mut self) -> Result<(), Error> {
        fs::rename(&self.hidden, &self.path).map_err(|error| {
            failed("publish", &self.path, error)
                .advise("a later run of the job may have taken over its output")
        })?;
        self.is_settled = true;
        Ok(())
    }

    /// Leaves it under its hidden name from now on, whatever becomes of the job.
    pub(crate) fn settle(&mut self) {
        self.is_settled = true;
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
        let output = FileOutput::new(file, folder_of(path).to_owned(), compression);
        let blocks = BlockWriter::spawn(path.display().to_string(), output, waker)?;
        Ok(Self { writer: EncodedWriter::new(format, blocks), hidden })
    }

    /// What takes its records.
    pub(crate) fn writer(&mut self) -> &mut EncodedWriter<F> {
        &mut self.writer
    }

    /// Asks for it to be written completely and durably; says how long it is once it is. Until
    /// then the waker is called when it may be.
    pub(crate) fn completed(&mut self) -> Result<Option<u64>, Error> {
        self.writer.cut_last()
    }

    /// The file, written completely and durably; waits for that.
    pub(crate) fn complete(self) -> Result<HiddenFile, Error> {
        self.writer.close()?;
        Ok(self.hidden)
    }
}

/// A file as a writing thread sees it: compressed on the way, complete and durable at cuts.
pub(crate) struct FileOutput {
    folder: PathBuf,
    compression: Compression,
    /// Gone only after an error.
    state: Option<OutputState>,
}

/// Between cuts that followed each other directly there is no empty gzip member or zstd frame.
enum OutputState {
    Whole(File),
    Begun(Compressor<File>),
}

impl FileOutput {
    /// Goes on at the end of `file`, which lies in `folder`.
    pub(crate) fn new(file: File, folder: PathBuf, compression: Compression) -> Self {
        Self { folder, compression, state: Some(OutputState::Whole(file)) }
    }

    /// What takes bytes.
    fn begun(&mut self) -> io::Result<&mut Compressor<File>> {
        let begun = match self.state.take() {
            None => return Err(io::Error::other("an earlier write has failed")),
            Some(OutputState::Begun(begun)) => begun,
            Some(OutputState::Whole(file)) => self.compression.compress(file)?,
        };
        match self.state.insert(OutputState::Begun(begun)) {
            OutputState::Begun(begun) => Ok(begun),
            OutputState::Whole(_) => Err(io::Error::other("it was not begun")),
        }
    }
}

impl Write for FileOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.state {
            Some(OutputState::Begun(begun)) => begun.flush(),
            _ => Ok(()),
        }
    }
}

impl Sunk for FileOutput {
    fn cut(&mut self) -> io::Result<u64> {
        let mut file = match self.state.take() {
            None => return Err(io::Error::other("an earlier write has failed")),
            Some(OutputState::Begun(begun)) => begun.finish()?,
            Some(OutputState::Whole(file)) => file,
        };
        file.flush()?;
        file.sync_all()?;
        // So that the hidden name is durable, too.
        File::open(&self.folder)?.sync_all()?;
        let length = file.metadata()?.len();
        self.state = Some(OutputState::Whole(file));
        Ok(length)
    }

    fn close(mut self) -> io::Result<u64> {
        // A file without records is an empty stream in its compression too.
        if let Some(OutputState::Whole(file)) = &self.state
            && file.metadata()?.len() == 0
        {
            self.begun()?;
        }
        self.cut()
    }
}

/// Makes what was created and renamed in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
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
