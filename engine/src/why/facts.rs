//! What is known of a job when somebody asks why nothing comes out: plain data.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::job::assignment::Assignment;
use crate::job::shared::Shared;
use crate::plan::{Node, Partitioning, Plan};
use crate::run::StepId;
use crate::status::StepStatus;
use crate::{ProcessingTime, SplitId};

/// How a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// It begins a run of fused steps.
    AsSource,
    /// Inside the step before it.
    Fused,
    /// By itself, with inputs that other workers may send to.
    Hosted,
}

/// A step of the plan.
#[derive(Clone, Debug)]
pub(crate) struct StepFacts {
    pub(crate) name: String,
    pub(crate) runs: Runs,
    /// The names of the splits, for a source.
    pub(crate) splits: BTreeMap<SplitId, String>,
}

/// An edge of the plan, by the numbers of its steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EdgeFacts {
    pub(crate) from: usize,
    pub(crate) output: usize,
    pub(crate) to: usize,
    pub(crate) is_fused: bool,
    pub(crate) is_timed: bool,
    /// Whether records go to other workers on it, so that each of them sends.
    pub(crate) crosses: bool,
}

/// What a step on a worker says.
#[derive(Clone, Debug, Default)]
pub(crate) struct OnWorker {
    pub(crate) status: StepStatus,
    pub(crate) records: u64,
    pub(crate) late: u64,
    pub(crate) future: u64,
}

/// What one process knows of a job.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) steps: Vec<StepFacts>,
    pub(crate) edges: Vec<EdgeFacts>,
    /// The workers of the job over all processes.
    pub(crate) workers: usize,
    /// Those of this process.
    pub(crate) local: Range<usize>,
    /// By local worker and step.
    pub(crate) said: Vec<Vec<OnWorker>>,
    pub(crate) now: ProcessingTime,
}

impl Facts {
    /// What the `local` workers of a job have said so far.
    pub(crate) fn of(
        plan: &Plan,
        assignment: &Assignment,
        shared: &Shared,
        workers: usize,
        local: Range<usize>,
    ) -> Self {
        let steps = plan.steps.iter().enumerate().map(|(number, step)| StepFacts {
            name: step.name.clone(),
            runs: match step.node {
                Node::Source(_) => Runs::AsSource,
                Node::Stage(_) => Runs::Fused,
                Node::Operator(_) | Node::Sink(_) => Runs::Hosted,
            },
            splits: assignment.names(StepId(number)),
        });
        let edges = plan.edges.iter().map(|edge| EdgeFacts {
            from: edge.from.0,
            output: edge.output,
            to: edge.to.0,
            is_fused: edge.route.is_none(),
            is_timed: edge.route.as_ref().is_some_and(|route| route.is_timed),
            crosses: edge.partitioning != Partitioning::Local && workers > 1,
        });
        let of_worker = |counters: &crate::metrics::WorkerCounters| -> Vec<OnWorker> {
            let said = counters.iter().map(|counters| OnWorker {
                status: counters.status().clone(),
                records: counters.records_in.get(),
                late: counters.late.get(),
                future: counters.future.get(),
            });
            said.collect()
        };
        Self {
            steps: steps.collect(),
            edges: edges.collect(),
            workers,
            local,
            said: shared.counters.iter().map(of_worker).collect(),
            now: shared.clock.now(),
        }
    }

    /// What a step says on a worker of this process.
    pub(crate) fn on(&self, worker: usize, step: usize) -> Option<&OnWorker> {
        let local = worker.checked_sub(self.local.start)?;
        self.said.get(local)?.get(step)
    }

    /// What a step says on all workers of this process.
    pub(crate) fn everywhere(&self, step: usize) -> impl Iterator<Item = &OnWorker> {
        self.said.iter().filter_map(move |worker| worker.get(step))
    }
}
