//! Follows a type: a deserializer that gives made-up values and notes what it was asked for.
//!
//! One pass sees one variant of each enum, so there are as many passes as it takes. A type that
//! was seen in a pass, or is being seen, is not looked into again: it is only given values, the
//! smallest ones, which end every recursion.

use std::any::type_name;
use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::de::{self, DeserializeOwned, Visitor};

use super::shape::{self, Body, Definition, Shape, TypeKey};

mod accesses;
mod deserializer;

/// More passes are not made: one is needed for about each variant and for each value that is
/// refused.
const MOST_PASSES: usize = 4_096;
/// Values are not nested deeper: a type that needs more has no end or no name.
const DEEPEST: usize = 100;
/// So many values are given in one pass, the items of long arrays among them.
const MOST_VALUES: usize = 100_000;

/// Where one type stands in place of another.
#[derive(Clone, Copy)]
pub(crate) struct Substitute {
    /// The visitor of the type as it is now.
    pub(crate) visitor: &'static str,
    /// Follows the type that was in its place.
    pub(crate) former: fn(&mut Former<'_>),
}

/// The place of a type that was replaced by another.
pub(crate) struct Former<'t> {
    tracer: &'t mut Tracer,
    into: &'t mut Shape,
    result: Result<(), Failure>,
}

impl Former<'_> {
    /// The type was `T`.
    pub(crate) fn is<T: DeserializeOwned>(&mut self) {
        let place = Place { tracer: self.tracer, into: Some(self.into), depth: 0 };
        self.result = T::deserialize(place).map(drop);
    }
}

/// The name of the visitor with which a type is deserialized: what tells it from all others while
/// it is. None if it cannot be deserialized at all.
pub(crate) fn visitor_of<T: DeserializeOwned>() -> Option<&'static str> {
    let mut tracer = Tracer { only_first: true, ..Tracer::default() };
    // Ends with a failure as soon as the type has asked for something.
    let _ = T::deserialize(Place { tracer: &mut tracer, into: None, depth: 0 });
    tracer.first
}

/// The text of a type's shape; none if the type cannot be followed.
pub(super) fn trace<T: DeserializeOwned>(replaced: &[Substitute]) -> Option<String> {
    let mut tracer = Tracer { replaced: replaced.to_vec(), ..Tracer::default() };
    for _ in 0..MOST_PASSES {
        let (known, mut root) = (tracer.known(), Shape::Unknown);
        tracer.begin_pass();
        match T::deserialize(Place { tracer: &mut tracer, into: Some(&mut root), depth: 0 }) {
            Ok(_) if !tracer.has_unseen(&root, &mut HashSet::new()) => {
                return shape::write(&root, &tracer.types);
            }
            Ok(_) if tracer.known() == known => return None,
            Ok(_) => {}
            Err(_) if tracer.is_beyond_help || !tracer.try_otherwise() => return None,
            Err(_) => {}
        }
    }
    None
}

