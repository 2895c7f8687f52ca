//! The plan of a job: plain data about its steps and edges, beside one factory a step.
//!
//! The program's code runs once and produces a [`Plan`] through a [`Graph`]. Each worker then
//! instantiates the plan. A plan can be explained, drawn and compared before anything runs.

mod declared;
mod explain;
mod graph;
mod phases;
mod routing;

pub use explain::Explanation;
pub use graph::{Graph, Port, StepHandle};
pub use routing::{Partitioning, Route};

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use crate::consumer::AnyNext;
use crate::context::WorkerContext;
use crate::dataflow::Standing;
use crate::dataflow::parcel::Decode;
use crate::logic::Logic;
use crate::run::StepId;
use crate::source_logic::SourceLogic;
use crate::{Delivery, Error, Migrations, Placement, Recovery, Replay, Split, SplitContext, Waker};
use routing::TerminalFactory;

/// Makes the consumer of a stateless step from the consumers behind its outputs.
pub(crate) type StageFactory =
    Arc<dyn Fn(&WorkerContext, Vec<AnyNext>) -> AnyNext + Send + Sync + 'static>;

/// Makes the logic of an operator from the consumer behind its output.
pub(crate) type OperatorFactory =
    Arc<dyn Fn(&WorkerContext, AnyNext) -> Box<dyn Logic> + Send + Sync + 'static>;

/// Joins the consumers of one output, each with the step it belongs to if it is fused.
pub(crate) type FanFactory =
    Arc<dyn Fn(StepId, Vec<(Option<StepId>, AnyNext)>) -> AnyNext + Send + Sync + 'static>;

/// A source without its record type.
pub(crate) trait SourceNode: Send + Sync {
    /// Lists the splits; see [`crate::Source::splits`].
    fn splits(&self, context: &SplitContext) -> Result<Vec<Split>, Error>;

    /// Opens some of the splits, by their numbers, on a worker.
    fn open(
        &self,
        context: &WorkerContext,
        step: StepId,
        splits: Vec<Standing>,
        waker: Waker,
        records: AnyNext,
        dead: AnyNext,
    ) -> Result<Box<dyn SourceLogic>, Error>;

    /// Whether reading again gives the same records.
    fn replay(&self) -> Replay;

    /// What is read; see [`crate::Source::identity`].
    fn identity(&self) -> String;

    /// Whether records that cannot be understood go to a stream of their own.
    fn sets_bad_records_aside(&self) -> bool;
}

/// A sink without its record type.
pub(crate) trait SinkNode: Send + Sync {
    /// See [`crate::Sink::prepare_target`].
    fn prepare_target(&self) -> Result<(), Error>;

    /// See [`crate::Sink::recover`].
    fn recover(&self, recovery: &Recovery<'_>) -> Result<(), Error>;

    /// Opens the writer of a worker; none where `is_over`, because all was written before the job
    /// was restored.
    fn open(
        &self,
        context: &WorkerContext,
        waker: Waker,
        is_over: bool,
    ) -> Result<Box<dyn Logic>, Error>;

    /// When what is written becomes visible.
    fn delivery(&self) -> Delivery;

    /// Which workers write.
    fn placement(&self) -> Placement;
}

/// What a step does.
pub(crate) enum Node {
    /// Brings records in; output 0 are the records, output 1 the dead letters.
    Source(Box<dyn SourceNode>),
    /// Fused into what stands before it.
    Stage(StageFactory),
    /// Sees epochs in order.
    Operator(OperatorFactory),
    /// Takes records out.
    Sink(Box<dyn SinkNode>),
}

impl Node {
    /// Whether the step has a host of its own on each worker.
    pub(crate) fn is_hosted(&self) -> bool {
        !matches!(self, Node::Stage(_))
    }
}

/// One step of a plan.
pub(crate) struct Step {
    pub(crate) name: String,
    /// Whether the program chose the name; else it is made of the kind and a number.
    pub(crate) is_named: bool,
    pub(crate) kind: &'static str,
    pub(crate) node: Node,
    /// One a output.
    pub(crate) fans: Vec<FanFactory>,
    /// What else there is to say when the plan is explained.
    pub(crate) notes: Vec<String>,
}

/// Leads from an output of a step to an input of a later one.
pub(crate) struct Edge {
    pub(crate) from: StepId,
    pub(crate) output: usize,
    pub(crate) to: StepId,
    pub(crate) input: usize,
    pub(crate) partitioning: Partitioning,
    /// Absent where the two steps are fused.
    pub(crate) route: Option<EdgeRoute>,
}

impl Edge {
    /// Whether what it brings must have ended before the step's other inputs are read.
    pub(crate) fn is_read_first(&self) -> bool {
        self.route.as_ref().is_some_and(|route| route.is_read_first)
    }
}

/// How batches cross an edge that is not fused.
#[derive(Clone)]
pub(crate) struct EdgeRoute {
    pub(crate) terminal: TerminalFactory,
    pub(crate) decode: Option<Decode>,
    pub(crate) is_timed: bool,
    /// Whether the input must have ended before anything is read for the step's other inputs.
    pub(crate) is_read_first: bool,
}

/// What a job does: its steps in the order in which they were added, and the edges between them.
/// Every edge leads from an earlier step to a later one.
pub struct Plan {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) edges: Vec<Edge>,
    /// How state that an older version of the program has stored is converted.
    pub(crate) migrations: Migrations,
}

