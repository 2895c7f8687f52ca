//! The scribe: the thread of a process that writes checkpoints down, so that workers never wait for
//! a disk.
//!
//! It takes what the workers of its process capture, writes a file for each of them, and says when
//! all have done their part. The scribe of process 0 hears that from everybody, writes the manifest
//! and announces that the checkpoint is durable; the [`Coordinator`] decides, the scribe does.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use serde::{Deserialize, Serialize};

use super::coordinate::{Act, Coordinator, Vote};
use super::desk::{Cut, Desk, Said, WorkerFacts};
use super::manifest::JobFacts;
use super::shared::{News, Shared};
use crate::capture::{Extent, Section};
use crate::checkpoint::{Disk, FileRef, StateFileWriter, StateName, Store};
use crate::failpoint;
use crate::run::StepId;
use crate::{CheckpointId, Epoch, Error, ErrorKind};

/// Files of changes behind a file with everything; then everything is written again.
const LONGEST_CHAIN: usize = 16;

/// What scribes tell each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) process: usize,
    pub(crate) word: Word,
}

/// What a scribe says to the others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Word {
    /// All workers of the process have done their part of a cut.
    Voted { id: CheckpointId, votes: Vec<WorkerVote> },
    /// The process could not.
    Failed { id: CheckpointId, reason: String },
    /// The input of all its workers has ended.
    Ended { votes: Vec<WorkerVote> },
    /// Somebody there wants a checkpoint now.
    Wanted,
    /// Process 0: the checkpoint is durable.
    Durable { id: CheckpointId, is_end: bool, is_last: bool },
}

/// What a worker has contributed to a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WorkerVote {
    pub(crate) worker: usize,
    pub(crate) before: Epoch,
    /// The files that together hold its state.
    pub(crate) chain: Vec<FileRef>,
    pub(crate) facts: WorkerFacts,
}

/// A cut that the workers of the process are capturing for.
struct Tally {
    cut: Cut,
    files: BTreeMap<usize, StateFileWriter>,
    votes: BTreeMap<usize, WorkerVote>,
    /// It has been said that nothing comes of it.
    has_failed: bool,
}

impl Tally {
    /// Nothing comes of the cut any more.
    fn give_up(&mut self) {
        self.files.clear();
        self.has_failed = true;
    }
}

/// What only the scribe of process 0 does.
pub(crate) struct Hub {
    pub(crate) store: Store,
    pub(crate) coordinator: Coordinator<Vec<WorkerVote>>,
    pub(crate) job: JobFacts,
    /// Checkpoints that are kept.
    pub(crate) keep: usize,
}

/// Where the state files of a process go.
pub(crate) struct Files {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) job: u64,
    pub(crate) run: u32,
}

impl Files {
    fn create(&self, checkpoint: CheckpointId, worker: usize) -> Result<StateFileWriter, Error> {
        let worker = u32::try_from(worker).unwrap_or(u32::MAX);
        let name = StateName { checkpoint, run: self.run, worker };
        StateFileWriter::create(Arc::clone(&self.disk), self.job, name)
    }
}

/// Writes the checkpoints of a process down.
pub(crate) struct Scribe {
    pub(crate) shared: Arc<Shared>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) files: Files,
    pub(crate) steps: Vec<String>,
    pub(crate) process: usize,
    pub(crate) local: Range<usize>,
    pub(crate) hub: Option<Hub>,
    tally: Option<Tally>,
    /// The chains of the workers in the checkpoint that was voted for last.
    chains: BTreeMap<usize, Vec<FileRef>>,
    ended: BTreeMap<usize, WorkerVote>,
}

