//! The state of an operator as its parts: declared once, for whoever captures or restores it.
//!
//! An operator names every piece of its state and says how it is spread over workers, in
//! [`Operator::state`](crate::Operator::state). Whoever captures, restores or lists state walks
//! these declarations, so a piece cannot be written and then forgotten when it is read.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::capture::Extent;
use crate::state::GroupBuffers;
use crate::{Error, ErrorKind, Rewrite, Schema};

/// State that belongs to keys, without the types of its keys and entries.
///
/// It is captured in slices, between which it goes on changing: what is captured is what it was
/// when the capture began.
pub trait KeyedTable {
    /// Fixes the state as it is now, to be written by [`capture`](KeyedTable::capture). From now on
    /// changes count for the next capture. One that was under way is given up; the one that
    /// follows must be [`Extent::Whole`].
    ///
    /// # Panics
    /// When changes are asked for though the capture before was not completed.
    fn begin_capture(&mut self, extent: Extent);

    /// Writes some of what was fixed, about `bytes` bytes, and at least one entry; says whether
    /// all is written.
    ///
    /// # Errors
    /// When a key or a state cannot be serialized.
    fn capture(&mut self, bytes: usize, into: &mut GroupBuffers) -> Result<bool, Error>;

    /// Makes room: about so many entries will be restored.
    fn reserve(&mut self, entries: usize);

    /// Applies what captures have written of a group, in their order, to the keys whose hash
    /// `keep` accepts.
    ///
    /// # Errors
    /// When the bytes are of another version or damaged.
    fn restore(
        &mut self,
        bytes: &[u8],
        keep: &dyn Fn(u64) -> bool,
        rewrite: &Rewrite,
    ) -> Result<(), Error>;

    /// The schema of its keys and states before `rewrite`.
    fn schema_before(&self, rewrite: &Rewrite) -> Schema;

    /// The schema of its keys and states.
    fn schema(&self) -> Schema {
        self.schema_before(&Rewrite::none())
    }
}

/// State that does not belong to keys.
pub trait Value {
    /// The state as bytes.
    ///
    /// # Errors
    /// When it cannot be serialized.
    fn save(&self) -> Result<Vec<u8>, Error>;

    /// Replaces the state.
    ///
    /// # Errors
    /// When the bytes are damaged.
    fn load(&mut self, bytes: &[u8]) -> Result<(), Error>;

    /// Replaces the state by one that was stored before `rewrite`.
    ///
    /// # Errors
    /// When the bytes are damaged or a conversion failed.
    fn load_rewritten(&mut self, bytes: &[u8], rewrite: &Rewrite) -> Result<(), Error>;

    /// The schema of the state before `rewrite`.
    fn schema_before(&self, rewrite: &Rewrite) -> Schema;

    /// The schema of the state.
    fn schema(&self) -> Schema {
        self.schema_before(&Rewrite::none())
    }
}

impl<T: Serialize + for<'de> Deserialize<'de>> Value for T {
    fn save(&self) -> Result<Vec<u8>, Error> {
        postcard::to_extend(self, Vec::new()).map_err(|cause| {
            Error::new(ErrorKind::UserCode, "write the state of a step", cause.to_string())
                .advise("states must be serializable without borrowed data")
        })
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let refused = |reason| Error::new(ErrorKind::Data, "restore the state of a step", reason);
        let (value, rest) =
            postcard::take_from_bytes(bytes).map_err(|cause| refused(cause.to_string()))?;
        if !rest.is_empty() {
            return Err(refused(format!("{} bytes are left behind it", rest.len())));
        }
        *self = value;
        Ok(())
    }

    fn load_rewritten(&mut self, bytes: &[u8], rewrite: &Rewrite) -> Result<(), Error> {
        *self = rewrite.take(bytes)?.0;
        Ok(())
    }

    fn schema_before(&self, rewrite: &Rewrite) -> Schema {
        rewrite.schema_before::<T>()
    }
}

/// Visits the parts of an operator's state. What a part is called tells it from the operator's
/// other parts and must stay the same from one version of a program to the next.
///
/// Only the engine has visitors.
pub trait StateParts: sealed::Visitor {
    /// State by key: each worker has the entries of the key groups that it owns.
    ///
    /// # Errors
    /// When the part cannot be written or read.
    fn keyed(&mut self, name: &str, table: &mut dyn KeyedTable) -> Result<(), Error>;

    /// State of the whole step, of which worker 0 has the only copy.
    ///
    /// # Errors
    /// As for [`keyed`](StateParts::keyed).
    fn singleton(&mut self, name: &str, value: &mut dyn Value) -> Result<(), Error>;

    /// State of which every worker has the same copy.
    ///
    /// # Errors
    /// As for [`keyed`](StateParts::keyed).
    fn broadcast(&mut self, name: &str, value: &mut dyn Value) -> Result<(), Error>;
}

pub(crate) mod sealed {
    /// Somebody who walks the parts of an operator's state.
    pub trait Visitor {}
}

/// Hands the parts of an operator's state to a visitor, as
/// [`Operator::state`](crate::Operator::state) does.
pub(crate) type Walk<'a> = dyn FnMut(&mut dyn StateParts) -> Result<(), Error> + 'a;

/// How a part of an operator's state is spread over workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Spread {
    /// By key: each worker has the entries of the key groups that it owns.
    Keyed,
    /// Worker 0 has the only copy.
    Singleton,
    /// Every worker has the same copy.
    Broadcast,
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Spread::Keyed => "keyed",
            Spread::Singleton => "singleton",
            Spread::Broadcast => "broadcast",
        })
    }
}

/// A part as an operator declares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What it is called.
    pub name: String,
    /// How it is spread over workers.
    pub spread: Spread,
}

/// The parts that an operator declares.
///
/// # Errors
/// When it declares two of one name.
pub(crate) fn declared(walk: &mut Walk<'_>) -> Result<Vec<Part>, Error> {
    let mut list = List::default();
    walk(&mut list)?;
    Ok(list.parts)
}

/// Lists parts.
#[derive(Default)]
struct List {
    parts: Vec<Part>,
}

impl List {
    fn add(&mut self, name: &str, spread: Spread) -> Result<(), Error> {
        if self.parts.iter().any(|part| part.name == name) {
            let reason = "the step has declared a part of that name already";
            let attempted = format!("list the part `{name}` of the state of a step");
            return Err(Error::new(ErrorKind::UserCode, attempted, reason)
                .advise("give each part of an operator's state a name of its own"));
        }
        self.parts.push(Part { name: name.to_owned(), spread });
        Ok(())
    }
}

impl sealed::Visitor for List {}

impl StateParts for List {
    fn keyed(&mut self, name: &str, _table: &mut dyn KeyedTable) -> Result<(), Error> {
        self.add(name, Spread::Keyed)
    }

    fn singleton(&mut self, name: &str, _value: &mut dyn Value) -> Result<(), Error> {
        self.add(name, Spread::Singleton)
    }

    fn broadcast(&mut self, name: &str, _value: &mut dyn Value) -> Result<(), Error> {
        self.add(name, Spread::Broadcast)
    }
}
