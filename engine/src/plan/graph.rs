//! Builds a plan: typed handles outside, erased factories inside.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::{
    Edge, EdgeRoute, FanFactory, Node, Partitioning, Plan, Route, SinkNode, SourceNode, Step,
};
use crate::consumer::{AnyNext, CopyBatch, Fan, Meter, Next};
use crate::context::WorkerContext;
use crate::dataflow::Standing;
use crate::logic::{Logic, OneInputLogic, SinkLogic, TwoInputLogic};
use crate::operator::{Operator, TwoInput};
use crate::run::StepId;
use crate::source_logic::{OpenSplit, SourceLogic, SplitReaders};
use crate::{
    BadRecords, DeadLetter, Delivery, Error, ExchangeData, Migrations, Placement, Position,
    ReadBuffer, ReaderContext, Recovery, Replay, Sink, Source, Split, SplitContext, SplitId, Waker,
    WriterContext,
};

/// A plan in the making; cheap to clone, all clones build the same plan.
#[derive(Clone)]
pub struct Graph {
    plan: Rc<RefCell<Plan>>,
}

/// An output of a step, to which further steps can be attached.
pub struct Port<T> {
    graph: Graph,
    step: StepId,
    output: usize,
    records: PhantomData<fn() -> T>,
}

impl<T: 'static> Port<T> {
    /// The graph that the step belongs to.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The step that the output belongs to.
    #[must_use]
    pub fn step(&self) -> StepHandle {
        StepHandle { graph: self.graph.clone(), step: self.step }
    }

    /// Whether the output is that of a source or of stateless steps fused into one, so that its
    /// batches hold the records of one split each.
    #[must_use]
    pub fn reads_splits(&self) -> bool {
        self.graph.plan.borrow().reads_splits(self.step)
    }

    /// A second handle on the same output: every reader gets every record.
    #[must_use]
    pub fn share(&self) -> Self
    where
        T: Clone,
    {
        let copy: CopyBatch<T> = |from, to| to.extend_from_slice(from);
        let mut plan = self.graph.plan.borrow_mut();
        plan.steps[self.step.0].fans[self.output] = fan::<T>(Some(copy));
        drop(plan);
        self.graph.port(self.step, self.output)
    }
}

/// A step of a plan in the making.
pub struct StepHandle {
    graph: Graph,
    step: StepId,
}

impl StepHandle {
    /// Names the step; the name appears in errors, reports and explanations.
    ///
    /// # Panics
    /// When another step of the job has that name: names must tell steps apart.
    pub fn rename(&self, name: &str) {
        let mut plan = self.graph.plan.borrow_mut();
        let taken =
            plan.steps.iter().enumerate().any(|(at, s)| at != self.step.0 && s.name == name);
        assert!(!taken, "two steps of the job `{}` are named `{name}`", plan.name);
        let step = &mut plan.steps[self.step.0];
        step.name = name.to_owned();
        step.is_named = true;
    }

    /// Adds a line to what is said of the step when the plan is explained.
    pub fn note(&self, note: impl Into<String>) {
        self.graph.plan.borrow_mut().steps[self.step.0].notes.push(note.into());
    }
}

/// How the consumers of an output of type `T` are joined.
fn fan<T: 'static>(copy: Option<CopyBatch<T>>) -> FanFactory {
    Arc::new(move |from, consumers| {
        let next = consumers
            .into_iter()
            .map(|(to, next)| -> Next<T> {
                let next = next.take::<T>();
                match to {
                    Some(to) => Box::new(Meter { to, next }),
                    None => next,
                }
            })
            .collect();
        AnyNext::new::<T>(Box::new(Fan { from, next, copy, spare: Vec::new() }))
    })
}

