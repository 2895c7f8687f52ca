//! State of an older version of a program: conversions of its types into those of today.
//!
//! A program says how one type became another. Where that type stands within the state of a step
//! (in a list, behind a timer, beside what an operator keeps for itself) need not be said: the
//! schema of the type that a step keeps now, with the older type in the place of the newer one
//! wherever it stands, must be the schema that was stored. Then bytes are read as the older type
//! in exactly those places. Anything else is refused.

mod decode;
#[cfg(test)]
mod tests;

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::schema::{Former, Substitute, visitor_of};
use crate::{Error, ErrorKind, Schema};

/// More ways to combine conversions are not looked at for one part of a state.
const MOST_WAYS: usize = 4_096;

/// Reads a value of the older type from the beginning of some bytes; gives the newer one as bytes,
/// and how many bytes were read.
type Convert = Arc<dyn Fn(&[u8]) -> Result<(Vec<u8>, usize), Error> + Send + Sync>;

/// How one type became another.
#[derive(Clone)]
struct Migration {
    /// The step whose state it is for; all if none is named.
    step: Option<String>,
    /// What tells the newer type, and the older one, from all others.
    visitor: &'static str,
    former_visitor: &'static str,
    former: fn(&mut Former<'_>),
    convert: Convert,
    /// Both types' names, for people.
    name: String,
}

impl Migration {
    /// From what `earlier` begins with to what `self` ends with.
    fn after(&self, earlier: &Migration) -> Migration {
        let (first, second) = (Arc::clone(&earlier.convert), Arc::clone(&self.convert));
        let convert = move |bytes: &[u8]| {
            let (between, read) = first(bytes)?;
            Ok((second(&between)?.0, read))
        };
        Migration {
            step: self.step.clone(),
            visitor: self.visitor,
            former_visitor: earlier.former_visitor,
            former: earlier.former,
            convert: Arc::new(convert),
            name: format!("{}, {}", earlier.name, self.name),
        }
    }
}

/// What a program says about how its state types have changed.
///
/// ```
/// use rheos_engine::Migrations;
/// use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize)]
/// struct VisitsV1 { count: u32 }
/// #[derive(Serialize, Deserialize)]
/// struct Visits { count: u64, last: Option<String> }
///
/// let mut migrations = Migrations::default();
/// migrations
///     .add(|old: VisitsV1| Visits { count: old.count.into(), last: None })
///     .unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Migrations {
    migrations: Vec<Migration>,
}

