//! The control edge: worker 0 tells every worker which epochs it enters, and when.
//!
//! The records travel through timely on an edge of their own, so that every operator of an epoch
//! reads the same processing time. Data and control take different paths: an epoch is complete at
//! an operator only when the frontiers of both have passed it. A cut of the job is announced in the
//! same way, with the epoch that begins behind it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use timely::dataflow::Scope;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::scheduling::Activator;

use super::outbox::Outbox;
use super::parcel::{Parcel, Payload, decode, encode};
use super::ports::{InputPort, OutputPort, ParcelStream};
use crate::clock::ProcessingTime;
use crate::context::WorkerContext;
use crate::job::desk::{Cut, Said};
use crate::logic::Port;
use crate::{Epoch, SplitId};

/// What travels on the control edge: an epoch that the job enters, said in the epoch that it
/// leaves for it.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Entered {
    epoch: Epoch,
    at: ProcessingTime,
    /// The cut before that epoch, if the job is cut there.
    cut: Option<Cut>,
}

/// What a worker has heard on the control edge.
#[derive(Default)]
pub(crate) struct ControlLog {
    entered: VecDeque<Entered>,
    /// The time of the last entry that was forgotten.
    past: ProcessingTime,
    /// The first epoch that may still be announced; `None` when none will be.
    frontier: Option<Epoch>,
    listeners: Vec<Activator>,
    /// The last cut that was announced.
    cut: Option<Cut>,
}

impl ControlLog {
    /// A log that has heard nothing.
    pub(crate) fn new() -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self { frontier: Some(Epoch(0)), ..Self::default() }))
    }

    /// The first epoch about which not everything has been heard; `None` when there is none.
    pub(crate) fn frontier(&self) -> Option<Epoch> {
        self.frontier
    }

    /// The last cut that was announced: the one before it is over by then.
    pub(crate) fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// The cut that is crossed on the way from one epoch to another, if the job is cut there.
    pub(crate) fn cut_between(&self, from: Epoch, to: Epoch) -> Option<Cut> {
        self.cut.filter(|cut| from < cut.before && cut.before <= to)
    }

    /// Whether everything about `epoch` has been heard.
    pub(crate) fn has_passed(&self, epoch: Epoch) -> bool {
        self.frontier.is_none_or(|frontier| frontier > epoch)
    }

    /// Activates a host whenever the frontier moves.
    pub(crate) fn listen(&mut self, host: Activator) {
        self.listeners.push(host);
    }

    /// When an epoch that has passed was left: the time of the first entry behind it.
    pub(crate) fn left(&self, epoch: Epoch) -> ProcessingTime {
        let next = self.entered.iter().find(|entry| entry.epoch > epoch);
        next.or(self.entered.back()).map_or(self.past, |entry| entry.at)
    }

    /// Forgets entries that only epochs before `finished` need.
    pub(crate) fn forget_before(&mut self, finished: Epoch) {
        while self.entered.front().is_some_and(|first| first.epoch <= finished) {
            self.past = self.entered.pop_front().map_or(self.past, |first| first.at);
        }
    }

    /// Activates all hosts: the clock has moved.
    pub(crate) fn wake_listeners(&self) {
        self.listeners.iter().for_each(Activator::activate);
    }
}

/// Builds the control edge. `alive` are streams without records that every source holds open as
/// long as it has splits; when all have let go, the control edge ends too. Returns what activates
/// the announcing operator when the epoch has moved.
pub(crate) fn build<'scope>(
    scope: Scope<'scope, u64>,
    context: &WorkerContext,
    alive: Vec<ParcelStream<'scope>>,
    log: &Rc<RefCell<ControlLog>>,
    start: Epoch,
) -> Activator {
    let (stream, announcer) = announce(scope, context, alive, start);
    hear(scope, context, stream, log);
    announcer
}

