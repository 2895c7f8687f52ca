//! Activates a host after a while, once, however often it is asked to.

use std::time::{Duration, Instant};

use timely::scheduling::Activator;

/// Timers below this would be a busy loop by another name.
const SHORTEST: Duration = Duration::from_millis(1);

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
        let now = Instant::now();
        let left = left.clamp(SHORTEST, LONGEST);
        if self.set_for.is_none_or(|at| at <= now || now + left < at) {
            self.set_for = Some(now + left);
            self.activator.activate_after(left);
        }
    }
}
