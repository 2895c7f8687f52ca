//! The parts of a step's state: what they are called, how they are spread, what is in them.

use serde::{Deserialize, Serialize};

use crate::state_parts::{Spread, sealed};
use crate::{Error, KeyedTable, Migrations, Schema, StateParts, Value};

/// A part of a step's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartShape {
    /// Its name within the step.
    pub(crate) name: String,
    /// How it is spread over workers.
    pub(crate) spread: Spread,
    /// The types of its keys and states.
    pub(crate) schema: Schema,
}

/// A part of a step's state as a program keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlannedPart {
    /// What it looks like.
    pub(crate) shape: PartShape,
    /// Whether the program can convert what is stored of it.
    pub(crate) can_convert: bool,
}

impl From<PartShape> for PlannedPart {
    fn from(shape: PartShape) -> Self {
        Self { shape, can_convert: false }
    }
}

/// Visits the parts of a step's state only to list them.
pub(crate) struct ListParts<'a> {
    step: &'a str,
    /// What is stored of the step, and how the program converts it.
    stored: &'a [PartShape],
    migrations: &'a Migrations,
    /// The parts, in the order in which the step names them.
    pub(crate) parts: Vec<PlannedPart>,
}

impl<'a> ListParts<'a> {
    /// Lists the parts of `step`, and which of the `stored` ones can be converted into them.
    pub(crate) fn of(step: &'a str, stored: &'a [PartShape], migrations: &'a Migrations) -> Self {
        Self { step, stored, migrations, parts: Vec::new() }
    }

    fn list(
        &mut self,
        name: &str,
        spread: Spread,
        schema_before: &dyn Fn(&crate::Rewrite) -> Schema,
    ) {
        let stored = self.stored.iter().find(|part| part.name == name);
        let can_convert = stored.is_some_and(|part| {
            self.migrations.find(self.step, &part.schema, schema_before).is_some()
        });
        let schema = schema_before(&crate::Rewrite::none());
        let shape = PartShape { name: name.to_owned(), spread, schema };
        self.parts.push(PlannedPart { shape, can_convert });
    }
}

impl sealed::Visitor for ListParts<'_> {}

impl StateParts for ListParts<'_> {
    fn keyed(&mut self, name: &str, table: &mut dyn KeyedTable) -> Result<(), Error> {
        self.list(name, Spread::Keyed, &|rewrite| table.schema_before(rewrite));
        Ok(())
    }

    fn singleton(&mut self, name: &str, value: &mut dyn Value) -> Result<(), Error> {
        self.list(name, Spread::Singleton, &|rewrite| value.schema_before(rewrite));
        Ok(())
    }

    fn broadcast(&mut self, name: &str, value: &mut dyn Value) -> Result<(), Error> {
        self.list(name, Spread::Broadcast, &|rewrite| value.schema_before(rewrite));
        Ok(())
    }
}
