//! Where files are written: one file, or a folder of parts; and what must be true of it first.
//!
//! It never removes anything but parts, and leftovers of failed jobs, that a file sink wrote.

use std::fs;
use std::path::{Path, PathBuf};

use rheos_engine::Error;

use super::open::failed;
use super::recovery::{StagedBy, list, remove};
use super::staged::{folder_of, is_staged_name};

/// What a sink writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// One file, by one worker.
    File(PathBuf),
    /// Parts in a folder, by every worker.
    Folder(PathBuf),
}

/// What becomes of earlier output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// It stays, and the job does not start.
    Refuse,
    /// It is replaced.
    Overwrite,
}

impl Target {
    /// A folder if the path ends in `/` or is one, else a file.
    pub(crate) fn of(path: PathBuf) -> Self {
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.is_dir() {
            Target::Folder(path)
        } else {
            Target::File(path)
        }
    }

    /// The path of a part; for a file, the file.
    pub(crate) fn part(&self, worker: usize, number: u32, ending: &str) -> PathBuf {
        match self {
            Target::File(path) => path.clone(),
            Target::Folder(folder) => folder.join(format!("part-{worker:03}-{number:05}{ending}")),
        }
    }

    /// The folder that files are written into.
    pub(crate) fn folder(&self) -> &Path {
        match self {
            Target::File(path) => folder_of(path),
            Target::Folder(folder) => folder,
        }
    }

    /// What a person calls it.
    pub(crate) fn described(&self) -> String {
        match self {
            Target::File(path) | Target::Folder(path) => path.display().to_string(),
        }
    }

    /// Makes the folder, removes leftovers, and deals with earlier output.
    pub(crate) fn prepare(&self, earlier: Earlier) -> Result<(), Error> {
        match self {
            Target::File(path) => prepare_file(path, earlier),
            Target::Folder(folder) => prepare_folder(folder, earlier),
        }
    }
}

fn prepare_file(path: &Path, earlier: Earlier) -> Result<(), Error> {
    let attempted = || format!("write {}", path.display());
    if path.file_name().is_none() {
        return Err(Error::usage(attempted(), "it is not the name of a file"));
    }
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            return Err(Error::usage(attempted(), "it is a folder")
                .advise("end the path in / to write parts into it"));
        }
        Ok(there) if !there.is_file() => {
            return Err(Error::usage(attempted(), "it is not a regular file"));
        }
        Ok(_) if earlier == Earlier::Refuse => {
            return Err(Error::usage(attempted(), "it exists").advise(
                "remove it, or allow it with `overwrite()`, on a command line --overwrite",
            ));
        }
        _ => {}
    }
    make_folder(folder_of(path))?;
    let name = path.file_name().unwrap_or_default();
    let mut staged = list(folder_of(path))?.into_keys();
    staged.try_for_each(|hidden| match StagedBy::from_name(&hidden, name) {
        Some(_) => remove(&path.with_file_name(hidden)),
        None => Ok(()),
    })
}

fn prepare_folder(folder: &Path, earlier: Earlier) -> Result<(), Error> {
    make_folder(folder)?;
    let attempted = || format!("write into {}", folder.display());
    let mut parts = Vec::new();
    let entries = fs::read_dir(folder).map_err(|error| failed("list", folder, error))?;
    for entry in entries {
        let path = entry.map_err(|error| failed("list", folder, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_staged_name(&name) {
            remove(&path)?;
        } else if name.starts_with('.') {
            // Hidden files of other programs are no content.
        } else if earlier == Earlier::Refuse {
            return Err(Error::usage(attempted(), "the folder is not empty").advise(
                "empty it, or allow it with `overwrite()`, on a command line --overwrite",
            ));
        } else if is_part_name(&name) && path.is_file() {
            parts.push(path);
        } else {
            return Err(Error::usage(attempted(), format!("it holds {name}, which is no part"))
                .advise("only parts that a job wrote are overwritten; remove the rest yourself"));
        }
    }
    parts.iter().try_for_each(|path| remove(path))
}

/// Whether a name is one that parts have.
fn is_part_name(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("part-") else {
        return false;
    };
    let (numbers, _) = rest.split_once('.').unwrap_or((rest, ""));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // The worker and the number; with checkpoints, the run before them.
    matches!(numbers.split('-').count(), 2..=3) && numbers.split('-').all(is_number)
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|error| failed("create the folder", folder, error))
}
