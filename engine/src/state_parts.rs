//! The state of an operator as its parts: declared once, written and read by a [`Snapshot`].
//!
//! An operator names every piece of its state and says how it is spread over workers, in
//! [`Operator::state`](crate::Operator::state). Whoever takes, restores or measures state walks
//! these declarations, so a piece cannot be written and then forgotten when it is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::key::owner;
use crate::{Error, ErrorKind, Rewrite, Schema};

/// State that belongs to keys, without the types of its keys and entries.
pub trait KeyedTable {
    /// Hands out the entries of each key group that has any, as bytes.
    ///
    /// # Errors
    /// When a key or a state cannot be serialized.
    fn snapshot(&self, group: &mut dyn FnMut(usize, Vec<u8>)) -> Result<(), Error>;

    /// Adds the entries of a group.
    ///
    /// # Errors
    /// When the bytes are of another version or damaged.
    fn restore(&mut self, bytes: &[u8]) -> Result<(), Error>;

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
        *self = postcard::from_bytes(bytes).map_err(|cause| {
            Error::new(ErrorKind::Data, "restore the state of a step", cause.to_string())
        })?;
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
pub trait StateParts {
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

/// The state of an operator on all its workers, as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// By the part's name and the key group.
    keyed: BTreeMap<(String, usize), Vec<u8>>,
    /// By the part's name.
    values: BTreeMap<String, Vec<u8>>,
}

impl Snapshot {
    /// Something that adds the parts of one worker.
    pub fn taking(&mut self, worker: usize) -> impl StateParts {
        Take { into: self, worker }
    }

    /// Something that restores the parts of one of `workers` workers.
    pub fn restoring(&self, worker: usize, workers: usize) -> impl StateParts {
        Restore { from: self, worker, workers }
    }

    /// The names of the parts that hold anything.
    #[must_use]
    pub fn parts(&self) -> Vec<&str> {
        let keyed = self.keyed.keys().map(|(name, _)| name.as_str());
        let mut names: Vec<&str> = keyed.chain(self.values.keys().map(String::as_str)).collect();
        names.dedup();
        names
    }
}

struct Take<'a> {
    into: &'a mut Snapshot,
    worker: usize,
}

impl StateParts for Take<'_> {
    fn keyed(&mut self, name: &str, table: &mut dyn KeyedTable) -> Result<(), Error> {
        table.snapshot(&mut |group, bytes| {
            let twice = self.into.keyed.insert((name.to_owned(), group), bytes);
            assert!(twice.is_none(), "group {group} of `{name}` belongs to one worker");
        })
    }

    fn singleton(&mut self, name: &str, value: &mut dyn Value) -> Result<(), Error> {
        if self.worker == 0 {
            self.into.values.insert(name.to_owned(), value.save()?);
        }
        Ok(())
    }

    fn broadcast(&mut self, name: &str, value: &mut dyn Value) -> Result<(), Error> {
        self.singleton(name, value)
    }
}

struct Restore<'a> {
    from: &'a Snapshot,
    worker: usize,
    workers: usize,
}

impl StateParts for Restore<'_> {
    fn keyed(&mut self, name: &str, table: &mut dyn KeyedTable) -> Result<(), Error> {
        for ((part, group), bytes) in &self.from.keyed {
            if part == name && owner((*group as u64) << 48, self.workers) == self.worker {
                table.restore(bytes)?;
            }
        }
        Ok(())
    }

    fn singleton(&mut self, name: &str, value: &mut dyn Value) -> Result<(), Error> {
        match self.from.values.get(name) {
            Some(bytes) if self.worker == 0 => value.load(bytes),
            _ => Ok(()),
        }
    }

    fn broadcast(&mut self, name: &str, value: &mut dyn Value) -> Result<(), Error> {
        self.from.values.get(name).map_or(Ok(()), |bytes| value.load(bytes))
    }
}
