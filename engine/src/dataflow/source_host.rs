//! Hosts a source on one worker: reads its splits in turn, within a budget, epoch by epoch.
//!
//! The budget is the flow control of the whole engine: a source may, on each worker, be ahead of
//! what all sinks of all workers have finished by so many bytes and no more; its splits are served
//! in turn. Who holds records of an epoch sees to
//! it that the epoch is closed, whether or not more records come.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use timely::scheduling::Activator;

use super::alarm::Alarm;
use super::in_flight::InFlight;
use super::part::{SourcePart, Standing};
use super::ports::OutputPort;
use crate::consumer::Flush;
use crate::failpoint;
use crate::job::shared::{Shared, StopRequest};
use crate::run::Run;
use crate::source_logic::SourceLogic;
use crate::splits::SplitsView;
use crate::{Epoch, Error, ProcessingTime, ReadStatus, StageState};

/// How many epochs' worth of a budget may be in flight: an epoch is closed when it has used this
/// share of it, so that one can finish while the next is filled.
const BUDGET_SHARES: usize = 4;

/// How long a source that is asked to drain may go on with what has arrived; one that never runs
/// dry would otherwise never end.
const DRAIN_WITHIN: Duration = Duration::from_secs(1);

/// A source on one worker.
pub(crate) struct SourceHost {
    logic: Box<dyn SourceLogic>,
    outputs: Vec<OutputPort>,
    shared: Arc<Shared>,
    run: Run,
    alarm: Alarm,
    /// The first epoch that is not finished everywhere.
    finished: Rc<Cell<Epoch>>,
    /// Bytes that this host may have in flight.
    budget: usize,
    epoch: Epoch,
    /// What was read in the current epoch, in bytes, and since when; `None` before the first.
    filling: Option<Instant>,
    epoch_bytes: usize,
    in_flight: InFlight,
    /// Whether the budget was used up and not enough of it has come back.
    is_blocked: bool,
    /// The open split that is read next.
    next_split: usize,
    /// The processing time at which a step that is fused into the source wants an epoch to end.
    deadline: Option<ProcessingTime>,
    /// Whether each of the steps has read its first input that must have done so before any split
    /// is opened.
    gates: Vec<Rc<Cell<bool>>>,
    /// Its part in the cuts of the job, where there are any.
    part: Option<SourcePart>,
    /// Where its splits were when it was asked to stop.
    stood: Vec<Standing>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// Asked to drain: reads what has arrived, until this moment at the latest.
    Draining(Instant),
    /// Asked to stop: holds its place, reads no more.
    Stopped,
    /// All splits have ended.
    Over,
}

/// What a round of reading came to.
enum Round {
    /// There may be more at once.
    More,
    /// Nothing can be read now.
    Idle,
    /// The budget is used up.
    Blocked,
    /// All splits have ended.
    Ended,
}

impl SourceHost {
    pub(crate) fn new(
        logic: Box<dyn SourceLogic>,
        outputs: Vec<OutputPort>,
        shared: Arc<Shared>,
        run: Run,
        activator: Activator,
        finished: Rc<Cell<Epoch>>,
        budget: usize,
    ) -> Self {
        let mut run = run;
        run.splits = Some(SplitsView::default());
        Self {
            logic,
            outputs,
            shared,
            run,
            alarm: Alarm::new(activator),
            finished,
            budget,
            epoch: Epoch(0),
            filling: None,
            epoch_bytes: 0,
            in_flight: InFlight::default(),
            is_blocked: false,
            next_split: 0,
            deadline: None,
            gates: Vec::new(),
            part: None,
            stood: Vec::new(),
            state: State::Reading,
        }
    }

