//! What a pattern looks for, step by step.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Whether a step takes a record.
type Takes<V> = Arc<dyn Fn(&V) -> bool + Send + Sync>;

/// A sequence of records of a key, and the time that it may take. Made from its steps:
///
/// ```
/// use std::time::Duration;
/// use rheos_operators::Pattern;
/// // Two failed logins in a row, and at some time later one that succeeds, in five minutes.
/// let guessed = Pattern::begin(|succeeded: &bool| !succeeded)
///     .next(|succeeded| !succeeded)
///     .followed_by(|succeeded| *succeeded)
///     .within(Duration::from_secs(300));
/// # drop(guessed);
/// ```
pub struct Pattern<V> {
    steps: Vec<Step<V>>,
    pub(super) within: Duration,
}

/// A pattern whose time has not been set; complete with [`within`](Self::within).
#[must_use = "a pattern is complete when it says within which time"]
pub struct PatternSteps<V> {
    steps: Vec<Step<V>>,
}

/// A step of a pattern.
struct Step<V> {
    takes: Takes<V>,
    contiguity: Contiguity,
}

/// What may stand before the record of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contiguity {
    /// Records that the step does not take.
    Relaxed,
    /// Nothing but the record of the step before.
    Strict,
}

impl<V> Pattern<V> {
    /// A pattern that begins with a record for which `takes` says yes.
    pub fn begin(takes: impl Fn(&V) -> bool + Send + Sync + 'static) -> PatternSteps<V> {
        PatternSteps { steps: Vec::new() }.and(takes, Contiguity::Relaxed)
    }

    /// How many steps there are.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether a step takes a record.
    pub(super) fn takes(&self, step: usize, record: &V) -> bool {
        (self.steps[step].takes)(record)
    }

    /// What may stand before the record of a step.
    pub(super) fn contiguity(&self, step: usize) -> Contiguity {
        self.steps[step].contiguity
    }
}

impl<V> PatternSteps<V> {
    /// Goes on with the next record of the key, which must be one that `takes` says yes to.
    pub fn next(self, takes: impl Fn(&V) -> bool + Send + Sync + 'static) -> Self {
        self.and(takes, Contiguity::Strict)
    }

    /// Goes on with the first later record of the key that `takes` says yes to.
    pub fn followed_by(self, takes: impl Fn(&V) -> bool + Send + Sync + 'static) -> Self {
        self.and(takes, Contiguity::Relaxed)
    }

    /// The pattern, whose last record is at most `duration` later than its first.
    #[must_use]
    pub fn within(self, duration: Duration) -> Pattern<V> {
        Pattern { steps: self.steps, within: duration }
    }

    fn and(
        mut self,
        takes: impl Fn(&V) -> bool + Send + Sync + 'static,
        contiguity: Contiguity,
    ) -> Self {
        self.steps.push(Step { takes: Arc::new(takes), contiguity });
        self
    }
}

impl<V> fmt::Debug for Pattern<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern of {} steps within {:?}", self.steps.len(), self.within)
    }
}
