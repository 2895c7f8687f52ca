//! What each question of a type is answered with.

use std::any::type_name;

use serde::de::value::U32Deserializer;
use serde::de::{Deserializer, IntoDeserializer, Visitor};

use super::accesses::{Entry, Items, OneVariant};
use super::{Failure, Place};
use crate::schema::shape::{Body, Definition, Shape};

/// How many values are tried on a type that refuses some.
pub(super) const CHOICES: usize = TEXTS.len();

/// Whole numbers: one first, since zero has no place in types that are never zero.
const NUMBERS: [u8; 4] = [1, 0, 2, 10];

/// Texts: of numbers, times, addresses and names, as types that are written as text expect them.
const TEXTS: [&str; 16] = [
    "",
    "a",
    "0",
    "1",
    "2000-01-01T00:00:00Z",
    "2000-01-01T00:00:00",
    "2000-01-01",
    "00:00:00",
    "2000-01-01T00:00:00+00:00[UTC]",
    "UTC",
    "PT1S",
    "true",
    "127.0.0.1",
    "http://localhost/",
    "00000000-0000-0000-0000-000000000000",
    "1.0.0",
];

/// Lengths of bytes: of numbers, identifiers and checksums.
const LENGTHS: [usize; 7] = [0, 1, 4, 8, 12, 16, 32];

fn choose<T: Copy>(from: &[T], choice: usize) -> T {
    from[choice.min(from.len() - 1)]
}

macro_rules! numbers {
    ($($method:ident $visit:ident $number:ident $kind:literal)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            let (_, choice) = self.primitive::<V>($kind)?;
            visitor.$visit(choose(&NUMBERS, choice) as $number)
        }
    )*};
}

impl<'t> Place<'t> {
    fn primitive<'de, V: Visitor<'de>>(
        self,
        kind: &'static str,
    ) -> Result<(Place<'t>, usize), Failure> {
        let mut place = self.ask::<V>()?;
        place.note(|| Shape::Primitive(kind));
        let choice = place.tracer.choice(type_name::<V>());
        Ok((place, choice))
    }

    fn refuse<T>(self) -> Result<T, Failure> {
        Err(self.tracer.give_up("the type asks what comes next"))
    }

    /// A type with a name: looks into it with `visit`, which is given a place for what it finds,
    /// or gives it a value.
    fn named<'de, V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
        visit: impl FnOnce(Place<'_>, V, Option<&mut Body>) -> Result<V::Value, Failure>,
    ) -> Result<V::Value, Failure> {
        let mut place = self.ask::<V>()?;
        let key = type_name::<V>();
        place.note(|| Shape::Named(key));
        let depth = place.depth;
        let Place { tracer, into, .. } = place;
        if into.is_none() || !tracer.enter(key) {
            return visit(Place { tracer, into: None, depth }, visitor, None);
        }
        let mut body = Body::Unit;
        let value = visit(Place { tracer, into: None, depth }, visitor, Some(&mut body))?;
        tracer.leave(key, Definition::Struct { name, body });
        Ok(value)
    }
}

