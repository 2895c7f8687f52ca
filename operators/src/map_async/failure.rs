//! What an asynchronous call failed with.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A record for which an asynchronous call failed for good: because no further attempt was left, or
/// because another one could not help.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FailedCall<T, E> {
    /// The record.
    pub record: T,
    /// What the last attempt failed with.
    pub error: AsyncError<E>,
    /// How many attempts there were.
    pub attempts: u32,
}

/// What an attempt failed with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AsyncError<E> {
    /// The program's function said so.
    Failed(E),
    /// There was no answer for so long.
    TimedOut(Duration),
}

impl<T, E: fmt::Display> fmt::Display for FailedCall<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attempts {
            1 => self.error.fmt(f),
            attempts => write!(f, "{}, in attempt {attempts}", self.error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for AsyncError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::TimedOut(timeout) => write!(f, "no answer within {timeout:?}"),
        }
    }
}

impl<T: fmt::Debug, E: Error + 'static> Error for FailedCall<T, E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl<E: Error + 'static> Error for AsyncError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            Self::TimedOut(_) => None,
        }
    }
}
