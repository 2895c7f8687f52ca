//! The I/O pool of a running job: a tokio runtime, started when something first runs on it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::{IoPool, IoTask};
use crate::{Error, ErrorKind, Limits};

/// How long the end of a job waits for tasks that block instead of awaiting.
const PATIENCE: Duration = Duration::from_secs(1);

/// The I/O pool of a job in one process.
pub(crate) struct IoThreads {
    limits: Arc<Limits>,
    state: Mutex<State>,
}

enum State {
    /// Nothing has been run yet.
    New,
    Running(Runtime),
    /// The job is over.
    Ended,
}

impl IoThreads {
    pub(crate) fn new(limits: Arc<Limits>) -> Self {
        Self { limits, state: Mutex::new(State::New) }
    }

    /// Drops every task that waits, and leaves those alone that block.
    pub(crate) fn end(&self) {
        let state = std::mem::replace(&mut *self.lock(), State::Ended);
        if let State::Running(runtime) = state {
            runtime.shutdown_timeout(PATIENCE);
        }
    }

    fn start(&self) -> Result<Runtime, Error> {
        // The drivers for sockets and timers are those that the program's clients bring along.
        Builder::new_multi_thread()
            .worker_threads(self.limits.io_threads)
            .max_blocking_threads(self.limits.blocking_io_threads)
            .thread_name("rheos io")
            .enable_all()
            .build()
            .map_err(|cause| Error::io("start the threads for asynchronous calls", cause))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IoPool for IoThreads {
    fn spawn(&self, task: IoTask) -> Result<(), Error> {
        let mut state = self.lock();
        if let State::New = *state {
            *state = State::Running(self.start()?);
        }
        match &*state {
            State::Running(runtime) => {
                drop(runtime.spawn(task));
                Ok(())
            }
            _ => {
                let reason = "the job is over";
                Err(Error::new(ErrorKind::Internal, "run an asynchronous call", reason))
            }
        }
    }

    fn sleep(&self, duration: Duration) -> IoTask {
        // Timers know their runtime by the thread that first polls them.
        Box::pin(async move { tokio::time::sleep(duration).await })
    }
}

impl Drop for IoThreads {
    /// The last handle may go anywhere, also where nothing may block.
    fn drop(&mut self) {
        if let State::Running(runtime) = std::mem::replace(&mut *self.lock(), State::Ended) {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::mpsc;

    use super::*;

    /// Says when it is dropped.
    struct Says(mpsc::Sender<()>);

    impl Drop for Says {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }

    fn pool(io_threads: usize) -> IoThreads {
        IoThreads::new(Arc::new(Limits { io_threads, ..Limits::default() }))
    }

    #[test]
    fn tasks_run_beside_each_other_on_threads_of_the_pool() {
        let pool = pool(1);
        let (sender, names) = mpsc::channel();
        pool.spawn(Box::pin(pending())).unwrap();
        pool.spawn(Box::pin(pool.sleep(Duration::from_secs(3600)))).unwrap();
        let sleep = pool.sleep(Duration::from_millis(1));
        pool.spawn(Box::pin(async move {
            sleep.await;
            sender.send(std::thread::current().name().map(str::to_owned)).unwrap();
        }))
        .unwrap();
        assert_eq!(names.recv().unwrap().as_deref(), Some("rheos io"));
        pool.end();
    }

    #[test]
    fn tasks_end_with_the_pool() {
        let pool = pool(2);
        let (sender, dropped) = mpsc::channel();
        for _ in 0..10 {
            let says = Says(sender.clone());
            pool.spawn(Box::pin(async move {
                pending::<()>().await;
                drop(says);
            }))
            .unwrap();
        }
        pool.end();
        assert_eq!(dropped.try_iter().count(), 10);
        let error = pool.spawn(Box::pin(pending())).unwrap_err();
        assert!(error.to_string().contains("the job is over"), "{error}");
    }

    #[test]
    fn a_pool_that_was_not_used_has_nothing_to_end() {
        pool(1).end();
    }
}
