//! Which inputs are read first, which sources wait for that, and whether all of that can end.
//!
//! A step may have an input that must be complete before its other inputs are read: the table of
//! a lookup. The sources of the other inputs then wait unopened. They cannot be read already and
//! kept back further on: flow control would soon stop them, and what stopped them would wait for
//! an input that shares their budget.

use super::{Node, Plan};
use crate::Error;
use crate::run::StepId;

/// A source that would never be opened.
pub(crate) struct Stuck {
    source: String,
    step: String,
    /// Whether the source itself feeds both the input that is read first and another one.
    feeds_both: bool,
}

impl Stuck {
    pub(crate) fn into_error(self, attempt: String) -> Error {
        let Self { source, step, feeds_both } = self;
        match feeds_both {
            true => Error::usage(
                attempt,
                format!("`{source}` feeds both the table of `{step}`, which is read completely first, and what is looked up in it, which is not read before"),
            )
            .advise("read it twice: add a second source for the table"),
            false => Error::usage(
                attempt,
                format!("`{source}` waits for the table of `{step}`, and that waits for `{source}`"),
            )
            .advise("let tables come from sources that do not wait for other tables"),
        }
        .in_step(&step)
    }
}

impl Plan {
    /// The steps with an input that is read first.
    fn with_tables(&self) -> impl Iterator<Item = StepId> + '_ {
        let steps = (0..self.steps.len()).map(StepId);
        steps.filter(|step| self.reads_first(*step))
    }

    /// Whether a step has an input that is read first.
    pub(crate) fn reads_first(&self, step: StepId) -> bool {
        self.edges.iter().any(|edge| edge.to == step && edge.is_read_first())
    }

    /// The steps whose inputs that are read first must be complete before a source is opened: its
    /// records come to their other inputs. A step says nothing about records of a table alone, so
    /// what comes to it as a table goes no further.
    pub(crate) fn tables_before(&self, source: StepId) -> Vec<StepId> {
        let reached = self.reached(source, |edge_is_first| !edge_is_first);
        self.with_tables().filter(|step| reached[step.0]).collect()
    }

    /// Whether records of a source have a part in what the table of a step holds.
    fn feeds_table(&self, source: StepId, step: StepId) -> bool {
        let reached = self.reached(source, |_| true);
        self.edges
            .iter()
            .any(|edge| edge.to == step && edge.is_read_first() && reached[edge.from.0])
    }

    /// Which steps are reached from a step along edges that are wanted.
    pub(crate) fn reached(&self, from: StepId, wanted: impl Fn(bool) -> bool) -> Vec<bool> {
        let mut reached = vec![false; self.steps.len()];
        reached[from.0] = true;
        // Edges lead from earlier steps to later ones.
        for step in from.0..self.steps.len() {
            if reached[step] {
                let edges = self.edges.iter().filter(|edge| edge.from.0 == step);
                edges
                    .filter(|edge| wanted(edge.is_read_first()))
                    .for_each(|edge| reached[edge.to.0] = true);
            }
        }
        reached
    }

    /// Checks that every source is opened at some time, when those before it end.
    pub(crate) fn check_phases(&self) -> Result<(), Stuck> {
        let is_source = |step: &StepId| matches!(self.steps[step.0].node, Node::Source(_));
        let mut waiting: Vec<StepId> =
            (0..self.steps.len()).map(StepId).filter(is_source).collect();
        loop {
            let held_by = |source: StepId| {
                let mut tables = self.tables_before(source).into_iter();
                tables.find(|step| waiting.iter().any(|other| self.feeds_table(*other, *step)))
            };
            let still: Vec<StepId> =
                waiting.iter().copied().filter(|source| held_by(*source).is_some()).collect();
            if still.len() < waiting.len() {
                waiting = still;
                continue;
            }
            let Some((source, step)) =
                waiting.first().and_then(|source| Some((*source, held_by(*source)?)))
            else {
                return Ok(());
            };
            // A source that stands in its own way explains more than one that waits for it.
            let own = waiting.iter().find_map(|source| {
                let mut tables = self.tables_before(*source).into_iter();
                Some((*source, tables.find(|step| self.feeds_table(*source, *step))?))
            });
            let (source, step) = own.unwrap_or((source, step));
            return Err(Stuck {
                source: self.steps[source.0].name.clone(),
                step: self.steps[step.0].name.clone(),
                feeds_both: own.is_some(),
            });
        }
    }
}