impl Plan {
    /// The edges that leave an output, in the order in which they were added.
    pub(crate) fn edges_from(&self, step: StepId, output: usize) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| edge.from == step && edge.output == output)
    }

    /// Whether everything that leads to a step is fused, from sources on.
    pub(crate) fn reads_splits(&self, step: StepId) -> bool {
        match self.steps[step.0].node {
            Node::Source(_) => true,
            Node::Stage(_) => {
                let mut into = self.edges.iter().filter(|edge| edge.to == step);
                into.all(|edge| self.reads_splits(edge.from))
            }
            Node::Operator(_) | Node::Sink(_) => false,
        }
    }

    /// A fingerprint of everything that must be the same in all processes of a job.
    pub(crate) fn fingerprint(&self) -> u64 {
        let seeded = foldhash::quality::FixedState::with_seed(1);
        let hasher = &mut seeded.build_hasher();
        hasher.write(self.name.as_bytes());
        for step in &self.steps {
            hasher.write(step.name.as_bytes());
            hasher.write(step.kind.as_bytes());
        }
        for edge in &self.edges {
            let ends = [edge.from.0, edge.output, edge.to.0, edge.input];
            ends.iter().for_each(|end| hasher.write_usize(*end));
            hasher.write(edge.partitioning.to_string().as_bytes());
            hasher.write_u8(u8::from(edge.is_read_first()));
        }
        hasher.finish()
    }

    /// Checks what the types of the handles cannot: that there is something to run.
    ///
    /// # Errors
    /// When the plan has no source or no sink, sets records aside that nobody reads, or has steps
    /// that would wait for each other's inputs for ever.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let attempt = || format!("start the job {}", self.name);
        if !self.steps.iter().any(|step| matches!(step.node, Node::Source(_))) {
            return Err(
                Error::usage(attempt(), "it has no source").advise("add one with job.source(...)")
            );
        }
        if !self.steps.iter().any(|step| matches!(step.node, Node::Sink(_))) {
            return Err(Error::usage(attempt(), "it has no sink, so nothing could be observed")
                .advise("end a stream with .sink(...)"));
        }
        for (number, step) in self.steps.iter().enumerate() {
            let Node::Source(source) = &step.node else { continue };
            let letters_lead_nowhere = self.edges_from(StepId(number), 1).next().is_none();
            if source.sets_bad_records_aside() && letters_lead_nowhere {
                let reason = "it sets aside what it cannot understand, and nobody reads that";
                return Err(Error::usage(attempt(), reason)
                    .advise("take both streams of job.source_with_dead_letters(...) to sinks, or let the source skip bad records")
                    .in_step(&step.name));
            }
        }
        self.check_phases().map_err(|stuck| stuck.into_error(attempt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_tell_chosen_names_from_made_ones() {
        let graph = Graph::new("job");
        let (one, two) = (graph.union::<u8>(&[]), graph.union::<u8>(&[]));
        two.step().rename("orders");
        let _both = graph.union(&[one, two]);
        let facts = graph.take().facts().unwrap();
        let facts =
            facts.iter().map(|step| (step.name.as_str(), step.kind.as_str(), step.is_named));
        let expected =
            [("union", "union", false), ("orders", "union", true), ("union 2", "union", false)];
        assert_eq!(facts.collect::<Vec<_>>(), expected);
    }
}