fn announce<'scope>(
    scope: Scope<'scope, u64>,
    context: &WorkerContext,
    alive: Vec<ParcelStream<'scope>>,
    start: Epoch,
) -> (ParcelStream<'scope>, Activator) {
    let mut builder = OperatorBuilder::new("control".to_owned(), scope);
    let address = builder.operator_info().address;
    for stream in alive {
        // Only the frontier of these inputs matters: no record ever travels on them.
        let _input = builder.new_input_connection(stream, Pipeline, []);
    }
    let (output, stream) = builder.new_output_connection::<Parcel, _>([]);
    let outbox = Outbox::default();
    let mut port = OutputPort::new(outbox.clone(), output, None);
    let context = context.clone();
    builder.build(move |mut capabilities: Vec<Capability<u64>>| {
        if let Some(capability) = capabilities.pop().filter(|_| context.worker == 0) {
            port.hold(capability);
        } else {
            port.let_go();
        }
        let mut announced: Option<Epoch> = None;
        let mut is_over = context.worker != 0;
        move |frontiers| {
            if is_over || context.shared.has_failed() {
                return;
            }
            let epoch = context.shared.epochs.current();
            if announced.is_none_or(|last| last < epoch) {
                // Said before the old epoch is let go, so that everybody knows when it was left
                // by the time that it has passed.
                let at = context.shared.clock.now();
                // Nothing lies before the epoch with which the job begins.
                let desk = context.shared.desk().filter(|_| epoch > start);
                let cut = desk.and_then(|desk| desk.take_due(epoch));
                post(Entered { epoch, at, cut }, &context, &outbox);
                port.send(&context.shared);
                port.move_to(epoch);
                announced = Some(epoch);
            }
            // Another process may move the epoch once more after its last source has let go.
            if frontiers.iter().all(|frontier| frontier.is_empty()) {
                let at = context.shared.clock.now();
                let end = Entered { epoch: Epoch(u64::MAX), at, cut: None };
                post(end, &context, &outbox);
                port.send(&context.shared);
                port.let_go();
                context.shared.desk().into_iter().for_each(|desk| desk.say(Said::InputOver));
                is_over = true;
            }
        }
    });
    (stream, scope.activator_for(address))
}

/// Addresses a copy of the announcement to every worker.
fn post(entered: Entered, context: &WorkerContext, outbox: &Outbox) {
    for target in 0..context.workers {
        let records = vec![entered];
        let payload = if context.local.contains(&target) {
            Payload::Records(Box::new(records))
        } else {
            match encode(&records) {
                Ok(bytes) => Payload::Encoded(bytes),
                Err(error) => return context.shared.fail(error),
            }
        };
        outbox.put(Parcel { target, split: SplitId(0), records: 1, bytes: 0, payload });
    }
}

fn hear<'scope>(
    scope: Scope<'scope, u64>,
    context: &WorkerContext,
    stream: ParcelStream<'scope>,
    log: &Rc<RefCell<ControlLog>>,
) {
    let mut builder = OperatorBuilder::new("control log".to_owned(), scope);
    let port = Port {
        input: 0,
        decode: Some(decode::<Entered>),
        is_timed: false,
        is_read_first: false,
        lane: 0,
    };
    let mut input = InputPort::attach(&mut builder, stream, port, context.workers > 1, 0);
    let (log, shared) = (Rc::clone(log), context.shared.clone());
    builder.build(move |_: Vec<Capability<u64>>| {
        move |frontiers| {
            let mut log = log.borrow_mut();
            input.pull(|port, _, parcel| match parcel.into_records::<Entered>(port.decode) {
                Ok(entered) => {
                    log.cut = entered.iter().rev().find_map(|entry| entry.cut).or(log.cut);
                    log.entered.extend(entered);
                }
                Err(error) => shared.fail(error),
            });
            let frontier = frontiers[0].frontier().first().map(|epoch| Epoch(*epoch));
            if frontier != log.frontier {
                log.frontier = frontier;
                log.listeners.iter().for_each(Activator::activate);
            }
        }
    });
}
