//! What the threads of one process share about a running job.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;

use crate::alignment::Reached;
use crate::epoch::EpochClock;
use crate::io_pool::IoThreads;
use crate::job::ballot::{Ballot, Verdict, Vote};
use crate::job::desk::{Desk, Said};
use crate::job::scribe::Notice;
use crate::metrics::{WorkerCounters, worker_counters};
use crate::run::StepId;
use crate::{Clock, Error, EventTime, Limits, Waker};

/// How a job was asked to end before its input has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum StopRequest {
    /// Finish the open epochs and leave; the input has not ended.
    Stop,
    /// Take what was read as the whole input.
    Drain,
}

/// Which way the bytes that wait before a step change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    More,
    Less,
}

/// What other processes of the job must hear about.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum News {
    /// The process moved to this epoch.
    Epoch(u64),
    /// The job was asked to end.
    Stop(StopRequest),
    /// The workers of the process have voted.
    Vote(Vote),
    /// The job has failed.
    Failed(crate::error::ErrorNote),
    /// A scribe has something to say to the others.
    Checkpoint(Box<Notice>),
    /// All splits of a worker that a step aligns have come to this time.
    Reached { step: usize, worker: usize, time: EventTime },
}

/// Takes news to the other processes; set where there are any.
pub(crate) type Herald = Box<dyn Fn(News) + Send + Sync>;

/// What the threads of one process share about a running job.
pub(crate) struct Shared {
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) epochs: EpochClock,
    /// How far the splits of every worker have come.
    pub(crate) reached: Reached,
    pub(crate) ballot: Ballot,
    /// Counters of the workers of this process.
    pub(crate) counters: Vec<WorkerCounters>,
    /// Bytes that wait before each step, on all workers of this process, for its current epoch.
    queued_bytes: Vec<AtomicI64>,
    /// Epochs that are unfinished, and the most there were.
    pub(crate) epochs_open: AtomicU64,
    pub(crate) peak_epochs_open: AtomicU64,
    /// Where asynchronous calls of this process run.
    pub(crate) io_pool: Arc<IoThreads>,
    /// How often the clock has jumped.
    pub(crate) clock_jumps: AtomicU64,
    workers: Arc<Mutex<Vec<Thread>>>,
    workers_running: AtomicUsize,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    stop: AtomicU8,
    /// Whether a source of any process that is known of was told to say that its input ends.
    drains: AtomicBool,
    herald: Arc<OnceLock<Herald>>,
    desk: OnceLock<Arc<Desk>>,
}

/// A request as a number: the higher one wins.
fn code(request: StopRequest) -> u8 {
    match request {
        StopRequest::Drain => 1,
        StopRequest::Stop => 2,
    }
}