impl Graph {
    /// An empty plan.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let plan = Plan::named(name.to_owned());
        Self { plan: Rc::new(RefCell::new(plan)) }
    }

    /// Takes the plan out; what is added later belongs to a new, empty one.
    #[must_use]
    pub fn take(&self) -> Plan {
        let mut plan = self.plan.borrow_mut();
        let empty = Plan::named(plan.name.clone());
        std::mem::replace(&mut plan, empty)
    }

    /// Says how state that an older version of the program has stored is converted.
    ///
    /// # Errors
    /// What `say` gives.
    pub fn migrate(
        &self,
        say: impl FnOnce(&mut Migrations) -> Result<(), Error>,
    ) -> Result<(), Error> {
        say(&mut self.plan.borrow_mut().migrations)
    }

    /// The plan so far, for people.
    #[must_use]
    pub fn explain(&self) -> super::Explanation {
        super::Explanation::of(&self.plan.borrow())
    }

    /// Adds a source: its records, and the records it could not understand.
    pub fn source<S: Source>(
        &self,
        source: S,
        bad_records: BadRecords,
    ) -> (Port<S::Record>, Port<DeadLetter>) {
        let node = Node::Source(Box::new(TypedSource { source: Arc::new(source), bad_records }));
        let step = self.add("source", node, vec![fan::<S::Record>(None), fan::<DeadLetter>(None)]);
        (self.port(step, 0), self.port(step, 1))
    }

    /// Adds a stateless step, fused into what stands before it.
    pub fn stage<T: 'static, U: 'static>(
        &self,
        input: &Port<T>,
        kind: &'static str,
        make: impl Fn(&WorkerContext, Next<U>) -> Next<T> + Send + Sync + 'static,
    ) -> Port<U> {
        let factory = move |context: &WorkerContext, mut next: Vec<AnyNext>| {
            let next = next.pop().expect("a stage with one output has one consumer");
            AnyNext::new(make(context, next.take()))
        };
        let step = self.add(kind, Node::Stage(Arc::new(factory)), vec![fan::<U>(None)]);
        self.fuse(input, step);
        self.port(step, 0)
    }

    /// Adds a stateless step with two outputs.
    pub fn stage_with_two<T: 'static, A: 'static, B: 'static>(
        &self,
        input: &Port<T>,
        kind: &'static str,
        make: impl Fn(&WorkerContext, Next<A>, Next<B>) -> Next<T> + Send + Sync + 'static,
    ) -> (Port<A>, Port<B>) {
        let factory = move |context: &WorkerContext, mut next: Vec<AnyNext>| {
            let second = next.pop().expect("a stage with two outputs has two consumers");
            let first = next.pop().expect("a stage with two outputs has two consumers");
            AnyNext::new(make(context, first.take(), second.take()))
        };
        let fans = vec![fan::<A>(None), fan::<B>(None)];
        let step = self.add(kind, Node::Stage(Arc::new(factory)), fans);
        self.fuse(input, step);
        (self.port(step, 0), self.port(step, 1))
    }

    /// Adds a stateless step with `outputs` outputs of one type.
    pub fn stage_with_many<T: 'static, U: 'static>(
        &self,
        input: &Port<T>,
        kind: &'static str,
        outputs: usize,
        make: impl Fn(&WorkerContext, Vec<Next<U>>) -> Next<T> + Send + Sync + 'static,
    ) -> Vec<Port<U>> {
        let factory = move |context: &WorkerContext, next: Vec<AnyNext>| {
            AnyNext::new(make(context, next.into_iter().map(AnyNext::take).collect()))
        };
        let fans = (0..outputs).map(|_| fan::<U>(None)).collect();
        let step = self.add(kind, Node::Stage(Arc::new(factory)), fans);
        self.fuse(input, step);
        (0..outputs).map(|output| self.port(step, output)).collect()
    }

    /// Adds a step that passes on the records of several outputs.
    ///
    /// # Panics
    /// When the outputs belong to different jobs.
    pub fn union<T: 'static>(&self, inputs: &[Port<T>]) -> Port<T> {
        let factory = |_: &WorkerContext, mut next: Vec<AnyNext>| {
            next.pop().expect("a stage with one output has one consumer")
        };
        let step = self.add("union", Node::Stage(Arc::new(factory)), vec![fan::<T>(None)]);
        inputs.iter().for_each(|input| self.fuse(input, step));
        self.port(step, 0)
    }

    /// Adds a step with state.
    pub fn operator<O: Operator>(
        &self,
        input: &Port<O::In>,
        route: Route<O::In>,
        kind: &'static str,
        make: impl Fn(&WorkerContext) -> O + Send + Sync + 'static,
    ) -> Port<O::Out> {
        let factory = move |context: &WorkerContext, next: AnyNext| -> Box<dyn Logic> {
            let (next, limits) = (next.take(), context.limits());
            Box::new(OneInputLogic::new(make(context), next, &context.pools, limits))
        };
        let step = self.add(kind, Node::Operator(Arc::new(factory)), vec![fan::<O::Out>(None)]);
        self.connect(input, step, 0, route);
        self.port(step, 0)
    }

    /// Adds a step with state and two inputs.
    ///
    /// # Panics
    /// When the inputs belong to different jobs.
    pub fn two_input<O: TwoInput>(
        &self,
        (left, left_route): (&Port<O::Left>, Route<O::Left>),
        (right, right_route): (&Port<O::Right>, Route<O::Right>),
        kind: &'static str,
        make: impl Fn(&WorkerContext) -> O + Send + Sync + 'static,
    ) -> Port<O::Out> {
        let factory = move |context: &WorkerContext, next: AnyNext| -> Box<dyn Logic> {
            let (next, limits) = (next.take(), context.limits());
            Box::new(TwoInputLogic::new(make(context), next, &context.pools, limits))
        };
        let step = self.add(kind, Node::Operator(Arc::new(factory)), vec![fan::<O::Out>(None)]);
        self.connect(left, step, 0, left_route);
        self.connect(right, step, 1, right_route);
        self.port(step, 0)
    }

    /// Adds a sink.
    pub fn sink<S: Sink>(&self, input: &Port<S::Record>, sink: S) -> StepHandle
    where
        S::Record: ExchangeData,
    {
        let route = match sink.placement() {
            Placement::EveryWorker => Route::local(),
            Placement::OneWorker => Route::gather(),
        };
        let step = self.add("sink", Node::Sink(Box::new(TypedSink { sink })), Vec::new());
        self.connect(input, step, 0, route);
        StepHandle { graph: self.clone(), step }
    }

    fn port<T>(&self, step: StepId, output: usize) -> Port<T> {
        Port { graph: self.clone(), step, output, records: PhantomData }
    }

    fn add(&self, kind: &'static str, node: Node, fans: Vec<FanFactory>) -> StepId {
        let mut plan = self.plan.borrow_mut();
        let mut name = kind.to_owned();
        let mut number = 1;
        while plan.steps.iter().any(|step| step.name == name) {
            number += 1;
            name = format!("{kind} {number}");
        }
        let is_named = false;
        plan.steps.push(Step { name, is_named, kind, node, fans, notes: Vec::new() });
        StepId(plan.steps.len() - 1)
    }

    fn fuse<T>(&self, input: &Port<T>, to: StepId) {
        self.edge(input, to, 0, Partitioning::Local, None);
    }

    fn connect<T>(&self, input: &Port<T>, to: StepId, at: usize, route: Route<T>) {
        let Route { partitioning, terminal, decode, is_timed, is_read_first, .. } = route;
        let route = EdgeRoute { terminal, decode, is_timed, is_read_first };
        self.edge(input, to, at, partitioning, Some(route));
    }

    fn edge<T>(
        &self,
        from: &Port<T>,
        to: StepId,
        input: usize,
        partitioning: Partitioning,
        route: Option<EdgeRoute>,
    ) {
        let same_plan = Rc::ptr_eq(&self.plan, &from.graph.plan);
        assert!(same_plan, "streams of different jobs cannot meet in one step");
        let Port { step: from, output, .. } = *from;
        self.plan.borrow_mut().edges.push(Edge { from, output, to, input, partitioning, route });
    }
}

