//! The board of a worker: who of its hosts has done its part of a cut.
//!
//! Every host crosses the boundary of a cut at its own time, and captures its state over several
//! turns. When all have done so, all sources have said where they were, and all writers are
//! prepared, the worker has done its part and says so to the scribe. What a host does not say
//! counts as missing: that its input has ended is no answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::control::ControlLog;
use crate::CheckpointId;
use crate::capture::{Extent, Section};
use crate::context::WorkerContext;
use crate::failpoint;
use crate::job::desk::{Cut, Desk, HostFacts, Said, SourceFacts, WorkerFacts};
use crate::run::StepId;

/// The parts of a worker in the cuts of its job.
pub(crate) struct Board {
    worker: usize,
    desk: Arc<Desk>,
    hosts: Vec<StepId>,
    sources: Vec<StepId>,
    sinks: Vec<StepId>,
    current: Option<(Cut, Extent, WorkerFacts)>,
    /// The cut that was captured last: changes count from it.
    last: Option<CheckpointId>,
}

impl Board {
    /// The board of a worker without steps.
    pub(crate) fn new(context: &WorkerContext, desk: Arc<Desk>) -> Self {
        Self {
            worker: context.worker,
            desk,
            hosts: Vec::new(),
            sources: Vec::new(),
            sinks: Vec::new(),
            current: None,
            last: None,
        }
    }

    /// A source takes part in every cut.
    pub(crate) fn add_source(&mut self, step: StepId) {
        self.sources.push(step);
    }

    /// An operator or a sink takes part in every cut.
    pub(crate) fn add_host(&mut self, step: StepId, is_sink: bool) {
        self.hosts.push(step);
        if is_sink {
            self.sinks.push(step);
        }
    }

    /// Makes a cut the current one, and what was said of an earlier one void. Says how much of their
    /// state hosts capture.
    pub(crate) fn enter(&mut self, cut: Cut) -> Extent {
        if let Some((current, extent, _)) = &self.current
            && *current == cut
        {
            return *extent;
        }
        let wants_whole = self.desk.take_whole(self.worker);
        let follows = cut.base.is_some() && cut.base == self.last;
        let extent = if follows && !wants_whole { Extent::Changes } else { Extent::Whole };
        self.last = None;
        self.current = Some((cut, extent, WorkerFacts::default()));
        extent
    }

    /// Whether pieces can be handed over now.
    pub(crate) fn is_ready(&self) -> bool {
        self.desk.has_room()
    }

    /// Hands over captured pieces of a step.
    pub(crate) fn hand_over(&self, step: StepId, cut: Cut, sections: Vec<Section>) {
        if let Some((current, _, _)) = &self.current
            && *current == cut
            && !sections.is_empty()
        {
            self.desk.say(Said::Captured { worker: self.worker, cut, step, sections });
        }
    }

    fn facts(&mut self, cut: Cut) -> Option<&mut WorkerFacts> {
        self.current.as_mut().filter(|(current, _, _)| *current == cut).map(|(_, _, facts)| facts)
    }

    /// A host has captured everything at a cut.
    pub(crate) fn captured(&mut self, step: StepId, cut: Cut, host: HostFacts) {
        if let Some(facts) = self.facts(cut) {
            facts.hosts.insert(step.0, host);
        }
    }

    /// The writer of a sink is prepared to commit up to a cut.
    pub(crate) fn prepared(&mut self, step: StepId, cut: Cut, bytes: Vec<u8>) {
        if let Some(facts) = self.facts(cut) {
            facts.prepared.insert(step.0, bytes);
        }
    }

    /// The cut for which a source has not said yet where it was.
    pub(crate) fn cut_for_source(&mut self, step: StepId, log: &ControlLog) -> Option<Cut> {
        let cut = log.cut()?;
        let is_over = self.last == Some(cut.id);
        if is_over {
            return None;
        }
        self.enter(cut);
        let facts = self.facts(cut)?;
        (!facts.sources.contains_key(&step.0)).then_some(cut)
    }

    /// A source says where it was at a cut.
    pub(crate) fn stood(&mut self, step: StepId, cut: Cut, source: SourceFacts) {
        if let Some(facts) = self.facts(cut) {
            facts.sources.insert(step.0, source);
        }
    }

    /// Says that the worker has done its part of a cut, once it has.
    pub(crate) fn look(&mut self, log: &ControlLog) {
        let Some(cut) = log.cut() else { return };
        if self.last == Some(cut.id) {
            return;
        }
        self.enter(cut);
        let Some((_, extent, facts)) = &mut self.current else { return };
        let is_done = facts.hosts.len() == self.hosts.len()
            && facts.sources.len() == self.sources.len()
            && (facts.prepared.len() == self.sinks.len()
                || failpoint::is_broken("vote-before-prepare"));
        if is_done {
            let facts = Box::new(std::mem::take(facts));
            let said = Said::Done { worker: self.worker, cut, extent: *extent, facts };
            self.current = None;
            self.last = Some(cut.id);
            self.desk.say(said);
        }
    }

    /// Says that the input of the worker has ended, and what its writers need to commit.
    pub(crate) fn end(&mut self, prepared: BTreeMap<usize, Vec<u8>>) {
        let facts = Box::new(WorkerFacts { prepared, ..WorkerFacts::default() });
        self.desk.say(Said::Ended { worker: self.worker, facts });
    }
}
