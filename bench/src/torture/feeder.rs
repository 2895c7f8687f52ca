//! Lets input arrive, on a thread of its own, while jobs come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::task::Task;
use super::workloads::Feed;

/// Feeds the jobs of a run.
pub(super) struct Feeder {
    thread: Option<JoinHandle<anyhow::Result<()>>>,
    is_over: Arc<AtomicBool>,
    has_all_arrived: Arrived,
}

/// Whether all input of a job that is fed has arrived.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrived(Arc<AtomicBool>);

impl Arrived {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Feeder {
    /// Begins to feed, if that is to be done.
    pub(super) fn start(feed: Option<Feed>, task: &Task) -> Self {
        let (is_over, has_all_arrived) = (Arc::new(AtomicBool::new(false)), Arrived::default());
        let (over, arrived, task) = (Arc::clone(&is_over), has_all_arrived.clone(), task.clone());
        let work = |feed: Feed| {
            std::thread::spawn(move || {
                let fed = feed(&task, &over);
                arrived.0.store(fed.is_ok(), Ordering::Release);
                fed
            })
        };
        Self { thread: feed.map(work), is_over, has_all_arrived }
    }

    /// Whether all has arrived; never where nothing is to arrive.
    pub(super) fn arrived(&self) -> Arrived {
        self.has_all_arrived.clone()
    }

    /// Feeds no more.
    ///
    /// # Errors
    /// What feeding failed with.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        self.is_over.store(true, Ordering::Release);
        let Some(thread) = self.thread else { return Ok(()) };
        thread.thread().unpark();
        thread.join().map_err(|_| anyhow::anyhow!("the feeder panicked"))?
    }
}
