//! Hosts an operator or a sink on one worker: keeps its epochs in order.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use timely::progress::frontier::MutableAntichain;
use timely::scheduling::Activator;

use super::alarm::Alarm;
use super::control::ControlLog;
use super::inbox::Inbox;
use super::lanes::Lanes;
use super::parcel::Payload;
use super::part::{HostPart, Left};
use super::ports::{InputPort, OutputPort};
use crate::consumer::Flush;
use crate::job::desk::{Cut, HostFacts};
use crate::job::shared::Shared;
use crate::logic::{Logic, Port};
use crate::operator::{EpochEnd, Turn};
use crate::run::{Run, StepId};
use crate::status::Promise;
use crate::{Epoch, Error, ErrorKind, EventTime, ProcessingTime};

/// How long an operator that has more to say waits when the queues behind it are full.
const RETRY_WHEN_FULL: Duration = Duration::from_millis(1);

/// What the host is doing with its current epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The job goes on from a checkpoint: the operator hears again how far its input had come,
    /// before anything comes in.
    Resuming(EpochEnd),
    /// Batches may still come.
    Open,
    /// The epoch is complete; the operator is saying what it has to say.
    Ending,
    /// The input has ended; the operator is saying its last.
    InputEnding,
    /// Nothing will ever come or go again.
    Over,
}

/// An operator or a sink on one worker.
pub(crate) struct Host {
    pub(crate) step: StepId,
    pub(crate) logic: Rc<RefCell<Box<dyn Logic>>>,
    pub(crate) inputs: Vec<InputPort>,
    pub(crate) outputs: Vec<OutputPort>,
    pub(crate) control: Rc<RefCell<ControlLog>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) run: Run,
    alarm: Alarm,
    inbox: Inbox,
    lanes: Lanes,
    /// Held until the inputs that are read first have been, if there are any.
    gate: Option<OutputPort>,
    phase: Phase,
    /// The processing time at which the logic, or a step fused behind it, wants an epoch to end.
    deadline: Option<ProcessingTime>,
    /// The epoch that was closed for a deadline; none is closed before it has come to its end.
    closed: Option<Epoch>,
    /// Whether anything stands behind the logic that may keep records back.
    buffers: bool,
    /// Whether records came in since it was last looked at.
    is_busy: bool,
    /// Its part in the cuts of the job, where there are any.
    part: Option<HostPart>,
    /// It had said its last before the job was restored: it says nothing more.
    was_over: bool,
}

/// Whether the host can go on at once.
enum Step {
    Continue,
    Wait,
}

impl Host {
    #[allow(clippy::too_many_arguments, reason = "one call site, each argument of its own type")]
    pub(crate) fn new(
        step: StepId,
        logic: Rc<RefCell<Box<dyn Logic>>>,
        inputs: Vec<InputPort>,
        outputs: Vec<OutputPort>,
        control: Rc<RefCell<ControlLog>>,
        shared: Arc<Shared>,
        run: Run,
        activator: Activator,
        buffers: bool,
        lanes: Lanes,
        start: Epoch,
    ) -> Self {
        let inbox = Inbox::new(step, Arc::clone(&shared), start);
        Self {
            step,
            logic,
            inputs,
            outputs,
            control,
            shared,
            run,
            alarm: Alarm::new(activator),
            inbox,
            lanes,
            gate: None,
            phase: Phase::Open,
            deadline: None,
            closed: None,
            buffers,
            is_busy: false,
            part: None,
            was_over: false,
        }
    }

    /// Takes part in the cuts of the job.
    pub(crate) fn take_part(&mut self, part: HostPart) {
        self.run.want_stages();
        self.part = Some(part);
    }

    /// Its input had come to a watermark when the job was cut, at this time: that is said again
    /// first, so that nothing is taken for early that was late before.
    pub(crate) fn resume(&mut self, watermark: EventTime, at: ProcessingTime) {
        let before = Epoch(self.inbox.current().0.saturating_sub(1));
        self.phase = Phase::Resuming(EpochEnd::new(before, at, watermark));
    }

    /// It had said its last before the job was restored.
    pub(crate) fn stay_over(&mut self) {
        self.was_over = true;
    }

    /// Its state was restored, and with it what it waits for.
    pub(crate) fn wait_again(&mut self) {
        self.deadline = self.logic.borrow().deadline();
    }