impl Migrations {
    /// State that holds values of type `Old` is read as `New` wherever a step keeps `New` now. A
    /// type that changed twice needs its two conversions, or one over both.
    ///
    /// # Errors
    /// When one of the types cannot be deserialized without knowing what comes next.
    pub fn add<Old, New>(
        &mut self,
        convert: impl Fn(Old) -> New + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        Old: DeserializeOwned + 'static,
        New: Serialize + DeserializeOwned + 'static,
    {
        self.push(None, convert)
    }

    /// As [`add`](Migrations::add), for the state of the step with this name only.
    ///
    /// # Errors
    /// As for [`add`](Migrations::add).
    pub fn add_for<Old, New>(
        &mut self,
        step: &str,
        convert: impl Fn(Old) -> New + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        Old: DeserializeOwned + 'static,
        New: Serialize + DeserializeOwned + 'static,
    {
        self.push(Some(step.to_owned()), convert)
    }

    fn push<Old, New>(
        &mut self,
        step: Option<String>,
        convert: impl Fn(Old) -> New + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        Old: DeserializeOwned + 'static,
        New: Serialize + DeserializeOwned + 'static,
    {
        let name = format!("{} into {}", type_name::<Old>(), type_name::<New>());
        let opaque = [Schema::of::<Old>(), Schema::of::<New>()].into_iter().find(Schema::is_opaque);
        let visitors = visitor_of::<Old>().zip(visitor_of::<New>());
        let (Some((former_visitor, visitor)), None) = (visitors, &opaque) else {
            let found = opaque.map_or_else(|| "it".to_owned(), |schema| schema.to_string());
            let reason = format!("{found} has no shape that could be compared with what is stored");
            return Err(Error::usage(format!("convert {name}"), reason)
                .advise("flattened fields and untagged enums cannot be converted"));
        };
        let attempt = format!("convert stored state, {name}");
        let convert = move |bytes: &[u8]| {
            let failed = |kind, cause: postcard::Error| {
                Error::new(kind, attempt.as_str(), cause.to_string())
            };
            let (old, rest) = postcard::take_from_bytes::<Old>(bytes)
                .map_err(|cause| failed(ErrorKind::Data, cause))?;
            let new = postcard::to_stdvec(&convert(old))
                .map_err(|cause| failed(ErrorKind::UserCode, cause))?;
            Ok((new, bytes.len() - rest.len()))
        };
        let former = |former: &mut Former<'_>| former.is::<Old>();
        let convert = Arc::new(convert);
        let migration = Migration { step, visitor, former_visitor, former, convert, name };
        self.migrations.push(migration);
        Ok(())
    }

    /// How to read the state of `step` that was stored with the schema `stored`, where
    /// `schema_before` says which schema it would have had before a rewrite; none if no
    /// conversions lead there. [`Rewrite::none`] if nothing has changed.
    pub fn find(
        &self,
        step: &str,
        stored: &Schema,
        schema_before: &dyn Fn(&Rewrite) -> Schema,
    ) -> Option<Rewrite> {
        let unchanged = Rewrite::none();
        if schema_before(&unchanged).fits(stored) {
            return Some(unchanged);
        }
        let ways = self.ways(step);
        // Each type is converted from one of its older ones or not at all: the digits of a number.
        let count = ways.iter().try_fold(1usize, |count, ways| count.checked_mul(ways.len() + 1));
        (1..count.unwrap_or(MOST_WAYS).min(MOST_WAYS)).find_map(|mut number| {
            let mut chosen = Vec::new();
            for ways in &ways {
                let digit = number % (ways.len() + 1);
                number /= ways.len() + 1;
                chosen.extend(digit.checked_sub(1).map(|digit| ways[digit].clone()));
            }
            let rewrite = Rewrite { migrations: chosen.into() };
            schema_before(&rewrite).fits(stored).then_some(rewrite)
        })
    }

    /// For each type that can be converted to, all ways to it.
    fn ways(&self, step: &str) -> Vec<Vec<Migration>> {
        let is_for_step = |m: &&Migration| m.step.as_deref().is_none_or(|named| named == step);
        let migrations: Vec<&Migration> = self.migrations.iter().filter(is_for_step).collect();
        let mut ways: Vec<Vec<Migration>> = Vec::new();
        for migration in &migrations {
            if ways.iter().any(|ways| ways[0].visitor == migration.visitor) {
                continue;
            }
            let to = |visitor| migrations.iter().filter(move |m| m.visitor == visitor).copied();
            let mut found: Vec<Migration> = to(migration.visitor).cloned().collect();
            let mut at = 0;
            while at < found.len() {
                for earlier in to(found[at].former_visitor) {
                    let is_known = found.iter().any(|m| m.former_visitor == earlier.former_visitor);
                    if !is_known && earlier.former_visitor != migration.visitor {
                        let longer = found[at].after(earlier);
                        found.push(longer);
                    }
                }
                at += 1;
            }
            ways.push(found);
        }
        ways
    }
}

/// How to read stored state: as it is, or with older types in some places.
#[derive(Clone, Default)]
pub struct Rewrite {
    migrations: Arc<[Migration]>,
}

impl Rewrite {
    /// Reads state as it is.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether state is read as it is.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.migrations.is_empty()
    }

    /// The schema that values which are now `T` had before they were rewritten.
    #[must_use]
    pub fn schema_before<T: DeserializeOwned>(&self) -> Schema {
        let replaced =
            self.migrations.iter().map(|m| Substitute { visitor: m.visitor, former: m.former });
        Schema::under::<T>(&replaced.collect::<Vec<_>>())
    }

    /// Reads a value from the beginning of some bytes; gives what is left of them.
    ///
    /// # Errors
    /// When the bytes are damaged, or a conversion failed.
    pub fn take<'b, T: DeserializeOwned>(&self, bytes: &'b [u8]) -> Result<(T, &'b [u8]), Error> {
        if self.is_none() {
            return postcard::take_from_bytes(bytes).map_err(|cause| {
                Error::new(ErrorKind::Data, "read stored state", cause.to_string())
            });
        }
        decode::take(bytes, &self.migrations)
    }
}

impl fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.migrations.iter().map(|m| &m.name)).finish()
    }
}

impl fmt::Debug for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.migrations.iter().map(|m| &m.name)).finish()
    }
}
