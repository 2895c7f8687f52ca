//! What is guaranteed between a source and a sink when a job fails and is started again.

use std::fmt;
use std::str::FromStr;

/// How often a record that was read has its effect on what a sink has published, whatever fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guarantee {
    /// Once or never: what was read and not yet published is lost by a failure.
    AtMostOnce,
    /// Once or more often: what was published after the last checkpoint is published again.
    AtLeastOnce,
    /// Once.
    ExactlyOnce,
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Guarantee::AtMostOnce => "at most once",
            Guarantee::AtLeastOnce => "at least once",
            Guarantee::ExactlyOnce => "exactly once",
        })
    }
}

impl FromStr for Guarantee {
    type Err = String;

    /// Reads it as flags write it: "exactly-once".
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "at-most-once" => Ok(Guarantee::AtMostOnce),
            "at-least-once" => Ok(Guarantee::AtLeastOnce),
            "exactly-once" => Ok(Guarantee::ExactlyOnce),
            _ => Err(format!("`{text}` is neither `exactly-once` nor `at-least-once`")),
        }
    }
}

/// What is guaranteed between one source and one sink.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathGuarantee {
    /// The name of the source.
    pub source: String,
    /// The name of the sink.
    pub sink: String,
    /// What is guaranteed.
    pub guarantee: Guarantee,
    /// Why it is not more, for people; empty where it is the most.
    pub reason: String,
}
