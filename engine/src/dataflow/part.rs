//! The part of a host in the cuts of its job: captures its state, says where it stood, prepares.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::board::Board;
use super::control::ControlLog;
use crate::capture::{Capture, SLICE_BYTES};
use crate::failpoint;
use crate::job::desk::{Cut, HostFacts, SourceFacts};
use crate::logic::Logic;
use crate::run::{Run, StepId};
use crate::state_parts::StateParts;
use crate::{CheckpointId, Epoch, Error, Position, Split, StageState};

/// The part of an operator or a sink.
pub(crate) struct HostPart {
    step: StepId,
    worker: usize,
    is_sink: bool,
    board: Rc<RefCell<Board>>,
    work: Option<Work>,
    /// The last cut that it took part in.
    last: Option<CheckpointId>,
}

/// What is to be done for a cut.
struct Work {
    cut: Cut,
    facts: HostFacts,
    /// Until everything is captured.
    capture: Option<Capture>,
    /// Whether its writer is not prepared yet.
    is_preparing: bool,
}

/// Whether a host has more to do for a cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing.
    Nothing,
    /// It can go on at once.
    More,
    /// Something else must happen first: the scribe, or the writer's waker, which is called.
    Wait,
}

impl HostPart {
    pub(crate) fn new(
        step: StepId,
        worker: usize,
        is_sink: bool,
        board: Rc<RefCell<Board>>,
    ) -> Self {
        board.borrow_mut().add_host(step, is_sink);
        Self { step, worker, is_sink, board, work: None, last: None }
    }

    /// The host has finished everything before a cut and nothing behind it: what its logic holds
    /// now is what belongs to the cut.
    pub(crate) fn begin(
        &mut self,
        cut: Cut,
        facts: HostFacts,
        logic: &mut dyn Logic,
        run: &mut Run,
    ) -> Result<(), Error> {
        if self.last == Some(cut.id) {
            return Ok(());
        }
        self.last = Some(cut.id);
        failpoint::hit("capture-before")?;
        let extent = self.board.borrow_mut().enter(cut);
        let mut walk = |parts: &mut dyn StateParts| logic.state(parts);
        let capture = match facts.is_over {
            // It has said its last about its keys. What all workers have a copy of others may
            // still need, whose input ends later.
            true => Capture::of_copies(self.worker, &mut walk)?,
            false => Capture::begin(self.worker, extent, &mut walk)?,
        };
        self.work = Some(Work { cut, facts, capture: Some(capture), is_preparing: self.is_sink });
        // A writer draws the line when it is asked first: before it is given what is behind the cut.
        self.prepare(logic, run)
    }

    /// Goes on with what is to be done.
    pub(crate) fn advance(&mut self, logic: &mut dyn Logic, run: &mut Run) -> Result<Left, Error> {
        let Some(work) = &mut self.work else { return Ok(Left::Nothing) };
        let mut left = Left::Nothing;
        if let Some(capture) = &mut work.capture {
            if !self.board.borrow().is_ready() {
                return Ok(Left::Wait);
            }
            let is_done = capture.advance(SLICE_BYTES, &mut |parts| logic.state(parts))?;
            self.board.borrow().hand_over(self.step, work.cut, capture.take());
            left = Left::More;
            if is_done {
                work.capture = None;
                self.board.borrow_mut().captured(self.step, work.cut, work.facts.clone());
                left = Left::Nothing;
            }
        }
        self.prepare(logic, run)?;
        if left == Left::Nothing {
            match self.work.as_ref().is_some_and(|work| work.is_preparing) {
                true => left = Left::Wait,
                false => self.work = None,
            }
        }
        Ok(left)
    }

    /// Asks a writer to prepare, until it has.
    fn prepare(&mut self, logic: &mut dyn Logic, run: &mut Run) -> Result<(), Error> {
        let Some(work) = self.work.as_mut().filter(|work| work.is_preparing) else {
            return Ok(());
        };
        if let Some(bytes) = logic.prepare(work.cut.id, run)? {
            work.is_preparing = false;
            self.board.borrow_mut().prepared(self.step, work.cut, bytes);
        }
        Ok(())
    }
}

/// Where a source stood on its way from one epoch to another.
struct Boundary {
    /// The epoch that was entered: it stood there before this one and those that it passed over.
    entered: Epoch,
    splits: Vec<Standing>,
    /// What the steps that are fused to the source kept then.
    stages: StageState,
}

/// A split that has not ended: its number, and where reading goes on.
pub(crate) type Standing = (u32, Rc<Split>, Option<Position>);

/// The part of a source.
pub(crate) struct SourcePart {
    step: StepId,
    board: Rc<RefCell<Board>>,
    log: Rc<RefCell<ControlLog>>,
    /// Where it stood at the boundaries that may still turn out to be cuts.
    boundaries: VecDeque<Boundary>,
    /// The last cut that it answered, and where it stood, until the checkpoint is durable.
    answered: Option<(CheckpointId, Vec<Standing>)>,
    /// Where it stood at the checkpoints that are kept, the oldest first.
    kept: VecDeque<Vec<Standing>>,
}

impl SourcePart {
    pub(crate) fn new(
        step: StepId,
        board: Rc<RefCell<Board>>,
        log: Rc<RefCell<ControlLog>>,
    ) -> Self {
        board.borrow_mut().add_source(step);
        Self {
            step,
            board,
            log,
            boundaries: VecDeque::new(),
            answered: None,
            kept: VecDeque::new(),
        }
    }

    /// The source goes on to an epoch.
    pub(crate) fn enter(&mut self, epoch: Epoch, splits: Vec<Standing>, stages: StageState) {
        self.boundaries.push_back(Boundary { entered: epoch, splits, stages });
    }

    /// Forgets where it stood for where it stands now: how the protocol is broken on purpose.
    pub(crate) fn mistake(&mut self, standing: &[Standing]) {
        self.boundaries.iter_mut().for_each(|boundary| boundary.splits = standing.to_vec());
    }

    /// A checkpoint has become durable, and `keep` of them stay: where the source stood at the
    /// oldest one, if that is another than before.
    pub(crate) fn take_durable(
        &mut self,
        durable: CheckpointId,
        keep: usize,
    ) -> Option<&[Standing]> {
        let (_, stood) = self.answered.take_if(|(id, _)| *id <= durable)?;
        self.kept.push_back(stood);
        if self.kept.len() > keep {
            self.kept.pop_front();
        }
        self.kept.front().filter(|_| self.kept.len() == keep).map(Vec::as_slice)
    }

    /// Says where the source stood at the last cut, if it has come so far. One that is over has
    /// ended all its splits by every later boundary.
    pub(crate) fn answer(&mut self, is_over: bool) {
        let log = self.log.borrow();
        let mut board = self.board.borrow_mut();
        let cut = board.cut_for_source(self.step, &log);
        if let Some(cut) = cut {
            let stood = self.boundaries.iter().find(|boundary| boundary.entered >= cut.before);
            let (stood, stages) = match stood {
                Some(boundary) => (boundary.splits.clone(), boundary.stages.clone()),
                None if is_over => Default::default(),
                None => return,
            };
            let splits = stood
                .iter()
                .map(|(number, split, position)| (*number, Split::clone(split), position.clone()));
            board.stood(self.step, cut, SourceFacts { splits: splits.collect(), stages });
            self.answered = Some((cut.id, stood));
        }
        // All cuts up to here have been heard of.
        let heard = log.frontier();
        while let Some(first) = self.boundaries.front()
            && heard.is_none_or(|heard| first.entered <= heard)
        {
            self.boundaries.pop_front();
        }
    }
}
