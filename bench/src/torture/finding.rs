//! What is wrong with what a job did.

use std::collections::BTreeMap;
use std::fmt;

/// In what way something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// A row that an undisturbed run publishes is missing.
    Lost,
    /// A row is there more often than an undisturbed run publishes it.
    Doubled,
    /// Rows of a key are not in their order.
    Reordered,
    /// A row that no undisturbed run publishes.
    Wrong,
    /// A published file was not complete.
    Partial,
    /// A published file has changed.
    Changed,
    /// A published file has gone.
    Withdrawn,
    /// The job made no progress.
    Hung,
    /// The job ended in a way that what was done to it does not explain.
    Failed,
}

impl Kind {
    pub(super) const ALL: [Self; 9] = [
        Kind::Lost,
        Kind::Doubled,
        Kind::Reordered,
        Kind::Wrong,
        Kind::Partial,
        Kind::Changed,
        Kind::Withdrawn,
        Kind::Hung,
        Kind::Failed,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Kind::Lost => "lost",
            Kind::Doubled => "doubled",
            Kind::Reordered => "reordered",
            Kind::Wrong => "wrong",
            Kind::Partial => "partial",
            Kind::Changed => "changed",
            Kind::Withdrawn => "withdrawn",
            Kind::Hung => "hung",
            Kind::Failed => "failed",
        };
        f.pad(name)
    }
}

/// Everything that is wrong: how often, and what, for the first few of each kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    counts: BTreeMap<Kind, u64>,
    examples: Vec<(Kind, String)>,
}

/// So many findings of a kind are kept as text.
const EXAMPLES: u64 = 4;

impl Findings {
    /// Something is wrong; `what` says where and what.
    pub(super) fn add(&mut self, kind: Kind, what: impl FnOnce() -> String) {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        if *count <= EXAMPLES {
            self.examples.push((kind, what()));
        }
    }

    /// Takes over what somebody else found.
    pub(super) fn extend(&mut self, other: Self) {
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        self.examples.extend(other.examples);
    }

    /// How often something is wrong in this way.
    pub(super) fn count(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count) in &self.counts {
            writeln!(f, "{kind}: {count}")?;
            for (_, what) in self.examples.iter().filter(|(of, _)| of == kind) {
                writeln!(f, "  {what}")?;
            }
        }
        Ok(())
    }
}