impl<'de> Deserializer<'de> for Place<'_> {
    type Error = Failure;

    fn is_human_readable(&self) -> bool {
        false
    }

    numbers! {
        deserialize_i8 visit_i8 i8 "i8"
        deserialize_i16 visit_i16 i16 "i16"
        deserialize_i32 visit_i32 i32 "i32"
        deserialize_i64 visit_i64 i64 "i64"
        deserialize_i128 visit_i128 i128 "i128"
        deserialize_u8 visit_u8 u8 "u8"
        deserialize_u16 visit_u16 u16 "u16"
        deserialize_u32 visit_u32 u32 "u32"
        deserialize_u64 visit_u64 u64 "u64"
        deserialize_u128 visit_u128 u128 "u128"
        deserialize_f32 visit_f32 f32 "f32"
        deserialize_f64 visit_f64 f64 "f64"
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let (_, choice) = self.primitive::<V>("bool")?;
        visitor.visit_bool(choice > 0)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let (_, choice) = self.primitive::<V>("char")?;
        visitor.visit_char(choose(&['a', '0', 'A'], choice))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let (_, choice) = self.primitive::<V>("str")?;
        visitor.visit_str(choose(&TEXTS, choice))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let (_, choice) = self.primitive::<V>("bytes")?;
        visitor.visit_bytes(&vec![0; choose(&LENGTHS, choice)])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let _ = self.primitive::<V>("()")?;
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let place = self.ask::<V>()?;
        let Place { tracer, into: Some(into), depth } = place else { return visitor.visit_none() };
        let mut inner = Shape::Unknown;
        let value =
            visitor.visit_some(Place { tracer, into: Some(&mut inner), depth: depth + 1 })?;
        *into = Shape::Optional(Box::new(inner));
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Place { tracer, into, depth } = self.ask::<V>()?;
        let mut item = [Shape::Unknown];
        let Some(into) = into else { return visitor.visit_seq(Items::none(tracer, 0, depth)) };
        let value = visitor.visit_seq(Items::noted(tracer, &mut item, depth))?;
        let [item] = item;
        *into = Shape::Sequence(Box::new(item));
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Place { tracer, into, depth } = self.ask::<V>()?;
        let mut entry = [Shape::Unknown, Shape::Unknown];
        let Some(into) = into else {
            return visitor.visit_map(Entry(Items::none(tracer, 0, depth)));
        };
        let value = visitor.visit_map(Entry(Items::noted(tracer, &mut entry, depth)))?;
        *into = Shape::Map(Box::new(entry.into()));
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let Place { tracer, into, depth } = self.ask::<V>()?;
        let Some(into) = into else {
            return visitor.visit_seq(Items::none(tracer, length, depth));
        };
        let mut shapes = vec![Shape::Unknown; length.min(super::MOST_VALUES)];
        let value = visitor.visit_seq(Items::noted(tracer, &mut shapes, depth))?;
        *into = Shape::Tuple(shapes);
        Ok(value)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.named(name, visitor, |_, visitor, _| visitor.visit_unit())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.named(name, visitor, |place, visitor, body| {
            let depth = place.depth + 1;
            let mut shape = Shape::Unknown;
            let into = body.is_some().then_some(&mut shape);
            let place = Place { tracer: place.tracer, into, depth };
            let value = visitor.visit_newtype_struct(place)?;
            if let Some(body) = body {
                *body = Body::Newtype(shape);
            }
            Ok(value)
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.named(name, visitor, |place, visitor, body| place.tuple_body(length, visitor, body))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.named(name, visitor, |place, visitor, body| place.struct_body(fields, visitor, body))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let mut place = self.ask::<V>()?;
        let key = type_name::<V>();
        place.note(|| Shape::Named(key));
        let Place { tracer, into, depth } = place;
        if into.is_none() || !tracer.enter(key) {
            let variant = tracer.give_variant(key, names.len())?;
            let given = tracer.given.len();
            let place = Place { tracer: &mut *tracer, into: None, depth };
            let value = visitor.visit_enum(OneVariant { place, variant, body: None })?;
            tracer.given.truncate(given - 1);
            return Ok(value);
        }
        let mut variants = match tracer.types.remove(key) {
            Some(Definition::Enum { variants, .. }) => variants,
            _ => names.iter().map(|name| (*name, None)).collect(),
        };
        let variant = tracer.next_variant(&variants);
        // What is known stays known if the pass ends early.
        let known = Definition::Enum { name, variants: variants.clone() };
        tracer.types.insert(key, known);
        let mut body = Body::Unit;
        let place = Place { tracer: &mut *tracer, into: None, depth };
        let value = visitor.visit_enum(OneVariant { place, variant, body: Some(&mut body) })?;
        if let Some((_, seen)) = variants.get_mut(variant) {
            *seen = Some(body);
        }
        tracer.leave(key, Definition::Enum { name, variants });
        Ok(value)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Failure> {
        self.ask::<V>()?.refuse()
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Failure> {
        self.ask::<V>()?.refuse()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Failure> {
        self.ask::<V>()?.refuse()
    }
}

impl Place<'_> {
    /// The items behind the name of a type or variant.
    pub(super) fn tuple_body<'de, V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
        body: Option<&mut Body>,
    ) -> Result<V::Value, Failure> {
        let Self { tracer, depth, .. } = self;
        let Some(body) = body else {
            return visitor.visit_seq(Items::none(tracer, length, depth));
        };
        let mut shapes = vec![Shape::Unknown; length.min(super::MOST_VALUES)];
        let value = visitor.visit_seq(Items::noted(tracer, &mut shapes, depth))?;
        *body = Body::Tuple(shapes);
        Ok(value)
    }

    /// The fields behind the name of a type or variant.
    pub(super) fn struct_body<'de, V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
        body: Option<&mut Body>,
    ) -> Result<V::Value, Failure> {
        let Self { tracer, depth, .. } = self;
        let Some(body) = body else {
            return visitor.visit_seq(Items::none(tracer, fields.len(), depth));
        };
        let mut shapes = vec![Shape::Unknown; fields.len()];
        let value = visitor.visit_seq(Items::noted(tracer, &mut shapes, depth))?;
        *body = Body::Struct(fields.iter().copied().zip(shapes).collect());
        Ok(value)
    }
}

/// The number of a variant, as the visitor of its name takes it.
pub(super) fn number(variant: usize) -> U32Deserializer<Failure> {
    u32::try_from(variant).unwrap_or(u32::MAX).into_deserializer()
}
