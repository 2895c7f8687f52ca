//! What is wrong with a file of a checkpoint folder.

use std::fmt;
use std::io;

use crate::{Error, ErrorKind};

/// A file of a checkpoint folder that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    kind: ErrorKind,
    file: String,
    reason: String,
    advice: &'static str,
}

impl Damage {
    /// The file does not hold what was written.
    pub(crate) fn new(file: impl Into<String>, reason: impl Into<String>) -> Self {
        let (file, reason) = (file.into(), reason.into());
        Self { kind: ErrorKind::Data, file, reason, advice: "bring the file back from a copy" }
    }

    /// The file cannot be read.
    pub(crate) fn unreadable(file: impl Into<String>, cause: &io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::NotFound => Self::new(file, "the file is missing"),
            io::ErrorKind::UnexpectedEof => Self::new(file, "the file ends too early"),
            io::ErrorKind::InvalidData => Self::new(file, cause.to_string()),
            _ => Self {
                kind: ErrorKind::External,
                advice: "see that this program may read the folder and that the disk works",
                ..Self::new(file, cause.to_string())
            },
        }
    }

    /// The file has a format that this build does not know.
    pub(crate) fn unknown_format(file: impl Into<String>, version: u32, known: u32) -> Self {
        let reason = format!("it has format version {version}, and this program reads {known}");
        Self {
            kind: ErrorKind::Usage,
            advice: "run a program that is built with the version of the library that wrote it, or \
                     a later one",
            ..Self::new(file, reason)
        }
    }

    /// Whose fault it is.
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What can be done about the file.
    pub(crate) fn advice(&self) -> &'static str {
        self.advice
    }

    /// The error of whoever needs the file; `otherwise` is what can be done without it.
    pub(crate) fn or(self, otherwise: &str) -> Error {
        Error::new(self.kind, format!("read {}", self.file), self.reason)
            .advise(format!("{}, or {otherwise}", self.advice))
    }

    /// The file belongs to something else than what is asked for.
    pub(crate) fn foreign(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(file, reason)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.reason)
    }
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        damage.or("go back to an older checkpoint with `--restore ID --accept-duplicates`")
    }
}
