//! Reads values in postcard form, with those of older types converted on the way.
//!
//! Where a type that has changed is asked for, its older form is read and converted, and the type
//! is given the bytes of the result instead. Everything else is read as postcard writes it.

use std::any::type_name;
use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

use super::Migration;
use crate::{Error, ErrorKind};

/// Reads a value from the beginning of some bytes; gives what is left of them.
pub(super) fn take<'b, T: DeserializeOwned>(
    bytes: &'b [u8],
    migrations: &[Migration],
) -> Result<(T, &'b [u8]), Error> {
    let mut decoder = Decoder { bytes, migrations };
    let value = T::deserialize(&mut decoder).map_err(|failure| match failure {
        Failure::Converting(error) => error,
        Failure::Reading(reason) => {
            Error::new(ErrorKind::Data, "read stored state of an older type", reason)
        }
    })?;
    Ok((value, decoder.bytes))
}

/// Why a value could not be read.
#[derive(Debug)]
enum Failure {
    Reading(String),
    Converting(Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Reading(reason) => f.write_str(reason),
            Failure::Converting(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Failure::Reading(message.to_string())
    }
}

struct Decoder<'b, 'm> {
    bytes: &'b [u8],
    migrations: &'m [Migration],
}

impl Decoder<'_, '_> {
    /// What postcard itself reads: numbers, texts, lengths.
    fn primitive<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let taken = postcard::take_from_bytes(self.bytes);
        let (value, rest) = taken.map_err(|cause| Failure::Reading(cause.to_string()))?;
        self.bytes = rest;
        Ok(value)
    }

    /// How many items follow, of which each takes a byte or none.
    fn length(&mut self) -> Result<usize, Failure> {
        self.primitive()
    }

    /// If the type that asks has changed: the bytes of what its older form was converted to.
    fn converted<'de, V: Visitor<'de>>(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let visitor = type_name::<V>();
        let Some(migration) = self.migrations.iter().find(|m| m.visitor == visitor) else {
            return Ok(None);
        };
        let (bytes, read) = (migration.convert)(self.bytes).map_err(Failure::Converting)?;
        self.bytes = &self.bytes[read..];
        Ok(Some(bytes))
    }
}

/// Methods that first look whether the type has changed.
macro_rules! methods {
    ($($method:ident($($name:ident: $type:ty),*) |$decoder:ident, $visitor:ident| $read:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($name: $type,)*
            $visitor: V,
        ) -> Result<V::Value, Failure> {
            if let Some(bytes) = self.converted::<V>()? {
                let $decoder = &mut Decoder { bytes: &bytes, migrations: &[] };
                return $read;
            }
            let $decoder = self;
            $read
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Decoder<'_, '_> {
    type Error = Failure;

    fn is_human_readable(&self) -> bool {
        false
    }

    methods! {
        deserialize_bool() |decoder, visitor| visitor.visit_bool(decoder.primitive()?);
        deserialize_i8() |decoder, visitor| visitor.visit_i8(decoder.primitive()?);
        deserialize_i16() |decoder, visitor| visitor.visit_i16(decoder.primitive()?);
        deserialize_i32() |decoder, visitor| visitor.visit_i32(decoder.primitive()?);
        deserialize_i64() |decoder, visitor| visitor.visit_i64(decoder.primitive()?);
        deserialize_i128() |decoder, visitor| visitor.visit_i128(decoder.primitive()?);
        deserialize_u8() |decoder, visitor| visitor.visit_u8(decoder.primitive()?);
        deserialize_u16() |decoder, visitor| visitor.visit_u16(decoder.primitive()?);
        deserialize_u32() |decoder, visitor| visitor.visit_u32(decoder.primitive()?);
        deserialize_u64() |decoder, visitor| visitor.visit_u64(decoder.primitive()?);
        deserialize_u128() |decoder, visitor| visitor.visit_u128(decoder.primitive()?);
        deserialize_f32() |decoder, visitor| visitor.visit_f32(decoder.primitive()?);
        deserialize_f64() |decoder, visitor| visitor.visit_f64(decoder.primitive()?);
        deserialize_char() |decoder, visitor| visitor.visit_char(decoder.primitive()?);
        deserialize_str() |decoder, visitor| visitor.visit_string(decoder.primitive()?);
        deserialize_string() |decoder, visitor| visitor.visit_string(decoder.primitive()?);
        deserialize_bytes() |decoder, visitor| visitor.visit_byte_buf(decoder.primitive()?);
        deserialize_byte_buf() |decoder, visitor| visitor.visit_byte_buf(decoder.primitive()?);
        deserialize_unit() |_decoder, visitor| visitor.visit_unit();
        deserialize_unit_struct(_name: &'static str) |_decoder, visitor| visitor.visit_unit();
        deserialize_option() |decoder, visitor| match decoder.primitive::<bool>()? {
            true => visitor.visit_some(decoder),
            false => visitor.visit_none(),
        };
        deserialize_newtype_struct(_name: &'static str) |decoder, visitor| {
            visitor.visit_newtype_struct(decoder)
        };
        deserialize_seq() |decoder, visitor| {
            let left = decoder.length()?;
            visitor.visit_seq(Items { decoder, left })
        };
        deserialize_tuple(length: usize) |decoder, visitor| {
            visitor.visit_seq(Items { decoder, left: length })
        };
        deserialize_tuple_struct(_name: &'static str, length: usize) |decoder, visitor| {
            visitor.visit_seq(Items { decoder, left: length })
        };
        deserialize_map() |decoder, visitor| {
            let left = decoder.length()?;
            visitor.visit_map(Items { decoder, left })
        };
        deserialize_struct(_name: &'static str, fields: &'static [&'static str])
            |decoder, visitor| visitor.visit_seq(Items { decoder, left: fields.len() });
        deserialize_enum(_name: &'static str, _variants: &'static [&'static str])
            |decoder, visitor| visitor.visit_enum(Variant { decoder });
        deserialize_any() |_decoder, _visitor| Err(unsupported());
        deserialize_identifier() |_decoder, _visitor| Err(unsupported());
        deserialize_ignored_any() |_decoder, _visitor| Err(unsupported());
    }
}

fn unsupported() -> Failure {
    Failure::Reading("a type asks what comes next, which its bytes do not say".into())
}

/// So many items; in a map, so many entries.
struct Items<'d, 'b, 'm> {
    decoder: &'d mut Decoder<'b, 'm>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Items<'_, '_, '_> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        // A length that is damaged must not make room for more than there can be.
        Some(self.left.min(self.decoder.bytes.len()))
    }
}

impl<'de> MapAccess<'de> for Items<'_, '_, '_> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        seed.deserialize(&mut *self.decoder)
    }

    fn size_hint(&self) -> Option<usize> {
        SeqAccess::size_hint(self)
    }
}

/// One variant of an enum.
struct Variant<'d, 'b, 'm> {
    decoder: &'d mut Decoder<'b, 'm>,
}

impl<'de> EnumAccess<'de> for Variant<'_, '_, '_> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Failure> {
        let number: u32 = self.decoder.primitive()?;
        let number: de::value::U32Deserializer<Failure> = number.into_deserializer();
        Ok((seed.deserialize(number)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, '_, '_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Failure> {
        seed.deserialize(self.decoder)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_seq(Items { decoder: self.decoder, left: length })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_seq(Items { decoder: self.decoder, left: fields.len() })
    }
}