/// A lock whose holder panicked is still used: what it guards is replaced, never half changed.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// For `workers` local workers of a plan of `steps` steps in a job of `processes` processes.
    pub(crate) fn new(
        limits: Arc<Limits>,
        clock: Arc<dyn Clock>,
        steps: usize,
        workers: usize,
        processes: usize,
    ) -> Self {
        let threads: Arc<Mutex<Vec<Thread>>> = Arc::default();
        let herald: Arc<OnceLock<Herald>> = Arc::default();
        let moved = {
            let threads = Arc::clone(&threads);
            Waker::new(move || lock(&threads).iter().for_each(Thread::unpark))
        };
        Self {
            io_pool: Arc::new(IoThreads::new(Arc::clone(&limits))),
            limits,
            clock,
            epochs: EpochClock::new(moved),
            reached: Reached::new(steps, workers * processes),
            ballot: Ballot::new(workers, processes),
            counters: (0..workers).map(|_| worker_counters(steps)).collect(),
            queued_bytes: (0..steps).map(|_| AtomicI64::new(0)).collect(),
            epochs_open: AtomicU64::new(0),
            peak_epochs_open: AtomicU64::new(0),
            clock_jumps: AtomicU64::new(0),
            workers: threads,
            workers_running: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
            stop: AtomicU8::new(0),
            drains: AtomicBool::new(false),
            herald,
            desk: OnceLock::new(),
        }
    }

    /// Sets where workers and scribe meet: the job takes checkpoints.
    pub(crate) fn set_desk(&self, desk: Arc<Desk>) {
        assert!(self.desk.set(desk).is_ok(), "a job has one desk");
    }

    /// Where workers and scribe meet, if the job takes checkpoints.
    pub(crate) fn desk(&self) -> Option<&Arc<Desk>> {
        self.desk.get()
    }

    /// Counts bytes that wait before a step, or that wait no more.
    pub(crate) fn count_queued(&self, step: StepId, bytes: usize, change: Queued) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let change = match change {
            Queued::More => bytes,
            Queued::Less => -bytes,
        };
        self.queued_bytes[step.0].fetch_add(change, Ordering::Relaxed);
    }

    /// Whether more waits before a step than should before others add to it.
    ///
    /// A step looks only at the steps right behind it. Edges lead forward, so of all steps that
    /// wait for room the last one waits for nobody but the world outside.
    pub(crate) fn is_crowded(&self, step: StepId) -> bool {
        let limit = i64::try_from(self.limits.queued_bytes).unwrap_or(i64::MAX);
        self.queued_bytes[step.0].load(Ordering::Relaxed) > limit
    }

    /// Registers the calling thread as a worker, to be woken.
    pub(crate) fn register_worker(&self) {
        lock(&self.workers).push(std::thread::current());
    }

    /// So many workers of this process are about to run.
    pub(crate) fn workers_begin(&self, workers: usize) {
        self.workers_running.store(workers, Ordering::Release);
    }

    /// A worker of this process has left.
    pub(crate) fn worker_ends(&self) {
        self.workers_running.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether any worker of this process may still use its channels.
    pub(crate) fn are_workers_running(&self) -> bool {
        self.workers_running.load(Ordering::Acquire) > 0
    }

    /// Wakes every worker of the process.
    pub(crate) fn wake_workers(&self) {
        lock(&self.workers).iter().for_each(Thread::unpark);
    }

    /// Sets who takes news to the other processes.
    pub(crate) fn set_herald(&self, herald: Herald) {
        assert!(self.herald.set(herald).is_ok(), "a job gathers its processes once");
    }

    /// Whether there are other processes.
    pub(crate) fn has_others(&self) -> bool {
        self.herald.get().is_some()
    }

    /// Tells the other processes.
    pub(crate) fn tell(&self, news: News) {
        if let Some(herald) = self.herald.get() {
            herald(news);
        }
    }

    /// Moves the job to `epoch` and tells the other processes.
    pub(crate) fn enter_epoch(&self, epoch: crate::Epoch) {
        if self.epochs.advance_to(epoch) {
            self.tell(News::Epoch(epoch.0));
        }
    }

    /// Fails the job: no worker steps again, nothing further is committed. The first error counts.
    pub(crate) fn fail(&self, error: Error) {
        let note = crate::error::ErrorNote::from(&error);
        if self.fail_here(error) {
            self.tell(News::Failed(note));
        }
    }

    /// As [`fail`](Self::fail), when the other processes know already.
    pub(crate) fn fail_here(&self, error: Error) -> bool {
        let mut failure = lock(&self.failure);
        let first = failure.is_none();
        if first {
            tracing::debug!(%error, "the job fails");
            *failure = Some(error);
            self.failed.store(true, Ordering::Release);
        }
        drop(failure);
        self.wake_workers();
        first
    }

    /// Whether the job has failed.
    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Takes the error that the job failed with.
    pub(crate) fn take_failure(&self) -> Option<Error> {
        lock(&self.failure).take()
    }

    /// Asks the job to end and tells the other processes. The first request counts.
    pub(crate) fn request_stop(&self, request: StopRequest) {
        let none =
            self.stop.compare_exchange(0, code(request), Ordering::AcqRel, Ordering::Acquire);
        if none.is_ok() {
            self.wake_workers();
            self.tell(News::Stop(request));
        }
    }

    /// Takes a request that was made in another process. Two processes may have been asked for
    /// different things before they heard of each other: then all must settle for the same, and
    /// to stop wins, because a job that stopped publishes nothing that it would regret.
    fn hear_stop(&self, request: StopRequest) -> bool {
        if request == StopRequest::Drain {
            self.drains.store(true, Ordering::Release);
        }
        let before = self.stop.fetch_max(code(request), Ordering::AcqRel);
        self.wake_workers();
        before < code(request)
    }

    /// A source is about to say that its input ends here because it was asked to: whatever this
    /// process says from now on, others hear after they have heard of that.
    pub(crate) fn begin_to_drain(&self) {
        if !self.drains.swap(true, Ordering::AcqRel) {
            self.tell(News::Stop(StopRequest::Drain));
        }
    }

    /// Whether any source was told to say that its input ends.
    pub(crate) fn drains(&self) -> bool {
        self.drains.load(Ordering::Acquire)
    }

    /// Moves the job to the epoch behind everything that was read before it was stopped. Whoever
    /// hears of that epoch has heard that it is to stop.
    pub(crate) fn enter_last_epoch(&self, epoch: crate::Epoch) {
        self.tell(News::Stop(StopRequest::Stop));
        self.enter_epoch(epoch);
    }

    /// How the job was asked to end, if it was.
    #[inline]
    pub(crate) fn stop_request(&self) -> Option<StopRequest> {
        match self.stop.load(Ordering::Acquire) {
            0 => None,
            1 => Some(StopRequest::Drain),
            _ => Some(StopRequest::Stop),
        }
    }

    /// Casts the vote of one local worker.
    pub(crate) fn vote(&self, vote: Vote) {
        if let Some(of_process) = self.ballot.cast(vote) {
            self.tell(News::Vote(of_process));
        }
        self.wake_workers();
    }

    /// What all workers of all processes have decided, once they have.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.ballot.verdict()
    }

    /// Takes news that came from another process. Says whether it was new here.
    pub(crate) fn hear(&self, news: &News) -> bool {
        match news {
            News::Epoch(epoch) => self.epochs.advance_to(crate::Epoch(*epoch)),
            News::Stop(request) => self.hear_stop(*request),
            News::Vote(vote) => {
                self.ballot.count_process(*vote);
                self.wake_workers();
                true
            }
            News::Failed(note) => self.fail_here(note.clone().into()),
            News::Checkpoint(notice) => {
                if let Some(desk) = self.desk() {
                    desk.say(Said::Heard(notice.clone()));
                }
                true
            }
            News::Reached { step, worker, time } => {
                if self.reached.set(StepId(*step), *worker, *time) {
                    self.wake_workers();
                }
                true
            }
        }
    }
}
