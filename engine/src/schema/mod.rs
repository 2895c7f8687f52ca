//! The shape of a type as its bytes in a checkpoint show it: which fields, of which kinds, in
//! which order.
//!
//! State is kept in postcard form, which says nothing about itself: bytes of one type read as
//! another give nonsense, not an error. So the shape is kept beside them and compared before
//! anything is read. It is found by running the type's own `Deserialize` and noting what it asks
//! for, so that no state type has to derive or declare anything for it.

mod shape;
#[cfg(test)]
mod tests;
mod trace;

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(crate) use trace::{Former, Substitute, visitor_of};

/// The shape of a type as serde sees it.
///
/// Two types with the same [`fingerprint`](Schema::fingerprint) read each other's bytes in
/// postcard form. The names of fields and variants count, because a field that is called
/// otherwise means something else; the names of types do not.
///
/// A type that cannot be followed is `opaque` and known by its Rust name only: one with a field
/// that is `#[serde(flatten)]` or an enum that is `untagged` (they ask what comes next, which
/// postcard cannot answer), and one that refuses all the values that were tried on it.
///
/// ```
/// use rheos_engine::Schema;
/// use serde::Deserialize;
/// #[derive(Deserialize)]
/// struct Order { id: u64, items: Vec<Item>, note: Option<String> }
/// #[derive(Deserialize)]
/// struct Item { name: String, pieces: u32 }
/// assert_eq!(
///     Schema::of::<Order>().to_string(),
///     "struct Order { id: u64, items: [struct Item { name: str, pieces: u32 }], note: str? }"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    text: String,
}

/// Stands between the schema of a key and that of its state.
const ARROW: &str = " -> ";

impl Schema {
    /// The shape of a type. Found anew in each call, by deserializing it some times from made-up
    /// values: to be called when a job starts, not for each record.
    #[must_use]
    pub fn of<T: DeserializeOwned>() -> Self {
        Self::under::<T>(&[])
    }

    /// The shape of a table of states by key.
    #[must_use]
    pub fn table(key: &Self, state: &Self) -> Self {
        Self { text: format!("{}{ARROW}{}", key.text, state.text) }
    }

    /// The shape that `T` had while some types in it had not been replaced by others yet.
    pub(crate) fn under<T: DeserializeOwned>(replaced: &[Substitute]) -> Self {
        let text = trace::trace::<T>(replaced);
        Self { text: text.unwrap_or_else(|| format!("opaque({})", std::any::type_name::<T>())) }
    }

    /// A schema as it was written down.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// The shape in words. What [`from_text`](Schema::from_text) takes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the type, or a part of it, could not be followed, so that a change of its fields
    /// does not change the schema.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        self.text.split(ARROW).any(|part| part.starts_with("opaque("))
    }

    /// A hash of the shape without the names of types: the same in every build and on every
    /// machine (FNV-1a with 64 bits over the text).
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        /// The constants of the published algorithm for 64 bits.
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let shape = shape::without_type_names(&self.text);
        shape.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
    }

    /// Whether bytes of one can be read as the other.
    #[must_use]
    pub fn fits(&self, other: &Self) -> bool {
        shape::without_type_names(&self.text) == shape::without_type_names(&other.text)
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