struct TypedSource<S> {
    source: Arc<S>,
    bad_records: BadRecords,
}

impl<S: Source> SourceNode for TypedSource<S> {
    fn splits(&self, context: &SplitContext) -> Result<Vec<Split>, Error> {
        self.source.splits(context)
    }

    fn open(
        &self,
        context: &WorkerContext,
        step: StepId,
        splits: Vec<Standing>,
        waker: Waker,
        records: AnyNext,
        dead: AnyNext,
    ) -> Result<Box<dyn SourceLogic>, Error> {
        let (source, context, bad) = (Arc::clone(&self.source), context.clone(), self.bad_records);
        let target = context.limits().records_per_batch::<S::Record>();
        let open_reader = move |id: SplitId, split: &Rc<Split>, position: Option<&Position>| {
            let reader_context = ReaderContext {
                split: id,
                worker: context.worker,
                workers: context.workers,
                waker: waker.clone(),
                clock: Arc::clone(context.clock()),
                limits: Arc::clone(context.limits()),
            };
            Ok(OpenSplit {
                id,
                split: Rc::clone(split),
                is_bounded: split.bytes.is_some(),
                reader: source.open(split, position, reader_context)?,
                buffer: ReadBuffer::new(target, bad),
            })
        };
        Ok(Box::new(SplitReaders {
            step,
            waiting: splits.into(),
            open_reader: Box::new(open_reader),
            open: Vec::new(),
            records: records.take(),
            dead: dead.take(),
        }))
    }

    fn replay(&self) -> Replay {
        self.source.replay()
    }

    fn identity(&self) -> String {
        self.source.identity()
    }

    fn sets_bad_records_aside(&self) -> bool {
        self.bad_records == BadRecords::DeadLetter
    }
}

struct TypedSink<S> {
    sink: S,
}

impl<S: Sink> SinkNode for TypedSink<S> {
    fn prepare_target(&self) -> Result<(), Error> {
        self.sink.prepare_target()
    }

    fn recover(&self, recovery: &Recovery<'_>) -> Result<(), Error> {
        self.sink.recover(recovery)
    }

    fn open(
        &self,
        context: &WorkerContext,
        waker: Waker,
        is_over: bool,
    ) -> Result<Box<dyn Logic>, Error> {
        let writes = self.placement() == Placement::EveryWorker || context.worker == 0;
        let desk = context.shared.desk();
        let writer = if writes && !is_over {
            Some(self.sink.open(WriterContext {
                worker: context.worker,
                workers: context.workers,
                run: desk.map_or(0, |desk| desk.run),
                checkpoints: desk.is_some(),
                waker,
                clock: Arc::clone(context.clock()),
                limits: Arc::clone(context.limits()),
            })?)
        } else {
            None
        };
        Ok(Box::new(SinkLogic::new(writer, &context.pools)))
    }

    fn delivery(&self) -> Delivery {
        self.sink.delivery()
    }

    fn placement(&self) -> Placement {
        self.sink.placement()
    }
}