    /// Does what can be done now.
    ///
    /// # Errors
    /// When the source or a step that is fused into it fails.
    pub(crate) fn turn(&mut self) -> Result<(), Error> {
        if self.state == State::Over {
            self.answer_cut();
            return Ok(());
        }
        self.run.now = self.shared.clock.now();
        self.follow_epoch()?;
        self.forget_durable()?;
        match (self.shared.stop_request(), self.state) {
            (Some(StopRequest::Drain), State::Reading) => {
                self.shared.begin_to_drain();
                self.state = State::Draining(Instant::now() + DRAIN_WITHIN);
            }
            (Some(StopRequest::Stop), State::Reading) => {
                if failpoint::is_broken("dropped-capability-is-end") {
                    return self.finish();
                }
                // The steps that are fused to it still see the splits, which have not ended.
                self.hand_on(Flush::EpochEnd)?;
                // What they keep is asked for again when the epoch is left.
                drop(self.run.take_stages());
                self.stood = self.standing();
                self.state = State::Stopped;
                self.logic.close();
                self.leave_alignment();
                self.shared.enter_epoch(self.epoch.next());
                return self.follow_epoch();
            }
            (_, State::Stopped | State::Over) => return Ok(()),
            (None, State::Reading) | (_, State::Draining(_)) => {}
        }
        if self.is_waiting() {
            return self.wait();
        }
        self.in_flight.finish_before(self.finished.get());
        let round = self.read_round()?;
        self.note_held(matches!(round, Round::Blocked));
        if let State::Draining(until) = self.state
            && (matches!(round, Round::Idle) || Instant::now() >= until)
        {
            return self.finish();
        }
        let reads_on = matches!(round, Round::More);
        match round {
            Round::More => {
                self.close_epoch_if_due();
                self.alarm.now();
            }
            Round::Idle => {
                self.hand_on(Flush::Idle)?;
                if let Some(left) = self.close_epoch_if_due() {
                    self.alarm.after(left);
                }
            }
            Round::Blocked => {
                self.hand_on(Flush::Idle)?;
                // What is in flight finishes only once its epoch is closed.
                if self.filling.is_some() && !self.in_flight.is_before(self.epoch) {
                    self.shared.enter_epoch(self.epoch.next());
                } else if let Some(left) = self.close_epoch_if_due() {
                    self.alarm.after(left);
                }
            }
            Round::Ended => return self.finish(),
        }
        self.meet_deadline();
        self.follow_epoch()?;
        self.keep_aligned(reads_on);
        Ok(())
    }

