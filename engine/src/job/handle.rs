//! A running job, in the hands of ordinary code.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::desk::Said;
use super::shared::StopRequest;
use super::start::Running;
use crate::cluster::is_launched_copy;
use crate::{Error, ErrorKind, Report, Why};

/// A running job. Dropping the handle leaves the job running.
pub struct JobHandle {
    running: Arc<Running>,
    waiter: JoinHandle<Result<Report, Error>>,
}

/// Stops or drains a job from anywhere; cheap to clone.
#[derive(Clone)]
pub struct JobControl {
    running: Arc<Running>,
}

impl JobControl {
    /// Asks the job to finish its open epochs and leave. Nothing that waits for the end of the
    /// input is published. Returns at once; the first request counts.
    pub fn stop(&self) {
        self.running.shared.request_stop(StopRequest::Stop);
    }

    /// Asks the job to take what was read so far as its whole input, and to finish.
    pub fn drain(&self) {
        self.running.shared.request_stop(StopRequest::Drain);
    }

    /// Asks for a checkpoint now, whenever the next one would be due. Returns at once; the report
    /// counts those that became durable.
    ///
    /// # Errors
    /// When the job takes no checkpoints.
    pub fn checkpoint(&self) -> Result<(), Error> {
        let Some(desk) = self.running.shared.desk() else {
            let reason = "the job keeps no checkpoints";
            return Err(Error::usage("take a checkpoint", reason)
                .advise("give it a folder with Config::checkpoint_to or --checkpoint-dir"));
        };
        desk.say(Said::Wanted);
        Ok(())
    }

    /// What the workers of this process have done so far.
    #[must_use]
    pub fn metrics(&self) -> Report {
        self.running.report()
    }

    /// Why the step with this name has said no more than it has, as far as this process knows:
    /// who holds its watermark, for how long, and what waits for it. None where there is no such
    /// step.
    #[must_use]
    pub fn why(&self, step: &str) -> Option<Why> {
        self.running.why(step)
    }
}

impl JobHandle {
    pub(crate) fn new(running: Arc<Running>, waiter: JoinHandle<Result<Report, Error>>) -> Self {
        Self { running, waiter }
    }

    /// What the threads of the job share.
    #[cfg(test)]
    pub(crate) fn shared(&self) -> &super::shared::Shared {
        &self.running.shared
    }

    /// Something to stop the job with, also while another thread waits for it.
    #[must_use]
    pub fn control(&self) -> JobControl {
        JobControl { running: Arc::clone(&self.running) }
    }

    /// See [`JobControl::stop`].
    pub fn stop(&self) {
        self.control().stop();
    }

    /// See [`JobControl::drain`].
    pub fn drain(&self) {
        self.control().drain();
    }

    /// What the workers of this process have done so far.
    #[must_use]
    pub fn metrics(&self) -> Report {
        self.running.report()
    }

    /// See [`JobControl::why`].
    #[must_use]
    pub fn why(&self, step: &str) -> Option<Why> {
        self.running.why(step)
    }

    /// Whether the job is over, so that [`wait`](Self::wait) would return at once.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.waiter.is_finished()
    }

    /// Waits for the end of the job. In a copy of the program that `--processes` started, the
    /// process ends here: its part is done, and what comes after belongs to the first process.
    ///
    /// # Errors
    /// What the job failed with; the error names the step.
    pub fn wait(self) -> Result<Report, Error> {
        let result = self.waiter.join().unwrap_or_else(|panic| {
            let reason = crate::dataflow::panic_message(&*panic);
            Err(Error::new(ErrorKind::Internal, "wait for the job", reason))
        });
        if is_launched_copy() {
            let code = result.as_ref().map_or_else(|error| i32::from(error.kind().code()), |_| 0);
            std::process::exit(code);
        }
        result
    }
}
