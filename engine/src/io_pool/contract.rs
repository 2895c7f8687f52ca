//! The contract of an I/O pool.

use std::pin::Pin;
use std::time::Duration;

use crate::Error;

/// Something that runs to its end on an I/O pool.
pub type IoTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs futures beside the workers.
///
/// The pool of a job ends with it: what has not come to its end is dropped then.
pub trait IoPool: Send + Sync + 'static {
    /// Runs a task. A task that panics is gone; whoever waits for it has to see to that.
    ///
    /// # Errors
    /// When the threads of the pool cannot be started.
    fn spawn(&self, task: IoTask) -> Result<(), Error>;

    /// Comes to its end so much later; to be waited for in a task of this pool.
    fn sleep(&self, duration: Duration) -> IoTask;
}
