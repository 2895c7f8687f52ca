//! What can go wrong, in one type for the whole workspace.
//!
//! An [`Error`] says what was attempted, on which object, why it failed and what to do about it.
//! Its [`ErrorKind`] decides the exit code of a program ([`exit_code`]) and whether trying again
//! can help. Bugs are not errors: they panic, and the engine turns the panic into an error that
//! names the step.

use std::error::Error as StdError;
use std::fmt;
use std::process::ExitCode;

/// Whose fault an [`Error`] is, which decides the exit code and whether a retry can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The program was called or configured wrongly; exit code 2.
    Usage,
    /// The input holds a record that cannot be understood; exit code 3.
    Data,
    /// A user's closure or operator panicked or returned an error; exit code 4.
    UserCode,
    /// A file, a socket or the operating system refused; exit code 5. A retry can help.
    External,
    /// Another process of the job died, fell silent or was cut off; exit code 6. A retry can help.
    Peer,
    /// The engine found itself in a state that must not be; exit code 70.
    Internal,
}

impl ErrorKind {
    /// The exit code a program ends with, as the documentation of each kind states.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            ErrorKind::Usage => 2,
            ErrorKind::Data => 3,
            ErrorKind::UserCode => 4,
            ErrorKind::External => 5,
            ErrorKind::Peer => 6,
            ErrorKind::Internal => 70,
        }
    }

    /// The kind that ends a program with this code, if one does.
    pub(crate) fn of_code(code: i32) -> Option<Self> {
        let all = [
            ErrorKind::Usage,
            ErrorKind::Data,
            ErrorKind::UserCode,
            ErrorKind::External,
            ErrorKind::Peer,
            ErrorKind::Internal,
        ];
        all.into_iter().find(|kind| i32::from(kind.code()) == code)
    }

    /// Whether the same job may succeed if it is simply started again.
    #[must_use]
    pub fn can_retry(self) -> bool {
        matches!(self, ErrorKind::External | ErrorKind::Peer)
    }
}

/// The exit code that belongs to the result of a job: 0 for success, else by [`ErrorKind`].
///
/// ```
/// use rheos_engine::{Error, ErrorKind, exit_code};
/// let failed: Result<(), Error> = Err(Error::new(ErrorKind::Data, "parse line 3", "not a number"));
/// assert_eq!(exit_code(&failed), std::process::ExitCode::from(3));
/// ```
pub fn exit_code<T>(result: &Result<T, Error>) -> ExitCode {
    match result {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(error.kind().code()),
    }
}

/// What was attempted, why it failed, and in which step of the job.
pub struct Error {
    kind: ErrorKind,
    attempted: String,
    reason: String,
    advice: Option<String>,
    step: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind`: `attempted` is a verb and its object ("open orders.csv").
    pub fn new(kind: ErrorKind, attempted: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            kind,
            attempted: attempted.into(),
            reason: reason.into(),
            advice: None,
            step: None,
            source: None,
        }
    }

    /// A wrong call or configuration.
    pub fn usage(attempted: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, attempted, reason)
    }

    /// A failed operation of the operating system.
    pub fn io(attempted: impl Into<String>, cause: std::io::Error) -> Self {
        Self::new(ErrorKind::External, attempted, cause.to_string()).caused_by(cause)
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Adds the error underneath, for [`StdError::source`].
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// Names the step of the job in which it happened, unless one is named already.
    #[must_use]
    pub fn in_step(mut self, step: impl Into<String>) -> Self {
        self.step.get_or_insert(step.into());
        self
    }

    /// Whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The step of the job in which it happened, where it happened in one.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        self.step.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = &self.step {
            write!(f, "step `{step}` failed: ")?;
        }
        write!(f, "cannot {}: {}", self.attempted, self.reason)?;
        match &self.advice {
            Some(advice) => write!(f, " ({advice})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|cause| cause.as_ref() as _)
    }
}

/// The part of an [`Error`] that travels to other processes and threads.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ErrorNote {
    kind: ErrorKind,
    attempted: String,
    reason: String,
    advice: Option<String>,
    step: Option<String>,
}

impl From<&Error> for ErrorNote {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind,
            attempted: error.attempted.clone(),
            reason: error.reason.clone(),
            advice: error.advice.clone(),
            step: error.step.clone(),
        }
    }
}

impl From<ErrorNote> for Error {
    fn from(note: ErrorNote) -> Self {
        let ErrorNote { kind, attempted, reason, advice, step } = note;
        Self { kind, attempted, reason, advice, step, source: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_names_step_attempt_reason_and_advice() {
        let error = Error::usage("open out/", "the folder is not empty")
            .advise("pass --overwrite")
            .in_step("write totals")
            .in_step("a later step never wins");
        assert_eq!(
            error.to_string(),
            "step `write totals` failed: cannot open out/: the folder is not empty (pass --overwrite)"
        );
        assert_eq!(Error::from(ErrorNote::from(&error)).to_string(), error.to_string());
    }
}