    /// Does what can be done now.
    ///
    /// # Errors
    /// When the operator fails or the engine's invariants do not hold.
    pub(crate) fn turn(&mut self, frontiers: &[MutableAntichain<u64>]) -> Result<(), Error> {
        self.run.now = self.shared.clock.now();
        self.pull();
        let data = frontiers.iter().filter_map(|f| f.frontier().first().copied()).min();
        let data = data.map(Epoch);
        while let Step::Continue = self.advance(data)? {}
        self.work_on_cut()?;
        self.open_gate_when_complete();
        self.meet_deadline();
        Ok(())
    }

    /// Closes the job's epoch when the time has come for which the logic waits; else wakes up
    /// for it. The clock of worker 0 counts in the end, so another epoch may be needed.
    fn meet_deadline(&mut self) {
        let Some(deadline) = self.deadline else { return };
        if self.phase == Phase::Over {
            return;
        }
        if self.run.now < deadline {
            self.alarm.after(Duration::from_millis(deadline.0 - self.run.now.0));
        } else if self.closed.is_none_or(|closed| closed < self.inbox.current()) {
            let current = self.shared.epochs.current();
            self.closed = Some(current);
            self.shared.enter_epoch(current.next());
        }
    }

    /// Keeps a gate closed until the inputs that are read first are complete.
    pub(crate) fn keep_closed(&mut self, gate: OutputPort) {
        self.gate = Some(gate);
    }

    /// Lets go of the gate when all of the inputs that are read first has been handed over.
    fn open_gate_when_complete(&mut self) {
        if self.gate.is_none() || self.inbox.has_read_first() {
            return;
        }
        let mut first = self.inputs.iter().filter(|input| input.port.is_read_first);
        if first.all(|input| input.open_senders == 0) {
            self.gate.take().into_iter().for_each(|mut gate| gate.let_go());
        }
    }

    /// Whether its input has ended and it has said its last.
    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn pull(&mut self) {
        for input in &mut self.inputs {
            let inbox = &mut self.inbox;
            input.pull(|port, epoch, parcel| inbox.put(epoch, port, parcel));
        }
    }

    /// A sender of the input with this port has ended. That counts in its epoch, so that the input
    /// ends in the same epoch on every worker.
    fn end_sender(&mut self, port: Port) {
        let mut inputs = self.inputs.iter_mut();
        let input = inputs.find(|input| input.port.lane == port.lane);
        let input = input.expect("a parcel comes in at an input of the host");
        assert!(input.open_senders > 0, "every sender says once that it has ended");
        input.open_senders -= 1;
    }

    /// Does its part of the cut that it has crossed; one that is over crosses all later ones.
    fn work_on_cut(&mut self) -> Result<(), Error> {
        if self.part.is_none() {
            return Ok(());
        }
        if self.phase == Phase::Over {
            let end_of_time = Epoch(u64::MAX);
            let cut = self.control.borrow().cut_between(self.inbox.current(), end_of_time);
            if let Some(cut) = cut {
                self.begin_cut(cut)?;
            }
        }
        let Some(part) = &mut self.part else { return Ok(()) };
        let logic = Rc::clone(&self.logic);
        let mut logic = logic.borrow_mut();
        let mut left = Ok(Left::Nothing);
        self.run.within(self.step, |run| left = part.advance(&mut **logic, run));
        match left? {
            Left::Nothing => {}
            Left::More => self.alarm.now(),
            Left::Wait => self.alarm.after(RETRY_WHEN_FULL),
        }
        Ok(())
    }

    /// Everything before a cut is finished, nothing behind it has begun.
    fn begin_cut(&mut self, cut: Cut) -> Result<(), Error> {
        let Some(part) = &mut self.part else { return Ok(()) };
        let is_over = self.phase == Phase::Over;
        let stages = self.run.take_stages();
        let facts = HostFacts { is_over, watermark: self.lanes.reached(), stages };
        let logic = Rc::clone(&self.logic);
        let mut logic = logic.borrow_mut();
        let mut begun = Ok(());
        self.run.within(self.step, |run| begun = part.begin(cut, facts, &mut **logic, run));
        begun
    }

