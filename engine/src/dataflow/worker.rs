//! The loop of one worker: steps the dataflow until all workers agree that the job is over.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use timely::communication::Allocator;
use timely::scheduling::Activator;
use timely::worker::Worker;

use super::instantiate::{Instance, instantiate};
use crate::context::WorkerContext;
use crate::failpoint;
use crate::job::assignment::Assignment;
use crate::job::ballot::{Verdict, Vote};
use crate::job::desk::Said;
use crate::job::outset::Outset;
use crate::job::restored::Restored;
use crate::job::shared::StopRequest;
use crate::plan::Plan;
use crate::why::facts::Facts;
use crate::why::stall::StallWatch;
use crate::{CheckpointId, Epoch, Error, ErrorKind, Finish};

/// A parked worker looks around this often even if nobody wakes it.
const LONGEST_PARK: Duration = Duration::from_secs(1);

/// An idle worker gives up its core at once: on a machine with fewer cores than workers the
/// others need it more than this one needs to be quick.
const IDLE_SPIN: Duration = Duration::ZERO;

/// Runs a plan on the calling thread, from instantiation to the commit of its sinks.
///
/// # Errors
/// When the worker could not set up or commit; failures while running are in the shared state.
pub(crate) fn run_worker(
    plan: &Plan,
    context: &WorkerContext,
    allocator: Allocator,
    outset: &Outset,
    restored: Option<&Restored>,
) -> Result<(), Error> {
    context.shared.register_worker();
    let config = timely::WorkerConfig::default().idle_spin(IDLE_SPIN);
    let mut worker = Worker::new(config, allocator, Some(Instant::now()));
    let finished = Rc::new(Cell::new(outset.start));
    let index = worker.next_dataflow_index();
    let instance = worker.dataflow::<u64, _, _>(|scope| {
        instantiate(plan, context, (outset, restored), &finished, scope)
    });
    let ended = instance.and_then(|instance| {
        let watch = Watch::new(plan, &outset.assignment, context, instance, finished);
        step_to_end(&mut worker, watch)
    });
    // Readers and writers go first: after a failure that removes what was staged. Then go the
    // channels, without whose end the threads of the connections would wait for ever.
    worker.drop_dataflow(index);
    ended
}

fn step_to_end(worker: &mut Worker, mut watch: Watch<'_>) -> Result<(), Error> {
    let shared = &watch.context.shared;
    loop {
        if shared.has_failed() {
            return Ok(());
        }
        watch.before_step();
        worker.step_or_park(Some(LONGEST_PARK));
        watch.after_step()?;
        if let Some(verdict) = shared.verdict()
            && watch.may_leave(verdict)
        {
            return watch.finish(verdict);
        }
    }
}

/// What a worker keeps an eye on between steps.
struct Watch<'a> {
    plan: &'a Plan,
    assignment: &'a Assignment,
    context: &'a WorkerContext,
    instance: Instance,
    finished: Rc<Cell<Epoch>>,
    /// The epoch, the request and the splits that came after others, that the sources were last
    /// activated for.
    seen: Option<(Epoch, Option<StopRequest>, u64)>,
    /// How often the clock had jumped when the hosts were last activated for it.
    clock_jumps: u64,
    voted: bool,
    /// Whether the scribe knows that the input has ended, or that all have stopped.
    has_said: bool,
    /// The last checkpoint that the sinks were told of.
    committed: CheckpointId,
    /// The epoch behind everything this worker has read, once it was asked to stop.
    last: Option<Epoch>,
    /// On the first worker of the process.
    stalls: Option<StallWatch>,
}

impl<'a> Watch<'a> {
    fn new(
        plan: &'a Plan,
        assignment: &'a Assignment,
        context: &'a WorkerContext,
        instance: Instance,
        finished: Rc<Cell<Epoch>>,
    ) -> Self {
        let is_first = context.worker == context.local.start;
        let stalls = is_first.then(|| StallWatch::new(context.limits().stalled_after));
        Self {
            plan,
            assignment,
            context,
            instance,
            finished,
            seen: None,
            clock_jumps: 0,
            voted: false,
            has_said: false,
            committed: CheckpointId::default(),
            last: None,
            stalls,
        }
    }

    /// Activates the sources when the job's epoch or its orders have changed, or splits have come
    /// after those that wait for them.
    fn before_step(&mut self) {
        let shared = &self.context.shared;
        let now = (shared.epochs.current(), shared.stop_request(), shared.reached.turns());
        if self.seen != Some(now) {
            self.seen = Some(now);
            self.instance.sources.iter().for_each(Activator::activate);
        }
        let jumps = shared.clock_jumps.load(Ordering::Acquire);
        if std::mem::replace(&mut self.clock_jumps, jumps) != jumps {
            self.instance.sources.iter().for_each(Activator::activate);
            self.instance.control.borrow().wake_listeners();
        }
    }