impl Scribe {
    pub(crate) fn new(
        shared: Arc<Shared>,
        desk: Arc<Desk>,
        files: Files,
        steps: Vec<String>,
        (process, local): (usize, Range<usize>),
        hub: Option<Hub>,
    ) -> Self {
        Self {
            shared,
            desk,
            files,
            steps,
            process,
            local,
            hub,
            tally: None,
            chains: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    /// Works until the job is over.
    pub(crate) fn run(mut self, hear: &Receiver<Said>) {
        loop {
            let said = match self.hub.as_ref().and_then(|hub| hub.coordinator.due()) {
                Some(due) => hear.recv_deadline(due),
                None => hear.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match said {
                Ok(Said::Close) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(said) => self.hear(said),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            self.decide(|coordinator| coordinator.tick(now));
            self.shared.wake_workers();
        }
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Captured { worker, cut, step, sections } => {
                let written = self.write(worker, cut, step, &sections);
                self.desk.wrote_piece();
                if let Err(error) = written {
                    self.give_up(cut, &error);
                }
            }
            Said::Done { worker, cut, extent, facts } => {
                if let Err(error) = self.done(worker, cut, extent, *facts) {
                    self.give_up(cut, &error);
                }
            }
            Said::Ended { worker, facts } => {
                let before = self.shared.epochs.current().next();
                let vote = WorkerVote { worker, before, chain: Vec::new(), facts: *facts };
                self.ended.insert(worker, vote);
                if self.ended.len() == self.local.len() {
                    let votes = std::mem::take(&mut self.ended).into_values().collect();
                    self.say(Word::Ended { votes });
                }
            }
            Said::Wanted => self.say(Word::Wanted),
            Said::InputOver => {
                let pending = self.desk.forget_due();
                self.decide(|coordinator| {
                    coordinator.close(pending);
                    Vec::new()
                });
            }
            Said::Stopped => {
                let now = Instant::now();
                self.decide(|coordinator| coordinator.stop(now));
            }
            Said::Heard(notice) => self.take(*notice),
            Said::Close => {}
        }
    }

    /// The tally of a cut, for which one of an earlier cut is given up. None where nothing can come
    /// of it any more: a worker may have heard of a later cut, and another not yet.
    fn tally(&mut self, cut: Cut) -> Option<&mut Tally> {
        if self.tally.as_ref().is_none_or(|tally| tally.cut.id < cut.id) {
            let (files, votes) = (BTreeMap::new(), BTreeMap::new());
            self.tally = Some(Tally { cut, files, votes, has_failed: false });
        }
        self.tally.as_mut().filter(|tally| tally.cut == cut && !tally.has_failed)
    }

    fn write(
        &mut self,
        worker: usize,
        cut: Cut,
        step: StepId,
        sections: &[Section],
    ) -> Result<(), Error> {
        let Some(mut file) = self.tally(cut).map(|tally| tally.files.remove(&worker)) else {
            return Ok(());
        };
        if file.is_none() {
            file = Some(self.files.create(cut.id, worker)?);
        }
        let name = &self.steps[step.0];
        if let Some(file) = &mut file {
            sections.iter().try_for_each(|section| file.write(name, section))?;
        }
        if let Some((tally, file)) = self.tally(cut).zip(file) {
            tally.files.insert(worker, file);
        }
        Ok(())
    }

    fn done(
        &mut self,
        worker: usize,
        cut: Cut,
        extent: Extent,
        facts: WorkerFacts,
    ) -> Result<(), Error> {
        let Some(file) = self.tally(cut).map(|tally| tally.files.remove(&worker)) else {
            return Ok(());
        };
        let file = file.map(StateFileWriter::finish).transpose()?;
        let mut chain = match extent {
            Extent::Whole => Vec::new(),
            Extent::Changes => {
                let chain = self.chains.get(&worker).cloned();
                chain.ok_or_else(|| changes_of_nothing(worker, cut.id))?
            }
        };
        if !failpoint::is_broken("base-without-changes") || extent == Extent::Whole {
            chain.extend(file);
        }
        let changes: u64 = chain.iter().skip(1).map(|file| file.bytes).sum();
        let whole = chain.first().map_or(0, |file| file.bytes);
        if chain.len() >= LONGEST_CHAIN || changes > whole {
            self.desk.want_whole(worker);
        }
        let workers = self.local.len();
        let Some(tally) = self.tally(cut) else { return Ok(()) };
        tally.votes.insert(worker, WorkerVote { worker, before: cut.before, chain, facts });
        if tally.votes.len() == workers {
            let votes: Vec<WorkerVote> = std::mem::take(&mut tally.votes).into_values().collect();
            self.chains = votes.iter().map(|vote| (vote.worker, vote.chain.clone())).collect();
            failpoint::hit("vote-before")?;
            self.say(Word::Voted { id: cut.id, votes });
            failpoint::hit("vote-after")?;
        }
        Ok(())
    }

    /// Says that nothing comes of a cut; the job goes on.
    fn give_up(&mut self, cut: Cut, error: &Error) {
        if let Some(tally) = self.tally(cut) {
            tally.give_up();
            self.say(Word::Failed { id: cut.id, reason: error.to_string() });
        }
    }

    /// Says something to the scribe of process 0, which may be this one.
    fn say(&mut self, word: Word) {
        let notice = Notice { process: self.process, word };
        match self.hub {
            Some(_) => self.take(notice),
            None => self.shared.tell(News::Checkpoint(Box::new(notice))),
        }
    }

    fn take(&mut self, notice: Notice) {
        let Notice { process, word } = notice;
        match word {
            Word::Voted { id, votes } => {
                self.decide(|coordinator| coordinator.vote(id, process, Vote::Done(votes)));
            }
            Word::Failed { id, reason } => {
                self.decide(|coordinator| coordinator.vote(id, process, Vote::Failed(reason)));
            }
            Word::Wanted => {
                let now = Instant::now();
                self.decide(|coordinator| coordinator.want(now));
            }
            Word::Ended { votes } => self.decide(|coordinator| coordinator.end(process, votes)),
            Word::Durable { id, is_end, is_last } => {
                self.desk.complete(id);
                if is_end {
                    self.desk.complete_end();
                }
                if is_last {
                    self.desk.part();
                }
                self.shared.wake_workers();
            }
        }
    }

    /// Asks the coordinator, in process 0, and does what it says.
    fn decide(
        &mut self,
        ask: impl FnOnce(&mut Coordinator<Vec<WorkerVote>>) -> Vec<Act<Vec<WorkerVote>>>,
    ) {
        let Some(hub) = &mut self.hub else { return };
        // A process says that it drains before it votes.
        if self.shared.drains() {
            hub.coordinator.drain();
            self.desk.forget_due();
        }
        let mut acts: std::collections::VecDeque<_> = ask(&mut hub.coordinator).into();
        while let Some(act) = acts.pop_front() {
            acts.extend(self.act(act));
        }
    }

    /// Says something to the scribes of all processes.
    fn announce(&mut self, word: Word) {
        let notice = Notice { process: self.process, word };
        self.shared.tell(News::Checkpoint(Box::new(notice.clone())));
        self.take(notice);
    }

    fn act(&mut self, act: Act<Vec<WorkerVote>>) -> Vec<Act<Vec<WorkerVote>>> {
        let Some(hub) = &mut self.hub else { return Vec::new() };
        match act {
            Act::Cut { id, base } => {
                self.desk.ask_for_cut(id, base);
                self.shared.enter_epoch(self.shared.epochs.current().next());
                Vec::new()
            }
            Act::Write { id, votes, is_end } => {
                let votes: Vec<WorkerVote> = votes.into_iter().flatten().collect();
                let now = self.shared.clock.now();
                let manifest = hub.job.manifest((id, self.desk.run), votes, now, is_end);
                if failpoint::is_broken("commit-before-manifest") {
                    self.desk.complete(id);
                    self.shared.wake_workers();
                    // So long that a kill finds the moment.
                    std::thread::park_timeout(std::time::Duration::from_millis(30));
                }
                let result = hub.store.publish(manifest);
                hub.coordinator.written(id, result, Instant::now())
            }
            Act::Announce { id, is_end, is_last } => {
                tracing::debug!(%id, is_end, "a checkpoint is durable");
                self.desk.taken.fetch_add(1, Ordering::Relaxed);
                self.announce(Word::Durable { id, is_end, is_last });
                if let Some(hub) = &mut self.hub
                    && let Err(error) = hub.store.remove_old(hub.keep)
                {
                    tracing::warn!(%error, "old checkpoints stay");
                }
                Vec::new()
            }
            Act::Void { id, reason } => {
                self.desk.failed.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%id, %reason, "a checkpoint came to nothing; the job goes on");
                if let Some(tally) = self.tally.as_mut().filter(|tally| tally.cut.id == id) {
                    tally.give_up();
                }
                // Or the next one would find a full disk as full. What other processes write for it
                // after this goes with the next one that ends in any way.
                if let Err(error) = hub.store.remove_failed(id) {
                    tracing::warn!(%error, "what was written for a failed checkpoint stays");
                }
                Vec::new()
            }
            Act::Leave => {
                tracing::warn!(
                    "the job was stopped while it drained: it goes on from its last checkpoint"
                );
                self.announce(Word::Durable {
                    id: self.desk.durable(),
                    is_end: false,
                    is_last: true,
                });
                Vec::new()
            }
            Act::Fail(error) => {
                self.shared.fail(error);
                Vec::new()
            }
        }
    }
}

/// Changes were captured, and nobody knows what they are changes of: a fault of the engine.
fn changes_of_nothing(worker: usize, id: CheckpointId) -> Error {
    let attempted = format!("take checkpoint {id}");
    let reason = format!("worker {worker} wrote what has changed, and no file with everything");
    Error::new(ErrorKind::Internal, attempted, reason)
}

#[cfg(test)]
mod tests;
