//! Activates a host after a while, once, however often it is asked to.

use std::time::{Duration, Instant};

use timely::scheduling::Activator;

/// Timers below this would be a busy loop by another name.
const SHORTEST: Duration = Duration::from_millis(1);

/// The same for readers that keep a rate.
const SHORTEST_OF_READERS: Duration = Duration::from_micros(100);

/// Timers above this ring early; whoever set them looks and sets another one.
const LONGEST: Duration = Duration::from_secs(3600);

/// A host's activator with a timer.
pub(crate) struct Alarm {
    activator: Activator,
    /// When the host wakes by itself.
    set_for: Option<Instant>,
}

impl Alarm {
    pub(crate) fn new(activator: Activator) -> Self {
        Self { activator, set_for: None }
    }

    /// Activates the host at the worker's next step.
    pub(crate) fn now(&self) {
        self.activator.activate();
    }

    /// Activates the host after `left`, unless a timer is running that rings before: without that,
    /// every activation for another reason would start one more timer that renews itself.
    pub(crate) fn after(&mut self, left: Duration) {
        self.set(left.clamp(SHORTEST, LONGEST));
    }

    /// Activates the host at a moment that a reader has asked for, which may be finer.
    pub(crate) fn at(&mut self, moment: Instant) {
        let left = moment.saturating_duration_since(Instant::now());
        self.set(left.clamp(SHORTEST_OF_READERS, LONGEST));
    }

    fn set(&mut self, left: Duration) {
        let now = Instant::now();
        if self.set_for.is_none_or(|at| at <= now || now + left < at) {
            self.set_for = Some(now + left);
            self.activator.activate_after(left);
        }
    }
}
