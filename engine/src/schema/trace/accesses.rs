//! What stands in sequences, maps and enums that are made up.

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::deserializer::number;
use super::{Failure, Place, Tracer};
use crate::schema::shape::{Body, Shape};

/// Some items, one after the other.
pub(super) struct Items<'t> {
    tracer: &'t mut Tracer,
    /// Where to note what they are.
    shapes: Option<&'t mut [Shape]>,
    length: usize,
    next: usize,
    depth: usize,
}

impl<'t> Items<'t> {
    /// Items that are noted.
    pub(super) fn noted(tracer: &'t mut Tracer, shapes: &'t mut [Shape], depth: usize) -> Self {
        let length = shapes.len();
        Self { tracer, shapes: Some(shapes), length, next: 0, depth: depth + 1 }
    }

    /// Items that are only given.
    pub(super) fn none(tracer: &'t mut Tracer, length: usize, depth: usize) -> Self {
        Self { tracer, shapes: None, length, next: 0, depth: depth + 1 }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        if self.next >= self.length {
            return Ok(None);
        }
        let into = self.shapes.as_mut().and_then(|shapes| shapes.get_mut(self.next));
        self.tracer.field = self.next;
        self.next += 1;
        seed.deserialize(Place { tracer: self.tracer, into, depth: self.depth }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.length - self.next)
    }
}

/// The one entry of a map, or none: its key and its value are two items.
pub(super) struct Entry<'t>(pub(super) Items<'t>);

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        self.0.next_element_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        let value = self.0.next_element_seed(seed)?;
        value.ok_or_else(|| Failure("a value was asked for without a key".into()))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint().map(|items| items / 2)
    }
}

/// An enum of which one variant is given.
pub(super) struct OneVariant<'t> {
    pub(super) place: Place<'t>,
    pub(super) variant: usize,
    /// Where to note what is in it.
    pub(super) body: Option<&'t mut Body>,
}

impl<'de> EnumAccess<'de> for OneVariant<'_> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Failure> {
        Ok((seed.deserialize(number(self.variant))?, self))
    }
}

impl<'de> VariantAccess<'de> for OneVariant<'_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Failure> {
        let mut shape = Shape::Unknown;
        let into = self.body.is_some().then_some(&mut shape);
        let depth = self.place.depth + 1;
        let value = seed.deserialize(Place { tracer: self.place.tracer, into, depth })?;
        if let Some(body) = self.body {
            *body = Body::Newtype(shape);
        }
        Ok(value)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.place.tuple_body(length, visitor, self.body)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.place.struct_body(fields, visitor, self.body)
    }
}
