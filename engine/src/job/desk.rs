//! The desk: where the workers of a process and its scribe meet over checkpoints.
//!
//! Workers hand over what they capture and say when they have done so; the scribe writes it down
//! and says when a checkpoint is durable. Neither waits for the other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, unbounded};
use serde::{Deserialize, Serialize};

use crate::capture::{Extent, Section};
use crate::run::StepId;
use crate::{CheckpointId, Epoch, EventTime, Position, Split, StageState};

/// Pieces of captured state, of a few megabytes each, that wait for the scribe at the most: a worker
/// that finds no room goes on with its records and tries again. Everything else that is said to
/// the scribe is said once a cut.
const PIECES_IN_FLIGHT: usize = 8;

/// A cut of the job: the boundary before an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cut {
    /// The checkpoint that it is for.
    pub(crate) id: CheckpointId,
    /// All epochs before this one are in it.
    pub(crate) before: Epoch,
    /// The last checkpoint of this run that is durable: changes can be counted from it.
    pub(crate) base: Option<CheckpointId>,
}

/// What a step of a worker was doing at a cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostFacts {
    /// Its input had ended and it had said its last.
    pub(crate) is_over: bool,
    /// The watermark that its input had reached.
    pub(crate) watermark: Option<EventTime>,
    /// What the steps that are fused behind it keep.
    pub(crate) stages: StageState,
}

/// A split with its number, and where reading goes on.
pub(crate) type SplitAt = (u32, Split, Option<Position>);

/// Where the splits of a source on a worker were at a cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceFacts {
    /// Those that had not ended, with their numbers and where reading goes on.
    pub(crate) splits: Vec<SplitAt>,
    /// What the steps that are fused to it keep.
    pub(crate) stages: StageState,
}

/// What a worker has to say of a cut, besides what it captured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerFacts {
    pub(crate) hosts: BTreeMap<usize, HostFacts>,
    pub(crate) sources: BTreeMap<usize, SourceFacts>,
    /// What the writer of each sink needs to commit.
    pub(crate) prepared: BTreeMap<usize, Vec<u8>>,
}

/// What the scribe hears.
pub(crate) enum Said {
    /// A worker has captured a piece of a step's state.
    Captured { worker: usize, cut: Cut, step: StepId, sections: Vec<Section> },
    /// A worker has captured everything, and its writers are prepared.
    Done { worker: usize, cut: Cut, extent: Extent, facts: Box<WorkerFacts> },
    /// The input of a worker has ended and its writers are prepared.
    Ended { worker: usize, facts: Box<WorkerFacts> },
    /// Somebody wants a checkpoint now.
    Wanted,
    /// All sources have ended: no cut is announced any more.
    InputOver,
    /// All workers have stopped before the end of their input.
    Stopped,
    /// Another process has said something.
    Heard(Box<super::scribe::Notice>),
    /// The job is over for this process.
    Close,
}

/// What the threads of a process share about checkpoints.
pub(crate) struct Desk {
    /// How often the job has been started on its checkpoint folder, this time included.
    pub(crate) run: u32,
    /// Checkpoints that are kept.
    pub(crate) keep: usize,
    say: Sender<Said>,
    pieces: AtomicUsize,
    /// The checkpoint for which a cut is due, and what it builds on; in process 0.
    due: Mutex<Option<(CheckpointId, Option<CheckpointId>)>>,
    /// Checkpoints of this run that became durable, and that came to nothing; in process 0.
    pub(crate) taken: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// The last checkpoint that is durable.
    durable: AtomicU64,
    /// Whether the checkpoint at the end of the input is.
    has_ended: AtomicBool,
    /// Whether the last checkpoint of a job that was stopped is.
    has_parted: AtomicBool,
    /// The first worker of the process, and whether each should write everything next time.
    first: usize,
    whole_next: Vec<AtomicBool>,
}

impl Desk {
    /// A desk for `workers` workers from `first` on, and the scribe's ear.
    pub(crate) fn new(
        (run, keep): (u32, usize),
        first: usize,
        workers: usize,
    ) -> (Self, Receiver<Said>) {
        let (say, hear) = unbounded();
        let desk = Self {
            run,
            keep,
            say,
            pieces: AtomicUsize::new(0),
            due: Mutex::new(None),
            taken: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            has_ended: AtomicBool::new(false),
            has_parted: AtomicBool::new(false),
            first,
            whole_next: (0..workers).map(|_| AtomicBool::new(false)).collect(),
        };
        (desk, hear)
    }

    /// Whether the scribe takes further pieces now.
    pub(crate) fn has_room(&self) -> bool {
        self.pieces.load(Ordering::Acquire) < PIECES_IN_FLIGHT
    }

    /// Says something to the scribe; pieces only while it has room.
    pub(crate) fn say(&self, said: Said) {
        if matches!(said, Said::Captured { .. }) {
            self.pieces.fetch_add(1, Ordering::AcqRel);
        }
        // Without a scribe the job is over.
        let _ = self.say.send(said);
    }

    /// The scribe has written a piece down.
    pub(crate) fn wrote_piece(&self) {
        self.pieces.fetch_sub(1, Ordering::AcqRel);
    }

    /// A cut is due.
    pub(crate) fn ask_for_cut(&self, id: CheckpointId, base: Option<CheckpointId>) {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = Some((id, base));
    }

    /// The cut that is due, once: before `epoch`, which the job enters.
    pub(crate) fn take_due(&self, epoch: Epoch) -> Option<Cut> {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner).take();
        due.map(|(id, base)| Cut { id, before: epoch, base })
    }

    /// The cut that is due is not taken; gives its number.
    pub(crate) fn forget_due(&self) -> Option<CheckpointId> {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner).take();
        due.map(|(id, _)| id)
    }

    /// A checkpoint is durable: what was prepared for it may be committed.
    pub(crate) fn complete(&self, id: CheckpointId) {
        self.durable.fetch_max(id.0, Ordering::AcqRel);
    }

    /// The last checkpoint that is durable.
    pub(crate) fn durable(&self) -> CheckpointId {
        CheckpointId(self.durable.load(Ordering::Acquire))
    }

    /// The end of the input is durable.
    pub(crate) fn complete_end(&self) {
        self.has_ended.store(true, Ordering::Release);
    }

    /// Whether the end of the input is durable, so that everything may be committed.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// The last checkpoint of a job that was stopped is durable.
    pub(crate) fn part(&self) {
        self.has_parted.store(true, Ordering::Release);
    }

    /// Whether a job that was stopped may be left.
    pub(crate) fn has_parted(&self) -> bool {
        self.has_parted.load(Ordering::Acquire)
    }

    /// The next capture of a worker of this process should take everything.
    pub(crate) fn want_whole(&self, worker: usize) {
        self.whole_next[worker - self.first].store(true, Ordering::Release);
    }

    /// Whether it should; asked once a capture.
    pub(crate) fn take_whole(&self, worker: usize) -> bool {
        self.whole_next[worker - self.first].swap(false, Ordering::AcqRel)
    }
}
