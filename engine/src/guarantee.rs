//! What is guaranteed between a source and a sink when a job fails and goes on from a checkpoint.
//!
//! It follows from the two ends of the path alone: whether the source can be read again, and when
//! the sink publishes. What stands between them is restored with the checkpoint.

use std::fmt;
use std::str::FromStr;

use crate::config::{Config, Processes};
use crate::job::announce::say;
use crate::plan::{Node, Plan};
use crate::run::StepId;
use crate::{Delivery, Error, Replay};

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

/// What is guaranteed between one source and one sink of a job with checkpoints.
///
/// [`Display`](fmt::Display) gives it as a line for people: "`lines` -> `totals`: exactly once".
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathGuarantee {
    /// The name of the source.
    pub source: String,
    /// The name of the sink.
    pub sink: String,
    /// What is guaranteed.
    pub guarantee: Guarantee,
    /// Why it is not more.
    pub reason: Option<String>,
    /// What would make it more.
    pub advice: Option<&'static str>,
}

impl fmt::Display for PathGuarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` -> `{}`: {}", self.source, self.sink, self.guarantee)?;
        match &self.reason {
            Some(reason) => write!(f, ", because {reason}"),
            None => Ok(()),
        }
    }
}

const PUT_A_JOURNAL: &str = "put a journal in front of a socket, or read from files";
const STAGE: &str = "write to a sink that publishes with checkpoints, such as files";

impl PathGuarantee {
    fn of(source: &str, replay: Replay, sink: &str, delivery: Delivery) -> Self {
        let (guarantee, reason, advice) = match (replay, delivery) {
            (Replay::FromPosition, Delivery::Staged) => (Guarantee::ExactlyOnce, None, None),
            (Replay::FromPosition, Delivery::Immediate) => (
                Guarantee::AtLeastOnce,
                Some(format!(
                    "`{sink}` publishes at once: after a failure it publishes again what came \
                     after the last checkpoint"
                )),
                Some(STAGE),
            ),
            // What is published twice here is what restored state says again.
            (Replay::None, delivery) => (
                Guarantee::AtMostOnce,
                Some(format!(
                    "`{source}` cannot be read again: a failure loses the records that were read \
                     and are not yet in a checkpoint{}",
                    match delivery {
                        Delivery::Staged => String::new(),
                        Delivery::Immediate => format!(
                            "; and `{sink}` publishes at once, so what steps say of older records \
                             may come twice"
                        ),
                    }
                )),
                Some(PUT_A_JOURNAL),
            ),
        };
        Self { source: source.to_owned(), sink: sink.to_owned(), guarantee, reason, advice }
    }
}

impl Plan {
    /// What is guaranteed, with checkpoints, between each source and each sink that its records
    /// have a part in; in the order of the sources, then of the sinks.
    #[must_use]
    pub fn guarantees(&self) -> Vec<PathGuarantee> {
        let mut paths = Vec::new();
        for (from, source_step) in self.steps.iter().enumerate() {
            let Node::Source(source) = &source_step.node else { continue };
            let reached = self.reached(StepId(from), |_| true);
            for (to, sink_step) in self.steps.iter().enumerate().filter(|(to, _)| reached[*to]) {
                let Node::Sink(sink) = &sink_step.node else { continue };
                let (from, to) = (&source_step.name, &self.steps[to].name);
                paths.push(PathGuarantee::of(from, source.replay(), to, sink.delivery()));
            }
        }
        paths
    }
}

/// Checks that a job guarantees what its configuration requires, and says on standard error what
/// it guarantees where that is wanted.
///
/// # Errors
/// Lists the paths that guarantee less, and what can be done about each.
pub(crate) fn meet(plan: &Plan, config: &Config) -> Result<(), Error> {
    let paths = plan.guarantees();
    let has_checkpoints = config.checkpoints.is_some();
    if let Some(required) = config.require {
        require(required, &paths, has_checkpoints)
            .map_err(|missed| missed.into_error(&plan.name, required))?;
    }
    let is_first = match config.processes {
        Processes::Hosts { process, .. } => process == 0,
        Processes::One | Processes::Local(_) => !crate::cluster::is_launched_copy(),
    };
    if config.announce && has_checkpoints && is_first {
        let mut text = format!("job `{}` guarantees, whatever fails:\n", plan.name);
        paths.iter().for_each(|path| text += &format!("  {path}\n"));
        say(&text);
    }
    Ok(())
}

/// Why a job guarantees less than is required.
#[derive(Debug, PartialEq, Eq)]
struct Missed {
    reason: String,
    advice: String,
}

impl Missed {
    fn into_error(self, job: &str, required: Guarantee) -> Error {
        Error::usage(format!("start the job {job} with {required} required"), self.reason)
            .advise(self.advice)
    }
}

/// Whether all paths guarantee what is required.
fn require(
    required: Guarantee,
    paths: &[PathGuarantee],
    has_checkpoints: bool,
) -> Result<(), Missed> {
    if required > Guarantee::AtMostOnce && !has_checkpoints {
        return Err(Missed {
            reason: "it takes no checkpoints, so nothing of it survives a failure".to_owned(),
            advice: "add --checkpoint-dir DIR, or call checkpoint_to in the program".to_owned(),
        });
    }
    let weak: Vec<&PathGuarantee> = paths.iter().filter(|path| path.guarantee < required).collect();
    if weak.is_empty() {
        return Ok(());
    }
    let mut advice: Vec<&str> = weak.iter().filter_map(|path| path.advice).collect();
    advice.sort_unstable();
    advice.dedup();
    advice.push("or require less");
    let lines: Vec<String> = weak.iter().map(ToString::to_string).collect();
    Err(Missed { reason: lines.join("; "), advice: advice.join("; ") })
}

#[cfg(test)]
mod tests;