/// Where a value was asked for: by which visitor, in which type, as which of its fields.
type Asked = (&'static str, TypeKey, usize);

#[derive(Default)]
struct Tracer {
    types: HashMap<TypeKey, Definition>,
    replaced: Vec<Substitute>,
    /// The types that are being looked into, and those that were in this pass.
    stack: Vec<TypeKey>,
    seen: HashSet<TypeKey>,
    /// The enums that are only being given a value, with the numbers of their variants.
    given: Vec<(TypeKey, usize)>,
    /// The variant that an enum is given where it is not looked into.
    smallest: HashMap<TypeKey, usize>,
    /// Whether a smallest variant was changed, so that the pass is to be made again.
    is_smaller_tried: bool,
    /// Which of the made-up values is given where others were refused.
    choices: HashMap<Asked, usize>,
    last_asked: Option<Asked>,
    field: usize,
    values: usize,
    is_beyond_help: bool,
    only_first: bool,
    first: Option<&'static str>,
}

impl Tracer {
    fn begin_pass(&mut self) {
        self.stack.clear();
        self.seen.clear();
        self.given.clear();
        self.is_smaller_tried = false;
        self.last_asked = None;
        self.values = 0;
    }

    /// How much is known: grows with each pass that has found something.
    fn known(&self) -> usize {
        self.types.values().map(|definition| 1 + definition.bodies().len()).sum()
    }

    /// After a pass in which a value was refused: whether there is another to try.
    fn try_otherwise(&mut self) -> bool {
        if self.is_smaller_tried {
            return true;
        }
        // Whoever refused it may have looked at more than the last value; mostly it has not.
        let Some(asked) = self.last_asked else { return false };
        let choice = self.choices.entry(asked).or_insert(0);
        *choice += 1;
        *choice < deserializer::CHOICES
    }

    /// Which made-up value to give to a visitor that asks for one here.
    fn choice(&mut self, visitor: &'static str) -> usize {
        let asked = (visitor, self.stack.last().copied().unwrap_or(""), self.field);
        self.last_asked = Some(asked);
        self.choices.get(&asked).copied().unwrap_or(0)
    }

    /// Whether a type is to be looked into where it comes now.
    fn enter(&mut self, key: TypeKey) -> bool {
        let is_new = self.seen.insert(key);
        if is_new {
            self.stack.push(key);
        }
        is_new
    }

    fn leave(&mut self, key: TypeKey, definition: Definition) {
        self.stack.pop();
        self.types.insert(key, definition);
    }

    /// Whether a variant that nobody has looked at can be reached from a shape.
    fn has_unseen(&self, shape: &Shape, through: &mut HashSet<TypeKey>) -> bool {
        match shape {
            Shape::Unknown | Shape::Primitive(_) => false,
            Shape::Optional(inner) | Shape::Sequence(inner) => self.has_unseen(inner, through),
            Shape::Map(entry) => {
                self.has_unseen(&entry.0, through) || self.has_unseen(&entry.1, through)
            }
            Shape::Tuple(shapes) => shapes.iter().any(|s| self.has_unseen(s, through)),
            Shape::Named(key) => {
                if !through.insert(key) {
                    return false;
                }
                let Some(definition) = self.types.get(key) else { return false };
                if let Definition::Enum { variants, .. } = definition
                    && variants.iter().any(|(_, body)| body.is_none())
                {
                    return true;
                }
                let shapes = definition.bodies().into_iter().flat_map(Body::shapes);
                shapes.into_iter().any(|s| self.has_unseen(s, through))
            }
        }
    }

    /// The variant to look into next: one that is not known yet or leads to something that is not.
    fn next_variant(&self, variants: &[(&'static str, Option<Body>)]) -> usize {
        let mut through: HashSet<TypeKey> = self.stack.iter().copied().collect();
        let leads_on = |body: &Option<Body>| match body {
            None => true,
            Some(body) => body.shapes().into_iter().any(|s| self.has_unseen(s, &mut through)),
        };
        variants.iter().map(|(_, body)| body).position(leads_on).unwrap_or(0)
    }

    /// Gives an enum that is not looked into its smallest variant. One that comes again within
    /// itself has another that is smaller, or no end.
    fn give_variant(&mut self, key: TypeKey, variants: usize) -> Result<usize, Failure> {
        if self.given.iter().all(|(given, _)| *given != key) {
            self.given.push((key, variants));
            return Ok(self.smallest.get(key).copied().unwrap_or(0));
        }
        // As the digits of a number are counted on, the innermost first.
        for (given, variants) in self.given.iter().rev() {
            let smallest = self.smallest.entry(given).or_insert(0);
            if *smallest + 1 < *variants {
                *smallest += 1;
                self.is_smaller_tried = true;
                return Err(Failure("a variant that ends is looked for".into()));
            }
            *smallest = 0;
        }
        Err(self.give_up("a type without an end"))
    }

    fn give_up(&mut self, reason: &str) -> Failure {
        self.is_beyond_help = true;
        Failure(reason.into())
    }
}

/// Why a pass ended early. Nobody reads the words; whether it is of use to try again is noted in
/// the tracer, because a type may report its own words in place of these.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Failure(message.to_string())
    }
}

/// Where a value is asked for.
struct Place<'t> {
    tracer: &'t mut Tracer,
    /// Where to note what was asked for; none where a value is only given.
    into: Option<&'t mut Shape>,
    depth: usize,
}

impl Place<'_> {
    /// A visitor asks for something.
    fn ask<'de, V: Visitor<'de>>(mut self) -> Result<Self, Failure> {
        let visitor = type_name::<V>();
        let tracer = &mut *self.tracer;
        if tracer.only_first {
            tracer.first.get_or_insert(visitor);
            return Err(tracer.give_up("the first question is enough"));
        }
        tracer.values += 1;
        if self.depth > DEEPEST || tracer.values > MOST_VALUES {
            return Err(tracer.give_up("the type is too large"));
        }
        let replaced = tracer.replaced.iter().find(|one| one.visitor == visitor).copied();
        if let (Some(one), Some(_)) = (replaced, &self.into) {
            let into = self.into.take().expect("it was there a line before");
            // The former type is meant as it stands: nothing in it is replaced.
            let rules = std::mem::take(&mut tracer.replaced);
            let mut former = Former { tracer, into, result: Ok(()) };
            (one.former)(&mut former);
            let result = former.result;
            self.tracer.replaced = rules;
            result?;
        }
        Ok(self)
    }

    fn note(&mut self, shape: impl FnOnce() -> Shape) {
        if let Some(into) = &mut self.into {
            **into = shape();
        }
    }
}