    /// Begins with another epoch than the first: the job goes on from a checkpoint.
    pub(crate) fn begin_at(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    /// The steps that are fused to it go on from what they kept.
    pub(crate) fn restore_stages(&mut self, kept: StageState) {
        self.run.restored = Some(kept);
    }

    /// Takes part in the cuts of the job.
    pub(crate) fn take_part(&mut self, part: SourcePart) {
        self.run.want_stages();
        self.part = Some(part);
    }

    /// Where its splits are; nowhere where nobody asks.
    fn standing(&self) -> Vec<Standing> {
        match (&self.part, self.state) {
            (None, _) => Vec::new(),
            (Some(_), State::Stopped) => self.stood.clone(),
            (Some(_), _) => self.logic.standing(),
        }
    }

    /// Tells the readers what is not asked for again.
    fn forget_durable(&mut self) -> Result<(), Error> {
        let Some((part, desk)) = self.part.as_mut().zip(self.shared.desk()) else { return Ok(()) };
        let stood = part.take_durable(desk.durable(), desk.keep);
        stood.map_or(Ok(()), |stood| self.logic.completed(stood))
    }

    fn answer_cut(&mut self) {
        let is_over = self.state == State::Over;
        if failpoint::is_broken("positions-one-epoch-late") {
            let standing = self.standing();
            self.part.iter_mut().for_each(|part| part.mistake(&standing));
        }
        if let Some(part) = &mut self.part {
            part.answer(is_over);
        }
    }

    /// Opens no split before all of these gates are open.
    pub(crate) fn wait_behind(&mut self, gates: Vec<Rc<Cell<bool>>>) {
        self.gates = gates;
    }

    fn is_waiting(&mut self) -> bool {
        self.gates.retain(|is_open| !is_open.get());
        !self.gates.is_empty()
    }

    /// Goes along with the job's epochs, which is all that a waiting source does. Without splits
    /// there is nothing to wait for; one that is to drain has nothing that has arrived.
    fn wait(&mut self) -> Result<(), Error> {
        let mut splits = SplitsView::default();
        self.logic.describe(&mut splits);
        match splits.unopened == 0 || self.state != State::Reading {
            true => self.finish(),
            false => Ok(()),
        }
    }

    /// Closes the epoch when the time has come for which a fused step waits; else wakes up for it.
    fn meet_deadline(&mut self) {
        let Some(deadline) = self.deadline else { return };
        if self.run.now < deadline {
            self.alarm.after(Duration::from_millis(deadline.0 - self.run.now.0));
        } else {
            self.deadline = None;
            self.shared.enter_epoch(self.epoch.next());
        }
    }

    /// Time in which flow control holds the source does not count as silence of its splits.
    fn note_held(&mut self, is_held: bool) {
        if let Some(splits) = &mut self.run.splits {
            splits.set_held(is_held, self.run.now);
        }
    }

    /// Finds which splits are too far ahead of others to be read.
    fn look_who_is_ahead(&mut self) {
        if self.run.drift.is_bounded() && self.run.drift.look(&self.shared.reached) {
            self.shared.wake_workers();
        }
    }

    /// Says how far the splits have come; one that others have come after is read at once.
    fn keep_aligned(&mut self, reads_on: bool) {
        if reads_on || !self.run.drift.is_bounded() {
            self.look_who_is_ahead();
        } else if self.run.drift.look_and_wait(&self.shared.reached) {
            self.shared.wake_workers();
        }
        if self.run.drift.take_let_go() {
            self.alarm.now();
        }
        if self.shared.has_others()
            && let Some(left) = self.run.drift.tell(&self.shared)
        {
            self.alarm.after(left);
        }
    }

    /// Nobody waits for the splits any more.
    fn leave_alignment(&mut self) {
        self.run.drift.end_all();
        self.keep_aligned(true);
    }

    /// Whether a split is not read because it is too far ahead. What a source that is asked to
    /// drain has read is the whole input: nobody comes after it.
    fn must_wait(&mut self, split: usize) -> bool {
        self.look_who_is_ahead();
        self.state == State::Reading && self.run.drift.is_ahead(self.logic.split(split))
    }

    /// Reads batches from the open splits in turn.
    fn read_round(&mut self) -> Result<Round, Error> {
        if !self.logic.open_more()? {
            return Ok(Round::Ended);
        }
        // Room is used once there is a share of it: a little at a time would make little epochs.
        if self.is_blocked && self.in_flight.bytes() > self.budget - self.budget / BUDGET_SHARES {
            return Ok(Round::Blocked);
        }
        self.is_blocked = false;
        let mut idle_in_a_row = 0;
        let mut batches = 0;
        while batches < self.shared.limits.batches_per_turn {
            if self.in_flight.bytes() >= self.budget {
                self.is_blocked = true;
                return Ok(Round::Blocked);
            }
            let open = self.logic.splits();
            if self.next_split >= open {
                self.next_split = 0;
            }
            if self.must_wait(self.next_split) {
                idle_in_a_row += 1;
                self.next_split += 1;
                if idle_in_a_row >= open {
                    return Ok(Round::Idle);
                }
                continue;
            }
            self.run.epoch = self.epoch;
            self.run.begin_pass();
            let split = self.logic.split(self.next_split);
            let outcome = self.logic.read(self.next_split, &mut self.run)?;
            if outcome.any {
                self.filling.get_or_insert_with(Instant::now);
                self.epoch_bytes += outcome.bytes;
                self.in_flight.add(self.epoch, outcome.bytes);
                self.send()?;
            }
            // A split that has nothing costs no batch: else more splits than a turn has batches
            // would never be found idle together, and the worker would not sleep.
            if outcome.any || !outcome.status.is_pending() {
                batches += outcome.batches;
            }
            match outcome.status {
                ReadStatus::More => {
                    idle_in_a_row = 0;
                    self.next_split += 1;
                }
                ReadStatus::Pending | ReadStatus::PendingUntil(_) => {
                    if let ReadStatus::PendingUntil(moment) = outcome.status {
                        self.alarm.at(moment);
                    }
                    idle_in_a_row += 1;
                    self.next_split += 1;
                    if idle_in_a_row >= open {
                        return Ok(Round::Idle);
                    }
                }
                ReadStatus::End => {
                    self.run.drift.end(split);
                    idle_in_a_row = 0;
                    if !self.logic.open_more()? {
                        return Ok(Round::Ended);
                    }
                }
            }
        }
        Ok(Round::More)
    }

    /// Closes the epoch when it has been open for its interval or has used its share of the
    /// budget; else says when to ask again. While many epochs are unfinished, agreement is what
    /// costs: epochs get longer.
    fn close_epoch_if_due(&mut self) -> Option<Duration> {
        let since = self.filling?;
        let full = self.epoch_bytes >= self.budget / BUDGET_SHARES;
        let limits = &self.shared.limits;
        let open = self.epoch.0.saturating_sub(self.finished.get().0);
        let elapsed = since.elapsed();
        if (full || elapsed >= limits.epoch_interval) && open < limits.epochs_in_flight {
            self.shared.enter_epoch(self.epoch.next());
            return None;
        }
        let left = limits.epoch_interval.saturating_sub(elapsed);
        Some(left.max(limits.epoch_interval / 8))
    }

    /// Lets go of the epochs before the job's current one.
    fn follow_epoch(&mut self) -> Result<(), Error> {
        let current = self.shared.epochs.current();
        if current > self.epoch {
            self.hand_on(Flush::EpochEnd)?;
            let standing = self.standing();
            let stages = self.run.take_stages();
            if let Some(part) = &mut self.part {
                part.enter(current, standing, stages);
            }
            self.epoch = current;
            self.outputs.iter_mut().for_each(|output| output.move_to(current));
            self.filling = None;
            self.epoch_bytes = 0;
        }
        self.answer_cut();
        Ok(())
    }

    /// The input has ended: says so, and lets go. The epoch is closed for those who share it.
    fn finish(&mut self) -> Result<(), Error> {
        self.logic.close();
        self.hand_on(Flush::EpochEnd)?;
        self.logic.end(&mut self.run);
        self.send()?;
        self.outputs.iter_mut().for_each(OutputPort::let_go);
        self.state = State::Over;
        self.leave_alignment();
        self.shared.enter_epoch(self.epoch.next());
        Ok(())
    }

    /// Whether it reads no more, for whatever reason.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self.state, State::Stopped | State::Over)
    }

    fn hand_on(&mut self, flush: Flush) -> Result<(), Error> {
        self.run.epoch = self.epoch;
        if let Some(splits) = self.run.splits.as_mut().filter(|_| self.state != State::Stopped) {
            self.logic.describe(splits);
            splits.set_ahead(self.run.drift.ahead());
        }
        self.logic.flush(flush, &mut self.run);
        if let Some(wanted) = self.run.take_deadline() {
            self.deadline = Some(self.deadline.map_or(wanted, |deadline| deadline.min(wanted)));
        }
        let emitted = self.run.take_emitted();
        if emitted > 0 {
            self.in_flight.add(self.epoch, emitted);
        }
        self.send()
    }

    fn send(&mut self) -> Result<(), Error> {
        self.outputs.iter_mut().for_each(|output| output.send(&self.shared));
        self.run.result()
    }

    /// The run, for naming the step after a panic.
    pub(crate) fn run(&self) -> &Run {
        &self.run
    }
}
