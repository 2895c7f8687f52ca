//! What was found out about types, and how it is written down.

use std::collections::HashMap;
use std::fmt::Write;

/// A type is told from others by the name of its visitor: unlike the name that serde is told, it
/// says with which type parameters a generic type is used.
pub(super) type TypeKey = &'static str;

/// What stands in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Not looked at.
    Unknown,
    /// A number, a text, bytes, nothing.
    Primitive(&'static str),
    Optional(Box<Shape>),
    Sequence(Box<Shape>),
    Map(Box<(Shape, Shape)>),
    Tuple(Vec<Shape>),
    /// A type with a name, by its [`Definition`].
    Named(TypeKey),
}

/// What follows a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Unit,
    Newtype(Shape),
    Tuple(Vec<Shape>),
    Struct(Vec<(&'static str, Shape)>),
}

impl Body {
    pub(super) fn shapes(&self) -> Vec<&Shape> {
        match self {
            Body::Unit => Vec::new(),
            Body::Newtype(shape) => vec![shape],
            Body::Tuple(shapes) => shapes.iter().collect(),
            Body::Struct(fields) => fields.iter().map(|(_, shape)| shape).collect(),
        }
    }
}

/// A type with a name.
#[derive(Clone, Debug)]
pub(super) enum Definition {
    Struct {
        name: &'static str,
        body: Body,
    },
    /// The variants, of which those that have not been looked at yet have no body.
    Enum {
        name: &'static str,
        variants: Vec<(&'static str, Option<Body>)>,
    },
}

impl Definition {
    /// What is known of the type, without what is not.
    pub(super) fn bodies(&self) -> Vec<&Body> {
        match self {
            Definition::Struct { body, .. } => vec![body],
            Definition::Enum { variants, .. } => {
                variants.iter().filter_map(|(_, body)| body.as_ref()).collect()
            }
        }
    }
}

/// A schema longer than this is not written down: the type is opaque.
const MOST_BYTES: usize = 64 << 10;

/// Writes a shape down; the definition of a type where it comes first, a number where it comes
/// again. None if that gets too long.
pub(super) fn write(root: &Shape, types: &HashMap<TypeKey, Definition>) -> Option<String> {
    let mut uses = HashMap::new();
    count(root, types, &mut uses);
    let mut writer = Writer { types, uses, numbers: HashMap::new(), text: String::new() };
    writer.shape(root);
    (writer.text.len() <= MOST_BYTES).then_some(writer.text)
}

/// Counts in how many places a type is used.
fn count(shape: &Shape, types: &HashMap<TypeKey, Definition>, uses: &mut HashMap<TypeKey, usize>) {
    match shape {
        Shape::Unknown | Shape::Primitive(_) => {}
        Shape::Optional(inner) | Shape::Sequence(inner) => count(inner, types, uses),
        Shape::Map(entry) => {
            count(&entry.0, types, uses);
            count(&entry.1, types, uses);
        }
        Shape::Tuple(shapes) => shapes.iter().for_each(|s| count(s, types, uses)),
        Shape::Named(key) => {
            let used = uses.entry(key).or_insert(0);
            *used += 1;
            if *used == 1
                && let Some(definition) = types.get(key)
            {
                let shapes = definition.bodies().into_iter().flat_map(Body::shapes);
                shapes.for_each(|s| count(s, types, uses));
            }
        }
    }
}

struct Writer<'a> {
    types: &'a HashMap<TypeKey, Definition>,
    uses: HashMap<TypeKey, usize>,
    /// The numbers of types that are used more than once, in the order of their definitions.
    numbers: HashMap<TypeKey, usize>,
    text: String,
}

impl Writer<'_> {
    fn shape(&mut self, shape: &Shape) {
        if self.text.len() > MOST_BYTES {
            return;
        }
        match shape {
            Shape::Unknown => self.text.push('_'),
            Shape::Primitive(kind) => self.text.push_str(kind),
            Shape::Optional(inner) => {
                self.shape(inner);
                self.text.push('?');
            }
            Shape::Sequence(inner) => {
                self.text.push('[');
                self.shape(inner);
                self.text.push(']');
            }
            Shape::Map(entry) => {
                self.text.push('{');
                self.shape(&entry.0);
                self.text.push_str(": ");
                self.shape(&entry.1);
                self.text.push('}');
            }
            Shape::Tuple(shapes) => self.tuple(shapes),
            Shape::Named(key) => self.named(key),
        }
    }

    /// Long tuples of one shape, as arrays are, once and how often.
    fn tuple(&mut self, shapes: &[Shape]) {
        /// Tuples up to this length are easier to read item by item.
        const SHORT: usize = 4;
        match shapes {
            [first, rest @ ..] if shapes.len() > SHORT && rest.iter().all(|s| s == first) => {
                self.text.push('[');
                self.shape(first);
                let _ = write!(self.text, "; {}]", shapes.len());
            }
            _ => self.list('(', shapes, ')'),
        }
    }

    fn list(&mut self, open: char, shapes: &[Shape], close: char) {
        self.text.push(open);
        for (at, shape) in shapes.iter().enumerate() {
            self.text.push_str(if at > 0 { ", " } else { "" });
            self.shape(shape);
        }
        self.text.push(close);
    }

    fn named(&mut self, key: TypeKey) {
        if let Some(number) = self.numbers.get(key) {
            let _ = write!(self.text, "#{number}");
            return;
        }
        let Some(definition) = self.types.get(key) else {
            self.text.push('_');
            return;
        };
        let (word, name) = match definition {
            Definition::Struct { name, .. } => ("struct ", name),
            Definition::Enum { name, .. } => ("enum ", name),
        };
        self.text.push_str(word);
        self.name(name);
        if self.uses.get(key).is_some_and(|uses| *uses > 1) {
            let number = self.numbers.len() + 1;
            self.numbers.insert(key, number);
            let _ = write!(self.text, "#{number}");
        }
        match definition {
            Definition::Struct { body, .. } => self.body(body),
            Definition::Enum { variants, .. } => {
                self.text.push_str(" { ");
                for (at, (name, body)) in variants.iter().enumerate() {
                    self.text.push_str(if at > 0 { ", " } else { "" });
                    self.name(name);
                    self.body(body.as_ref().unwrap_or(&Body::Unit));
                }
                self.text.push_str(" }");
            }
        }
    }

    fn body(&mut self, body: &Body) {
        match body {
            Body::Unit => {}
            Body::Newtype(shape) => self.list('(', std::slice::from_ref(shape), ')'),
            Body::Tuple(shapes) => self.list('(', shapes, ')'),
            Body::Struct(fields) => {
                self.text.push_str(" { ");
                for (at, (name, shape)) in fields.iter().enumerate() {
                    self.text.push_str(if at > 0 { ", " } else { "" });
                    self.name(name);
                    self.text.push_str(": ");
                    self.shape(shape);
                }
                self.text.push_str(" }");
            }
        }
    }

    /// A name, in quotes if it could be taken for something else.
    fn name(&mut self, name: &str) {
        let is_word = name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let starts_well = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if is_word && starts_well && !["struct", "enum", "opaque"].contains(&name) {
            self.text.push_str(name);
        } else {
            let _ = write!(self.text, "{name:?}");
        }
    }
}

/// The text of a schema without what types are called.
pub(super) fn without_type_names(text: &str) -> String {
    let mut shape = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = token(rest, first);
        let (token, behind) = rest.split_at(length);
        shape.push_str(token);
        rest = behind;
        if matches!(token, "struct" | "enum")
            && let Some(name) = rest.strip_prefix(' ')
        {
            let first = name.chars().next().unwrap_or(' ');
            rest = &name[self::token(name, first).min(name.len())..];
        }
    }
    shape
}

/// The length of the word, the quoted name or the sign that a text begins with.
fn token(text: &str, first: char) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    if first == '"' {
        let mut is_escaped = false;
        let end = text.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            ends
        });
        return end.map_or(text.len(), |(at, _)| at + 1);
    }
    if is_word(first) {
        return text.find(|c| !is_word(c)).unwrap_or(text.len());
    }
    first.len_utf8()
}