    /// Looks at what has been finished; votes when nothing is left to do.
    fn after_step(&mut self) -> Result<(), Error> {
        let frontier = self.instance.probe.with_frontier(|f| f.first().copied());
        let finished = frontier.map_or(Epoch(u64::MAX), Epoch);
        if finished != self.finished.get() {
            self.finished.set(finished);
            self.instance.sources.iter().for_each(Activator::activate);
            self.instance.control.borrow_mut().forget_before(finished);
        }
        if self.instance.gates.open() {
            self.instance.sources.iter().for_each(Activator::activate);
        }
        self.take_part()?;
        let shared = &self.context.shared;
        if self.context.worker == self.context.local.start {
            let open = shared.epochs.current().0.saturating_sub(finished.0);
            shared.epochs_open.store(open, Ordering::Relaxed);
            shared.peak_epochs_open.fetch_max(open, Ordering::Relaxed);
        }
        self.look_for_stalls();
        if self.voted || shared.has_failed() {
            return Ok(());
        }
        if frontier.is_none() {
            return self.vote_ended();
        }
        if shared.stop_request() == Some(StopRequest::Stop) {
            self.vote_stopped_when_quiet(finished);
        }
        Ok(())
    }

    /// Says when a watermark has stood still for too long; looks once a second at the most.
    fn look_for_stalls(&mut self) {
        let Some(stalls) = &mut self.stalls else { return };
        let WorkerContext { shared, workers, local, .. } = self.context;
        if stalls.is_due(shared.clock.now()) {
            let facts = Facts::of(self.plan, self.assignment, shared, *workers, local.clone());
            stalls.look(&facts).iter().for_each(|warning| tracing::warn!("{warning}"));
        }
    }

    fn vote_ended(&mut self) -> Result<(), Error> {
        if self.instance.prepared.get() < self.instance.sinks.len() {
            let reason = "the dataflow is gone before every sink has seen the end of its input";
            return Err(Error::new(ErrorKind::Internal, "end the job", reason));
        }
        if let (Some(board), Some(desk)) = (&self.instance.board, self.context.shared.desk()) {
            if !self.has_said {
                let mut prepared = BTreeMap::new();
                for sink in &self.instance.sinks {
                    let bytes = sink.logic.borrow_mut().prepared_at_end();
                    // Its waker is called when it should be asked again.
                    let Some(bytes) = bytes.map_err(|error| error.in_step(&sink.name))? else {
                        return Ok(());
                    };
                    prepared.insert(sink.step.0, bytes);
                }
                self.has_said = true;
                failpoint::hit("end-before")?;
                board.borrow_mut().end(prepared);
            }
            if !desk.has_ended() {
                return Ok(());
            }
        }
        self.voted = true;
        self.context.shared.vote(Vote::Ended);
        Ok(())
    }

    /// Does what the worker has to do for checkpoints.
    fn take_part(&mut self) -> Result<(), Error> {
        let Some(board) = &self.instance.board else { return Ok(()) };
        board.borrow_mut().look(&self.instance.control.borrow());
        let durable = self.context.shared.desk().map_or(self.committed, |desk| desk.durable());
        if durable > self.committed {
            self.committed = durable;
            failpoint::hit("commit-before")?;
            for sink in &self.instance.sinks {
                let committed = sink.logic.borrow_mut().commit(durable);
                committed.map_err(|error| error.in_step(&sink.name))?;
            }
            failpoint::hit("commit-after")?;
        }
        Ok(())
    }

    /// Whether everything has been done that was decided: a job that was stopped is left with a
    /// last checkpoint, if it takes any.
    fn may_leave(&mut self, verdict: Verdict) -> bool {
        let Some(desk) = self.context.shared.desk().filter(|_| verdict == Verdict::Stop) else {
            return true;
        };
        if self.context.worker == 0 && !self.has_said {
            self.has_said = true;
            desk.say(Said::Stopped);
        }
        desk.has_parted() && self.committed >= desk.durable()
    }

    /// Votes once the sources read no more and everything they have read is finished.
    fn vote_stopped_when_quiet(&mut self, finished: Epoch) {
        let shared = &self.context.shared;
        let Some(last) = self.last else {
            if self.instance.quiet.iter().all(|quiet| quiet.get()) {
                let last = shared.epochs.current().next();
                self.last = Some(last);
                shared.enter_last_epoch(last);
            }
            return;
        };
        if finished >= last {
            self.voted = true;
            shared.vote(Vote::Stopped);
        }
    }

    /// Commits or flushes the sinks of this worker.
    fn finish(self, verdict: Verdict) -> Result<(), Error> {
        let how = match verdict {
            Verdict::Commit => Finish::Commit,
            Verdict::Stop => Finish::Stop,
        };
        failpoint::hit("finish-before")?;
        for sink in &self.instance.sinks {
            let finished = sink.logic.borrow_mut().finish(how);
            finished.map_err(|error| error.in_step(&sink.name))?;
        }
        failpoint::hit("finish-after")
    }
}