    fn advance(&mut self, data: Option<Epoch>) -> Result<Step, Error> {
        match self.phase {
            Phase::Resuming(end) => {
                if !self.say(|logic, run| logic.epoch_end(end, run))? {
                    return Ok(Step::Wait);
                }
                self.hand_on(Flush::Idle)?;
                self.pass_watermark(end.watermark)?;
                self.phase = Phase::Open;
                Ok(Step::Continue)
            }
            Phase::Open => {
                self.wake()?;
                if !self.work_off()? {
                    return Ok(Step::Wait);
                }
                let current = self.inbox.current();
                let complete = data.is_none_or(|frontier| frontier > current)
                    && self.control.borrow().has_passed(current);
                if !complete {
                    self.hand_on_when_quiet()?;
                    return Ok(Step::Wait);
                }
                self.phase = Phase::Ending;
                Ok(Step::Continue)
            }
            Phase::Ending => {
                let epoch = self.inbox.current();
                let time = self.control.borrow().left(epoch);
                let end = EpochEnd::new(epoch, time, self.lanes.advance());
                if !self.was_over && !self.say(|logic, run| logic.epoch_end(end, run))? {
                    return Ok(Step::Wait);
                }
                self.hand_on(Flush::EpochEnd)?;
                self.pass_watermark(end.watermark)?;
                self.leave_epoch(data)
            }
            Phase::InputEnding => {
                // A writer is done with the cuts before it prepares for the end.
                self.work_on_cut()?;
                if !self.was_over && !self.say(|logic, run| logic.input_end(run))? {
                    return Ok(Step::Wait);
                }
                self.hand_on(Flush::EpochEnd)?;
                self.pass_watermark(EventTime::MAX)?;
                self.logic.borrow_mut().end(&mut self.run);
                self.send()?;
                self.outputs.iter_mut().for_each(OutputPort::let_go);
                self.phase = Phase::Over;
                Ok(Step::Wait)
            }
            Phase::Over => Ok(Step::Wait),
        }
    }

    /// Lets the logic say what has become ready outside of the worker.
    fn wake(&mut self) -> Result<(), Error> {
        if self.is_crowded_behind() {
            return Ok(());
        }
        self.run.epoch = self.inbox.current();
        let mut logic = self.logic.borrow_mut();
        let mut result = Ok(());
        self.run.within(self.step, |run| result = logic.wake(run));
        drop(logic);
        result?;
        self.send()
    }

    /// Hands the batches of the current epoch to the logic; says whether all are worked off.
    fn work_off(&mut self) -> Result<bool, Error> {
        if !self.inbox.has_current() {
            return Ok(true);
        }
        self.run.epoch = self.inbox.current();
        let shared_logic = Rc::clone(&self.logic);
        let mut logic = shared_logic.borrow_mut();
        loop {
            if self.is_crowded_behind() || !logic.ready()? {
                drop(logic);
                self.hand_on(Flush::Idle)?;
                return Ok(false);
            }
            let Some((port, parcel)) = self.inbox.take() else { break };
            if let Payload::End = parcel.payload {
                drop(logic);
                self.end_sender(port);
                logic = shared_logic.borrow_mut();
                continue;
            }
            if let Payload::Watermark { from, time, is_idle } = parcel.payload {
                if port.is_timed {
                    self.lanes.promise(port.lane + from, Promise { time, is_idle });
                }
                continue;
            }
            let counters = &self.run.counters()[self.step.0];
            counters.records_in.add(parcel.records as u64);
            counters.batches.add(1);
            self.is_busy = self.buffers;
            self.run.split = parcel.split;
            self.run.begin_pass();
            let mut result = Ok(());
            self.run.within(self.step, |run| result = logic.parcel(port, parcel, run));
            result?;
            Self::send_outputs(&mut self.run, &mut self.outputs, &self.shared)?;
        }
        Ok(true)
    }

    /// Whether more waits behind the host than should before it adds to it; if so, the host looks
    /// again in a moment.
    fn is_crowded_behind(&mut self) -> bool {
        let is_crowded = self.outputs.iter().any(|output| output.is_crowded(&self.shared));
        if is_crowded {
            self.alarm.after(RETRY_WHEN_FULL);
        }
        is_crowded
    }

