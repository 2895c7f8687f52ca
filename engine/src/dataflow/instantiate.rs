//! Turns a plan into a timely dataflow on one worker.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use timely::dataflow::Scope;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::probe::Handle;
use timely::scheduling::Activator;

use super::board::Board;
use super::control::{self, ControlLog};
use super::gate::Gates;
use super::host::Host;
use super::lanes::Lanes;
use super::outbox::Outbox;
use super::parcel::{Decode, Parcel};
use super::part::{HostPart, SourcePart};
use super::ports::{InputPort, OutputPort, ParcelStream};
use super::source_host::SourceHost;
use crate::alignment::Drift;
use crate::consumer::AnyNext;
use crate::context::WorkerContext;
use crate::job::outset::Outset;
use crate::job::restored::Restored;
use crate::job::shared::Shared;
use crate::logic::{Logic, Port};
use crate::plan::{Node, Partitioning, Plan, SourceNode};
use crate::run::{Run, StepId};
use crate::{Epoch, Error, ErrorKind, Waker};

/// A sink's logic, which outlives its dataflow: it commits after all workers have voted.
pub(crate) struct OpenSink {
    pub(crate) step: StepId,
    pub(crate) name: String,
    pub(crate) logic: Rc<RefCell<Box<dyn Logic>>>,
}

/// A dataflow on one worker, and what its worker needs to know of it.
pub(crate) struct Instance {
    /// What all sinks have finished.
    pub(crate) probe: Handle<u64>,
    pub(crate) control: Rc<RefCell<ControlLog>>,
    /// Who has done its part of a cut, if the job takes checkpoints.
    pub(crate) board: Option<Rc<RefCell<Board>>>,
    /// What sources wait behind.
    pub(crate) gates: Gates,
    /// Activates every source and the announcer of epochs.
    pub(crate) sources: Vec<Activator>,
    /// Whether each source reads no more.
    pub(crate) quiet: Vec<Rc<Cell<bool>>>,
    /// Sinks whose input has ended and that are prepared to commit.
    pub(crate) prepared: Rc<Cell<usize>>,
    pub(crate) sinks: Vec<OpenSink>,
}

/// An edge that leaves a fused run.
struct Terminal {
    to: StepId,
    input: usize,
    crosses: bool,
    decode: Option<Decode>,
    is_timed: bool,
    is_read_first: bool,
    outbox: Outbox,
}

/// An input of a step whose sender has been built.
struct Arrival<'scope> {
    stream: ParcelStream<'scope>,
    port: Port,
    crosses: bool,
}

/// Builds a plan on one worker.
pub(crate) struct Builder<'a, 'scope> {
    plan: &'a Plan,
    /// With the waker of the host that is being built.
    context: WorkerContext,
    scope: Scope<'scope, u64>,
    outset: &'a Outset,
    restored: Option<&'a Restored>,
    finished: Rc<Cell<Epoch>>,
    names: Arc<[String]>,
    arrivals: HashMap<StepId, Vec<Arrival<'scope>>>,
    alive: Vec<ParcelStream<'scope>>,
    instance: Instance,
}

/// Builds the dataflow of `plan`; `finished` is kept up to date by the worker's loop.
///
/// # Errors
/// When a source or a sink cannot be opened, or a state cannot be restored.
pub(crate) fn instantiate<'scope>(
    plan: &Plan,
    context: &WorkerContext,
    (outset, restored): (&Outset, Option<&Restored>),
    finished: &Rc<Cell<Epoch>>,
    scope: Scope<'scope, u64>,
) -> Result<Instance, Error> {
    let board = context.shared.desk().map(|desk| Board::new(context, Arc::clone(desk)));
    let mut builder = Builder {
        plan,
        context: context.clone(),
        scope,
        outset,
        restored,
        finished: Rc::clone(finished),
        names: plan.steps.iter().map(|step| step.name.clone()).collect(),
        arrivals: HashMap::new(),
        alive: Vec::new(),
        instance: Instance {
            probe: Handle::new(),
            control: ControlLog::new(),
            board: board.map(|board| Rc::new(RefCell::new(board))),
            gates: Gates::default(),
            sources: Vec::new(),
            quiet: Vec::new(),
            prepared: Rc::default(),
            sinks: Vec::new(),
        },
    };
    for (number, step) in plan.steps.iter().enumerate() {
        let id = StepId(number);
        let built = match &step.node {
            Node::Source(source) => builder.source(id, source.as_ref()),
            Node::Stage(_) => Ok(()),
            Node::Operator(_) | Node::Sink(_) => builder.host(id),
        };
        if let Err(error) = built {
            let error = error.in_step(&step.name);
            // Said before anything else happens: other workers, which build the whole plan, may
            // find that this one has built another.
            context.shared.fail(crate::error::ErrorNote::from(&error).into());
            return Err(error);
        }
    }
    let Builder { alive, mut instance, .. } = builder;
    let announcer = control::build(scope, context, alive, &instance.control, outset.start);
    instance.sources.push(announcer);
    Ok(instance)
}

