//! What the steps of a plan remember: asked of operators that are made for nothing else.

use super::{Node, Plan, Step};
use crate::checkpoint::{ListParts, PartShape, PlannedPart, StepFacts};
use crate::harness;
use crate::logic::Logic;
use crate::run::StepId;
use crate::{Error, Migrations};

impl Plan {
    /// An empty plan.
    pub(super) fn named(name: String) -> Self {
        Self { name, steps: Vec::new(), edges: Vec::new(), migrations: Migrations::default() }
    }

    /// An operator of the step that runs in no job and reaches nobody.
    fn make_idle(&self, number: usize, step: &Step) -> Option<Box<dyn Logic>> {
        let Node::Operator(factory) = &step.node else { return None };
        let next = (step.fans[0])(StepId(number), Vec::new());
        Some(factory(&harness::context(), next))
    }

    /// The parts of the state of a step, and which of the `stored` ones can be converted into them.
    ///
    /// # Errors
    /// When the operator cannot say.
    pub(crate) fn parts(
        &self,
        number: usize,
        stored: &[PartShape],
    ) -> Result<Vec<PlannedPart>, Error> {
        let step = &self.steps[number];
        let mut list = ListParts::of(&step.name, stored, &self.migrations);
        if let Some(mut logic) = self.make_idle(number, step) {
            logic.state(&mut list).map_err(|error| error.in_step(&step.name))?;
        }
        Ok(list.parts)
    }

    /// What a checkpoint keeps of the plan.
    ///
    /// # Errors
    /// When an operator cannot say what it remembers.
    pub(crate) fn facts(&self) -> Result<Vec<StepFacts>, Error> {
        let steps = self.steps.iter().enumerate();
        let facts = steps.map(|(number, step)| {
            let parts = self.parts(number, &[])?;
            Ok(StepFacts {
                name: step.name.clone(),
                kind: step.kind.to_owned(),
                is_named: step.is_named,
                parts: parts.into_iter().map(|part| part.shape).collect(),
            })
        });
        facts.collect()
    }
}