    /// Lets the logic speak; says whether it has said everything.
    fn say(
        &mut self,
        speak: impl FnOnce(&mut dyn Logic, &mut Run) -> Result<Turn, Error>,
    ) -> Result<bool, Error> {
        if self.is_crowded_behind() {
            return Ok(false);
        }
        self.run.epoch = self.inbox.current();
        let mut logic = self.logic.borrow_mut();
        let mut result = Ok(Turn::Done);
        self.run.within_timed(self.step, |run| result = speak(&mut **logic, run));
        drop(logic);
        let turn = result?;
        self.send()?;
        match turn {
            Turn::Done => {}
            Turn::More => self.alarm.now(),
            // It may be long: what has been said is not kept until then.
            Turn::Wait => self.hand_on(Flush::Idle)?,
        }
        Ok(turn == Turn::Done)
    }

    /// Passes on what the watermark of the input becomes behind the logic, and says in passing
    /// what the logic holds.
    fn pass_watermark(&mut self, input: EventTime) -> Result<(), Error> {
        let mut logic = self.logic.borrow_mut();
        self.run.is_idle = self.lanes.is_idle();
        let output = match self.lanes.is_timed() {
            true => logic.watermark(input, &mut self.run),
            false => EventTime::MIN,
        };
        self.run.is_idle = false;
        self.deadline = [logic.deadline(), self.run.take_deadline()].into_iter().flatten().min();
        let mut status = self.run.counters()[self.step.0].status();
        if status.input != input || status.since.is_none() {
            status.input = input;
            status.since = Some(self.run.now);
        }
        status.output = output;
        status.holdings = logic.holdings();
        status.lanes.clear();
        status.lanes.extend_from_slice(self.lanes.promises());
        drop((status, logic));
        self.send()
    }

    /// Goes to the next epoch, or to the end of the input.
    fn leave_epoch(&mut self, data: Option<Epoch>) -> Result<Step, Error> {
        let next = match (data, self.inbox.next_waiting()) {
            (Some(frontier), Some(waiting)) => frontier.min(waiting),
            (Some(frontier), None) => frontier,
            (None, Some(waiting)) => waiting,
            (None, None) => {
                let missing: usize = self.inputs.iter().map(|input| input.open_senders).sum();
                if missing > 0 {
                    let reason = format!("{missing} senders went without saying that they ended");
                    return Err(Error::new(ErrorKind::Internal, "end the input", reason));
                }
                self.phase = Phase::InputEnding;
                return Ok(Step::Continue);
            }
        };
        let next = self.stop_at_cuts(next)?;
        self.inbox.move_to(next);
        self.outputs.iter_mut().for_each(|output| output.move_to(next));
        self.phase = Phase::Open;
        Ok(Step::Continue)
    }

    /// Takes part in the cut on the way to an epoch, if there is one. Where the job may be cut, no
    /// epoch is passed over before it is known that it is not.
    fn stop_at_cuts(&mut self, next: Epoch) -> Result<Epoch, Error> {
        if self.part.is_none() {
            return Ok(next);
        }
        let heard = self.control.borrow().frontier();
        let next = heard.map_or(next, |heard| next.min(heard));
        let cut = self.control.borrow().cut_between(self.inbox.current(), next);
        if let Some(cut) = cut {
            self.begin_cut(cut)?;
        }
        Ok(next)
    }

    /// Hands on what is buffered for other workers once nothing more comes in: a host that is busy
    /// looks again before it sends batches that are not full. The end of the epoch sends all.
    fn hand_on_when_quiet(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.is_busy) {
            self.alarm.now();
            return Ok(());
        }
        self.hand_on(Flush::Idle)
    }

    fn hand_on(&mut self, flush: Flush) -> Result<(), Error> {
        self.run.epoch = self.inbox.current();
        self.logic.borrow_mut().flush(flush, &mut self.run);
        if flush == Flush::Idle
            && let Some(wanted) = self.run.take_deadline()
        {
            self.deadline = Some(self.deadline.map_or(wanted, |deadline| deadline.min(wanted)));
        }
        self.send()
    }

    fn send(&mut self) -> Result<(), Error> {
        Self::send_outputs(&mut self.run, &mut self.outputs, &self.shared)
    }

    fn send_outputs(
        run: &mut Run,
        outputs: &mut [OutputPort],
        shared: &Shared,
    ) -> Result<(), Error> {
        run.take_emitted();
        outputs.iter_mut().for_each(|output| output.send(shared));
        run.result()
    }
}
