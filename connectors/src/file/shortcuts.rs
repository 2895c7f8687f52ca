//! Short names for files in the usual formats: [`TextFiles`], [`JsonFiles`], [`CsvFiles`] to read,
//! `create` on the formats to write.
//!
//! They only choose the format; everything else is [`FileSource`] and [`FileSink`].

use std::marker::PhantomData;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{FileSink, FileSource};
use crate::format::{Csv, JsonLines, RawLines, Text};

/// Reads lines of text.
///
/// ```
/// use rheos_connectors::TextFiles;
/// let logs = TextFiles::glob("logs/**/*.log.gz");
/// let book = TextFiles::path("book.txt").in_order();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TextFiles;

impl TextFiles {
    /// Reads one file: [`FileSource::path`].
    pub fn path(path: impl Into<PathBuf>) -> FileSource<Text> {
        FileSource::path(path, Text)
    }

    /// Reads all files that match a pattern: [`FileSource::glob`].
    pub fn glob(pattern: impl Into<String>) -> FileSource<Text> {
        FileSource::glob(pattern, Text)
    }

    /// Reads all files below a folder: [`FileSource::folder`].
    pub fn folder(path: impl Into<PathBuf>) -> FileSource<Text> {
        FileSource::folder(path, Text)
    }
}

/// Reads lines that are each a JSON document of type `T`.
///
/// ```
/// use rheos_connectors::JsonFiles;
/// #[derive(serde::Deserialize)]
/// struct Order { id: u64 }
/// let orders = JsonFiles::<Order>::folder("orders");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct JsonFiles<T> {
    record: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + Send + 'static> JsonFiles<T> {
    /// Reads one file: [`FileSource::path`].
    pub fn path(path: impl Into<PathBuf>) -> FileSource<JsonLines<T>> {
        FileSource::path(path, JsonLines::new())
    }

    /// Reads all files that match a pattern: [`FileSource::glob`].
    pub fn glob(pattern: impl Into<String>) -> FileSource<JsonLines<T>> {
        FileSource::glob(pattern, JsonLines::new())
    }

    /// Reads all files below a folder: [`FileSource::folder`].
    pub fn folder(path: impl Into<PathBuf>) -> FileSource<JsonLines<T>> {
        FileSource::folder(path, JsonLines::new())
    }
}

/// Reads comma-separated files whose first line names the fields of `T`. For other kinds of CSV,
/// give a [`Csv`] to a [`FileSource`].
///
/// ```
/// use rheos_connectors::{Csv, CsvFiles, FileSource};
/// #[derive(serde::Deserialize)]
/// struct Order { id: u64 }
/// let orders = CsvFiles::<Order>::path("orders.csv");
/// let tabs = FileSource::path("orders.tsv", Csv::<Order>::new().delimiter(b'\t'));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CsvFiles<T> {
    record: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + Send + 'static> CsvFiles<T> {
    /// Reads one file: [`FileSource::path`].
    pub fn path(path: impl Into<PathBuf>) -> FileSource<Csv<T>> {
        FileSource::path(path, Csv::new())
    }

    /// Reads all files that match a pattern: [`FileSource::glob`].
    pub fn glob(pattern: impl Into<String>) -> FileSource<Csv<T>> {
        FileSource::glob(pattern, Csv::new())
    }

    /// Reads all files below a folder: [`FileSource::folder`].
    pub fn folder(path: impl Into<PathBuf>) -> FileSource<Csv<T>> {
        FileSource::folder(path, Csv::new())
    }
}

impl Text {
    /// Writes text into a file or folder: [`FileSink::create`].
    pub fn create(path: impl Into<PathBuf>) -> FileSink<Text> {
        FileSink::create(path, Text)
    }
}

impl RawLines {
    /// Writes bytes as they are into a file or folder: [`FileSink::create`].
    pub fn create(path: impl Into<PathBuf>) -> FileSink<RawLines> {
        FileSink::create(path, RawLines)
    }
}

impl<T: Serialize + Send + 'static> JsonLines<T> {
    /// Writes JSON lines into a file or folder: [`FileSink::create`].
    pub fn create(path: impl Into<PathBuf>) -> FileSink<JsonLines<T>> {
        FileSink::create(path, JsonLines::new())
    }
}

impl<T: Serialize + Send + 'static> Csv<T> {
    /// Writes CSV with a header into a file or folder: [`FileSink::create`].
    pub fn create(path: impl Into<PathBuf>) -> FileSink<Csv<T>> {
        FileSink::create(path, Csv::new())
    }
}