impl<'scope> Builder<'_, 'scope> {
    /// The consumer behind an output: all fused steps down to where records leave the run.
    fn output(&self, step: StepId, output: usize, terminals: &mut Vec<Terminal>) -> AnyNext {
        let mut consumers = Vec::new();
        for edge in self.plan.edges_from(step, output) {
            let to = &self.plan.steps[edge.to.0];
            match (&edge.route, &to.node) {
                (Some(route), _) => {
                    let outbox = Outbox::default();
                    let crosses =
                        edge.partitioning != Partitioning::Local && self.context.workers > 1;
                    consumers.push((None, (route.terminal)(&self.context, outbox.clone())));
                    terminals.push(Terminal {
                        to: edge.to,
                        input: edge.input,
                        crosses,
                        decode: route.decode,
                        is_timed: route.is_timed,
                        is_read_first: route.is_read_first,
                        outbox,
                    });
                }
                (None, Node::Stage(factory)) => {
                    let outputs = 0..to.fans.len();
                    let behind =
                        outputs.map(|output| self.output(edge.to, output, terminals)).collect();
                    consumers.push((Some(edge.to), factory(&self.context, behind)));
                }
                (None, _) => unreachable!("only stages are fused into what stands before them"),
            }
        }
        (self.plan.steps[step.0].fans[output])(step, consumers)
    }

    /// Adds timely outputs for the terminals of a run.
    fn attach_outputs(
        &mut self,
        builder: &mut OperatorBuilder<'scope, u64>,
        terminals: Vec<Terminal>,
    ) -> Vec<OutputPort> {
        let mut ports = Vec::new();
        for terminal in terminals {
            let Terminal { to, input, crosses, decode, is_timed, is_read_first, outbox } = terminal;
            let (output, stream) = builder.new_output::<Parcel>();
            ports.push(OutputPort::new(outbox, output, Some(to)));
            let port = Port { input, decode, is_timed, is_read_first, lane: 0 };
            self.arrivals.entry(to).or_default().push(Arrival { stream, port, crosses });
        }
        ports
    }

    /// An output on which nothing is sent: only its frontier says something.
    fn silent_output(
        builder: &mut OperatorBuilder<'scope, u64>,
        ports: &mut Vec<OutputPort>,
    ) -> ParcelStream<'scope> {
        let (output, stream) = builder.new_output::<Parcel>();
        ports.push(OutputPort::new(Outbox::default(), output, None));
        stream
    }

    /// An output that keeps the gate of a step closed while its capability is held. No input
    /// leads to it: only the host says when it lets go.
    fn gate(&mut self, builder: &mut OperatorBuilder<'scope, u64>, step: StepId) -> OutputPort {
        let (output, stream) = builder.new_output_connection::<Parcel, _>(std::iter::empty());
        let _ = stream.probe_with(self.instance.gates.watch(step));
        OutputPort::new(Outbox::default(), output, None)
    }

    fn run(&self, step: StepId) -> Run {
        let local = self.context.worker - self.context.local.start;
        let counters = Arc::clone(&self.context.shared.counters[local]);
        Run::new(step, Arc::clone(&self.names), counters)
    }

    /// What wakes the operator that is being built from any thread.
    fn waker(&self, address: &Rc<[usize]>) -> Waker {
        let activator = self.scope.worker().sync_activator_for(address.to_vec());
        // A worker that has left does not need to be woken any more.
        Waker::new(move || {
            let _ = activator.activate();
        })
    }

    fn source(&mut self, step: StepId, node: &dyn SourceNode) -> Result<(), Error> {
        let mut builder = OperatorBuilder::new(self.names[step.0].clone(), self.scope);
        let address = builder.operator_info().address;
        let activator = self.scope.activator_for(Rc::clone(&address));
        self.context.waker = self.waker(&address);
        let mut terminals = Vec::new();
        let records = self.output(step, 0, &mut terminals);
        let dead = self.output(step, 1, &mut terminals);
        let leads_nowhere = terminals.is_empty();
        let mut ports = self.attach_outputs(&mut builder, terminals);
        let alive = Self::silent_output(&mut builder, &mut ports);
        self.alive.push(alive);
        if leads_nowhere {
            let done = Self::silent_output(&mut builder, &mut ports);
            let _ = done.probe_with(&self.instance.probe);
        }
        let splits = self.outset.assignment.of(step, self.context.worker);
        let stages = self.restored.map(|past| past.stages(&self.names[step.0], &splits));
        let waker = self.context.waker.clone();
        let opened = node.open(&self.context, step, splits, waker, records, dead);
        let logic = match opened {
            Ok(logic) => logic,
            Err(error) => return Err(abandon(builder, error)),
        };
        let sources = self.plan.steps.iter().filter(|s| matches!(s.node, Node::Source(_))).count();
        let hosts = self.context.local.len() * sources;
        let budget = (self.context.limits().in_flight_bytes / hosts).max(1);
        let quiet = Rc::new(Cell::new(false));
        self.instance.quiet.push(Rc::clone(&quiet));
        self.instance.sources.push(self.scope.activator_for(Rc::clone(&address)));
        let (shared, mut run) = (Arc::clone(&self.context.shared), self.run(step));
        run.drift = Drift::on(self.context.worker);
        let finished = Rc::clone(&self.finished);
        let tables = self.plan.tables_before(step).into_iter();
        let gates: Vec<_> = tables.map(|table| self.instance.gates.sign(table)).collect();
        let start = self.outset.start;
        let part = self.instance.board.as_ref().map(|board| {
            let log = Rc::clone(&self.instance.control);
            log.borrow_mut().listen(self.scope.activator_for(Rc::clone(&address)));
            SourcePart::new(step, Rc::clone(board), log)
        });
        // Timely drops an operator that has let go of everything, unless it says that it is not
        // complete: one that takes part in cuts has to answer those that come when it is over.
        let takes_part = part.is_some();
        builder.build_reschedule(move |capabilities: Vec<Capability<u64>>| {
            for (port, capability) in ports.iter_mut().zip(capabilities) {
                port.hold(capability);
                port.move_to(start);
            }
            let run_shared = Arc::clone(&shared);
            let mut host =
                SourceHost::new(logic, ports, run_shared, run, activator, finished, budget);
            host.begin_at(start);
            stages.into_iter().for_each(|kept| host.restore_stages(kept));
            host.wait_behind(gates);
            part.into_iter().for_each(|part| host.take_part(part));
            move |_| {
                if !shared.has_failed() {
                    let result = catch_unwind(AssertUnwindSafe(|| host.turn()));
                    report(&shared, host.run(), result);
                    quiet.set(host.is_quiet());
                }
                takes_part
            }
        });
        Ok(())
    }

    fn host(&mut self, step: StepId) -> Result<(), Error> {
        let mut builder = OperatorBuilder::new(self.names[step.0].clone(), self.scope);
        let address = builder.operator_info().address;
        self.context.waker = self.waker(&address);
        let mut terminals = Vec::new();
        let mut is_sink = false;
        let past = self.restored.and_then(|restored| restored.host(&self.names[step.0]));
        let was_over = past.as_ref().is_some_and(|past| past.is_over);
        let logic = match &self.plan.steps[step.0].node {
            Node::Operator(factory) => {
                let next = self.output(step, 0, &mut terminals);
                factory(&self.context, next)
            }
            Node::Sink(sink) => {
                is_sink = true;
                // One whose input has ended has nothing to write, and perhaps published it all.
                match sink.open(&self.context, self.context.waker.clone(), was_over) {
                    Ok(logic) => logic,
                    Err(error) => return Err(abandon(builder, error)),
                }
            }
            Node::Source(_) | Node::Stage(_) => unreachable!("they have no host of this kind"),
        };
        let mut logic = logic;
        if let Some(restored) = self.restored.filter(|_| !was_over) {
            let context = &self.context;
            let of = (self.names[step.0].as_str(), self.plan.steps[step.0].kind);
            if let Err(error) = restored.restore(of, context, &mut *logic) {
                return Err(abandon(builder, error));
            }
        }
        let arrivals = self.arrivals.remove(&step).unwrap_or_default();
        let mut inputs = Vec::new();
        let mut lanes = Lanes::default();
        for Arrival { stream, mut port, crosses } in arrivals {
            let senders = if crosses { self.context.workers } else { 1 };
            port.lane = lanes.add(senders, port.is_timed);
            inputs.push(InputPort::attach(&mut builder, stream, port, crosses, senders));
        }
        let reached = past.as_ref().and_then(|past| past.watermark);
        reached.into_iter().for_each(|watermark| lanes.begin_at(watermark));
        let resumed = self.restored.map(|past| past.manifest().at).zip(reached);
        let resumed = resumed.filter(|_| !was_over && !is_sink);
        let leads_nowhere = terminals.is_empty();
        let buffers = terminals.iter().any(|terminal| terminal.crosses);
        let mut outputs = self.attach_outputs(&mut builder, terminals);
        if leads_nowhere {
            let done = Self::silent_output(&mut builder, &mut outputs);
            let _ = done.probe_with(&self.instance.probe);
        }
        let mut gate = self.plan.reads_first(step).then(|| self.gate(&mut builder, step));
        let logic = Rc::new(RefCell::new(logic));
        let prepared = is_sink.then(|| Rc::clone(&self.instance.prepared));
        if is_sink {
            let (name, logic) = (self.names[step.0].clone(), Rc::clone(&logic));
            self.instance.sinks.push(OpenSink { step, name, logic });
        }
        let control = Rc::clone(&self.instance.control);
        control.borrow_mut().listen(self.scope.activator_for(Rc::clone(&address)));
        let activator = self.scope.activator_for(address);
        let (shared, mut run) = (Arc::clone(&self.context.shared), self.run(step));
        run.restored = past.map(|past| past.stages);
        let start = self.outset.start;
        let worker = self.context.worker;
        let part = self.instance.board.as_ref();
        let part = part.map(|board| HostPart::new(step, worker, is_sink, Rc::clone(board)));
        let takes_part = part.is_some();
        builder.build_reschedule(move |capabilities: Vec<Capability<u64>>| {
            for (port, capability) in outputs.iter_mut().chain(&mut gate).zip(capabilities) {
                port.hold(capability);
                port.move_to(start);
            }
            let host_shared = Arc::clone(&shared);
            let mut host = Host::new(
                step,
                logic,
                inputs,
                outputs,
                control,
                host_shared,
                run,
                activator,
                buffers,
                lanes,
                start,
            );
            part.into_iter().for_each(|part| host.take_part(part));
            match was_over {
                true => host.stay_over(),
                false => host.wait_again(),
            }
            if let Some((at, watermark)) = resumed {
                host.resume(watermark, at);
            }
            gate.into_iter().for_each(|gate| host.keep_closed(gate));
            let mut prepared = prepared;
            move |frontiers| {
                if !shared.has_failed() {
                    let result = catch_unwind(AssertUnwindSafe(|| host.turn(frontiers)));
                    report(&shared, &host.run, result);
                    if host.is_over()
                        && let Some(prepared) = prepared.take()
                    {
                        prepared.set(prepared.get() + 1);
                    }
                }
                takes_part
            }
        });
        Ok(())
    }
}

/// Timely insists that an operator that was begun is built: builds one that does nothing.
fn abandon(builder: OperatorBuilder<'_, u64>, error: Error) -> Error {
    builder.build(|_: Vec<Capability<u64>>| |_| {});
    error
}

/// Fails the job when a host has failed or panicked, with the name of the step that was running.
fn report(shared: &Shared, run: &Run, result: std::thread::Result<Result<(), Error>>) {
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) => shared.fail(error.in_step(run.step_name())),
        Err(panic) => {
            let error = Error::new(ErrorKind::UserCode, "run the step", panic_message(&*panic));
            shared.fail(error.in_step(run.step_name()));
        }
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.map_or_else(|| "it panicked".to_owned(), |text| format!("it panicked: {text}"))
}
