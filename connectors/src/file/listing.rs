//! Which files a source reads: one, those that match a pattern, those below a folder.
//!
//! It only looks; it opens nothing. Names are sorted, so that the same files always give the same
//! list. Names that begin with a dot are hidden and left out, below a folder also those that begin
//! with an underscore (`_SUCCESS` and the like).

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use glob::MatchOptions;
use rheos_engine::Error;

/// Where files are looked for.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// One file.
    Path(PathBuf),
    /// All files that match a pattern.
    Glob(String),
    /// All files below a folder.
    Folder(PathBuf),
}

/// A file that was found.
#[derive(Clone, Debug)]
pub(crate) struct ListedFile {
    pub(crate) path: PathBuf,
    pub(crate) metadata: Metadata,
}

impl Place {
    /// All its files, sorted by name.
    pub(crate) fn list(&self) -> Result<Vec<ListedFile>, Error> {
        let mut files = match self {
            Place::Path(path) => list_path(path)?,
            Place::Glob(pattern) => list_glob(pattern)?,
            Place::Folder(folder) => {
                let mut files = Vec::new();
                list_folder(folder, &mut Vec::new(), &mut files)?;
                files
            }
        };
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }

    /// What a person calls it.
    pub(crate) fn describe(&self) -> String {
        match self {
            Place::Path(path) => path.display().to_string(),
            Place::Glob(pattern) => format!("files that match {pattern}"),
            Place::Folder(folder) => format!("files below {}", folder.display()),
        }
    }
}

fn list_path(path: &Path) -> Result<Vec<ListedFile>, Error> {
    let metadata = look_at(path)?;
    if metadata.is_dir() {
        let attempted = format!("read {}", path.display());
        return Err(Error::usage(attempted, "it is a folder").advise("read it as a folder"));
    }
    Ok(vec![ListedFile { path: path.to_owned(), metadata }])
}

fn list_glob(pattern: &str) -> Result<Vec<ListedFile>, Error> {
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let paths = glob::glob_with(pattern, options)
        .map_err(|error| Error::usage(format!("match files with {pattern}"), error.to_string()))?;
    let mut files = Vec::new();
    for path in paths {
        let path = path
            .map_err(|error| Error::io(format!("list {}", error.path().display()), error.into()))?;
        let metadata = look_at(&path)?;
        if !metadata.is_dir() {
            files.push(ListedFile { path, metadata });
        }
    }
    Ok(files)
}

/// `above` are the folders around this one: a link that leads back to one of them is not followed.
fn list_folder(
    folder: &Path,
    above: &mut Vec<(u64, u64)>,
    files: &mut Vec<ListedFile>,
) -> Result<(), Error> {
    let metadata = look_at(folder)?;
    let identity = (metadata.dev(), metadata.ino());
    if above.contains(&identity) {
        return Ok(());
    }
    above.push(identity);
    let failed = |error| Error::io(format!("list {}", folder.display()), error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_hidden(&path) {
            continue;
        }
        let metadata = match fs::metadata(&path) {
            // It was there a moment ago: the folder changes while it is listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata.map_err(|error| could_not_look_at(&path, error))?,
        };
        if metadata.is_dir() {
            list_folder(&path, above, files)?;
        } else {
            files.push(ListedFile { path, metadata });
        }
    }
    above.pop();
    Ok(())
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.as_encoded_bytes()).unwrap_or_default();
    name.starts_with(b".") || name.starts_with(b"_")
}

fn look_at(path: &Path) -> Result<Metadata, Error> {
    fs::metadata(path).map_err(|error| could_not_look_at(path, error))
}

fn could_not_look_at(path: &Path, error: io::Error) -> Error {
    Error::io(format!("open {}", path.display()), error)
}
