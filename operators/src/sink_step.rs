//! The handle of a sink that was added to a job.

use rheos_engine::plan::StepHandle;

/// A sink of a job, to be named or forgotten.
pub struct SinkStep {
    step: StepHandle,
}

impl SinkStep {
    pub(crate) fn new(step: StepHandle) -> Self {
        Self { step }
    }

    /// Names the sink, for errors, reports and explanations.
    ///
    /// # Panics
    /// When another step of the job has that name.
    pub fn named(self, name: &str) -> Self {
        self.step.rename(name);
        self
    }
}
