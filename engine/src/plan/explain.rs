//! A plan for people: as text, as a Mermaid graph, as a Graphviz graph.

use std::fmt;

use super::{Node, Partitioning, Plan};
use crate::run::StepId;
use crate::{Delivery, PathGuarantee, Replay};

/// A step of an [`Explanation`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedStep {
    /// Its name.
    pub name: String,
    /// What kind of step it is: "map", "source", "count".
    pub kind: &'static str,
    /// Whether it runs inside the step before it, without a queue between them.
    pub fused: bool,
    /// What it promises about delivery, for sources and sinks.
    pub promise: Option<&'static str>,
    /// What else there is to say about it.
    pub notes: Vec<String>,
}

/// An edge of an [`Explanation`], by the numbers of its steps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedEdge {
    /// Where it begins.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// How its records are dealt over the workers.
    pub partitioning: Partitioning,
    /// Whether the two steps run as one.
    pub fused: bool,
}

/// What a job will do. [`Display`](fmt::Display) gives it as text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The name of the job.
    pub job: String,
    /// Its steps, in the order in which the program added them.
    pub steps: Vec<ExplainedStep>,
    /// Its edges.
    pub edges: Vec<ExplainedEdge>,
    /// What each path from a source to a sink guarantees after a failure, if checkpoints are taken.
    pub paths: Vec<PathGuarantee>,
}

impl Explanation {
    pub(crate) fn of(plan: &Plan) -> Self {
        let steps = plan
            .steps
            .iter()
            .map(|step| ExplainedStep {
                name: step.name.clone(),
                kind: step.kind,
                fused: !step.node.is_hosted(),
                promise: promise(&step.node),
                notes: step.notes.clone(),
            })
            .collect();
        let edges = plan
            .edges
            .iter()
            .map(|edge| ExplainedEdge {
                from: edge.from.0,
                to: edge.to.0,
                partitioning: edge.partitioning,
                fused: edge.route.is_none(),
            })
            .collect();
        Self { job: plan.name.clone(), steps, edges, paths: plan.guarantees() }
    }

    /// The plan as the text of a Mermaid flowchart.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("flowchart TD\n");
        for (number, step) in self.steps.iter().enumerate() {
            text += &format!("    s{number}[\"{}\"]\n", step.name.replace('"', "#quot;"));
        }
        for edge in &self.edges {
            let ExplainedEdge { from, to, partitioning, fused } = edge;
            text += &match fused {
                true => format!("    s{from} -.-> s{to}\n"),
                false => format!("    s{from} -->|{partitioning}| s{to}\n"),
            };
        }
        text
    }

    /// The plan as the text of a Graphviz graph.
    #[must_use]
    pub fn to_graphviz(&self) -> String {
        let mut text = format!("digraph \"{}\" {{\n", self.job.replace('"', "\\\""));
        for (number, step) in self.steps.iter().enumerate() {
            let shape = if step.fused { "plain" } else { "box" };
            let name = step.name.replace('"', "\\\"");
            text += &format!("    s{number} [label=\"{name}\", shape={shape}];\n");
        }
        for edge in &self.edges {
            let ExplainedEdge { from, to, partitioning, fused } = edge;
            text += &match fused {
                true => format!("    s{from} -> s{to} [style=dotted];\n"),
                false => format!("    s{from} -> s{to} [label=\"{partitioning}\"];\n"),
            };
        }
        text + "}\n"
    }

    /// What the sources promise, and then the sinks.
    fn promises(&self) -> Vec<String> {
        let of_kind = |kind| self.steps.iter().filter(move |step| step.kind == kind);
        of_kind("source")
            .chain(of_kind("sink"))
            .filter_map(|step| Some(format!("{}: {}", step.name, step.promise?)))
            .collect()
    }
}

/// What a source or a sink promises.
fn promise(node: &Node) -> Option<&'static str> {
    match node {
        Node::Source(source) => Some(match source.replay() {
            Replay::FromPosition => "can be read again from any position",
            Replay::None => "cannot be read again: what a failed job has read is gone",
        }),
        Node::Sink(sink) => Some(match sink.delivery() {
            Delivery::Staged => "publishes when the job commits, nothing of a job that fails",
            Delivery::Immediate => "publishes at once, also of a job that fails later",
        }),
        Node::Stage(_) | Node::Operator(_) => None,
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "job `{}`", self.job)?;
        for (number, step) in self.steps.iter().enumerate() {
            let into: Vec<&ExplainedEdge> =
                self.edges.iter().filter(|edge| edge.to == number).collect();
            write!(f, "  {number:>3}  {}", step.name)?;
            if step.name != step.kind {
                write!(f, " ({})", step.kind)?;
            }
            for (at, edge) in into.iter().enumerate() {
                let lead = if at == 0 { "  <- " } else { ", " };
                let from = StepId(edge.from).0;
                match edge.fused {
                    true => write!(f, "{lead}{from} fused")?,
                    false => write!(f, "{lead}{from} {}", edge.partitioning)?,
                }
            }
            writeln!(f)?;
            step.notes.iter().try_for_each(|note| writeln!(f, "       {note}"))?;
        }
        self.promises().iter().try_for_each(|promise| writeln!(f, "  {promise}"))?;
        if !self.paths.is_empty() {
            writeln!(f, "  after a failure, if checkpoints are taken:")?;
        }
        self.paths.iter().try_for_each(|path| writeln!(f, "    {path}"))
    }
}
