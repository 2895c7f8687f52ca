//! An I/O pool for tests, which runs and whose time passes when a test says so.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use super::{IoPool, IoTask};
use crate::Error;

/// An I/O pool that runs on the thread of a test, when it is told to. Clones are the same pool.
///
/// ```
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use rheos_engine::{IoPool, ManualPool};
///
/// let pool = ManualPool::default();
/// let (sender, receiver) = mpsc::channel();
/// let later = pool.sleep(Duration::from_secs(60));
/// pool.spawn(Box::pin(async move {
///     later.await;
///     sender.send("a minute is over").unwrap();
/// }))?;
/// pool.run();
/// assert!(receiver.try_recv().is_err());
/// pool.advance(Duration::from_secs(60));
/// pool.run();
/// assert_eq!(receiver.try_recv(), Ok("a minute is over"));
/// # Ok::<_, rheos_engine::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct ManualPool {
    tasks: Arc<Mutex<Vec<IoTask>>>,
    millis: Arc<AtomicU64>,
}

impl ManualPool {
    /// Lets time pass; what has become due goes on with the next [`run`](Self::run).
    pub fn advance(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.millis.fetch_add(millis, Ordering::SeqCst);
    }

    /// Runs every task until it waits or has come to its end; says how many still wait.
    pub fn run(&self) -> usize {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Arc::clone(&woken).into();
        let mut context = Context::from_waker(&waker);
        while woken.0.swap(false, Ordering::SeqCst) {
            // A task may add others while it runs.
            let mut tasks = std::mem::take(&mut *self.tasks());
            tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
            let mut all = self.tasks();
            if !all.is_empty() {
                woken.0.store(true, Ordering::SeqCst);
            }
            tasks.append(&mut all);
            *all = tasks;
        }
        self.tasks().len()
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<IoTask>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether any task is to be looked at again.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl IoPool for ManualPool {
    fn spawn(&self, task: IoTask) -> Result<(), Error> {
        self.tasks().push(task);
        Ok(())
    }

    fn sleep(&self, duration: Duration) -> IoTask {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let now = Arc::clone(&self.millis);
        let due = now.load(Ordering::SeqCst).saturating_add(millis);
        Box::pin(std::future::poll_fn(move |_| {
            if now.load(Ordering::SeqCst) >= due { Poll::Ready(()) } else { Poll::Pending }
        }))
    }
}
