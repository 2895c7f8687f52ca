//! Restores the state of one step on one worker from what captures have stored of it.

use crate::key::owner;
use crate::state_parts::{KeyedTable, Part, Spread, StateParts, Value, Walk, declared, sealed};
use crate::{Error, ErrorKind, Rewrite, Schema};

/// What is stored of the state of one step, of all workers that captured it.
pub(crate) trait StoredStep {
    /// The parts of which anything is stored.
    fn parts(&self) -> Vec<Part>;

    /// About how many entries of a keyed part [`keyed`](StoredStep::keyed) hands over; no more
    /// than it has bytes.
    fn entries(&self, part: &str) -> u64;

    /// Hands over the sections of a keyed part: all that may hold keys of this worker, those of a
    /// group and worker in the order in which they were captured.
    ///
    /// # Errors
    /// What `each` fails with; when the sections cannot be read or are damaged.
    fn keyed(
        &self,
        part: &str,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// The value of a part that is not keyed, as it was captured last.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    fn value(&self, part: &str) -> Result<Option<Vec<u8>>, Error>;

    /// How the stored state of a part becomes what the step keeps now; none where it is given up.
    /// `schema_before` gives the schema of the part before a rewrite.
    ///
    /// # Errors
    /// When it does not fit and was not given up.
    fn rewrite(
        &self,
        part: &str,
        schema_before: &dyn Fn(&Rewrite) -> Schema,
    ) -> Result<Option<Rewrite>, Error> {
        let _ = (part, schema_before);
        Ok(Some(Rewrite::none()))
    }
}

/// Restores what one of `workers` workers owns into an operator without state. What follows from
/// the state, [`Operator::restored`](crate::Operator::restored), is left to the caller. Stored parts
/// that the operator does not declare stay behind: whether they may has been decided before.
///
/// # Errors
/// When what is stored cannot be read, is damaged, or is spread over workers in another way than
/// the operator declares.
pub(crate) fn restore(
    stored: &dyn StoredStep,
    worker: usize,
    workers: usize,
    walk: &mut Walk<'_>,
) -> Result<(), Error> {
    let parts = stored.parts();
    for part in &declared(walk)? {
        let there = parts.iter().find(|there| there.name == part.name);
        check_spread(part, there.map(|there| there.spread))?;
    }
    walk(&mut Restore { stored, worker, workers })
}

/// Refuses a part that was spread over workers in another way when it was stored.
fn check_spread(part: &Part, stored: Option<Spread>) -> Result<(), Error> {
    let Some(stored) = stored.filter(|stored| *stored != part.spread) else { return Ok(()) };
    let attempted = format!("restore the part `{}` of the state of a step", part.name);
    let reason =
        format!("it was stored {}, and the step declares it {}", said(stored), said(part.spread));
    Err(Error::new(ErrorKind::Usage, attempted, reason)
        .advise("give the part another name, and allow the old state to be dropped"))
}

/// How a part is spread, in words.
fn said(spread: Spread) -> &'static str {
    match spread {
        Spread::Keyed => "by key",
        Spread::Singleton => "as a single value",
        Spread::Broadcast => "as a value of every worker",
    }
}

struct Restore<'a> {
    stored: &'a dyn StoredStep,
    worker: usize,
    workers: usize,
}

impl Restore<'_> {
    fn load(&self, name: &str, value: &mut dyn Value) -> Result<(), Error> {
        let Some(bytes) = self.stored.value(name)? else { return Ok(()) };
        match self.stored.rewrite(name, &|rewrite| value.schema_before(rewrite))? {
            Some(rewrite) if rewrite.is_none() => value.load(&bytes),
            Some(rewrite) => value.load_rewritten(&bytes, &rewrite),
            None => Ok(()),
        }
    }
}

impl sealed::Visitor for Restore<'_> {}

impl StateParts for Restore<'_> {
    fn keyed(&mut self, name: &str, table: &mut dyn KeyedTable) -> Result<(), Error> {
        let (worker, workers) = (self.worker, self.workers);
        let rewrite = self.stored.rewrite(name, &|rewrite| table.schema_before(rewrite))?;
        let Some(rewrite) = rewrite else { return Ok(()) };
        table.reserve(usize::try_from(self.stored.entries(name)).unwrap_or(0));
        let keep = |hash| owner(hash, workers) == worker;
        self.stored.keyed(name, &mut |bytes| table.restore(bytes, &keep, &rewrite))
    }

    fn singleton(&mut self, name: &str, value: &mut dyn Value) -> Result<(), Error> {
        if self.worker == 0 { self.load(name, value) } else { Ok(()) }
    }

    fn broadcast(&mut self, name: &str, value: &mut dyn Value) -> Result<(), Error> {
        self.load(name, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Capture;
    use crate::snapshot::Snapshot;
    use crate::{Extent, KeyedState, hash_key};

    fn snapshot() -> Snapshot {
        let mut keys = KeyedState::<u64, u64>::default();
        (0..100).for_each(|key| keys.put(hash_key(&key), key, 1));
        let walk: &mut Walk<'_> = &mut |parts| {
            parts.keyed("keys", &mut keys)?;
            parts.singleton("total", &mut 5u64)?;
            parts.broadcast("rate", &mut 6u64)
        };
        let mut capture = Capture::begin(0, Extent::Whole, walk).unwrap();
        assert!(capture.advance(usize::MAX, walk).unwrap());
        let mut snapshot = Snapshot::default();
        snapshot.add(0, capture.take());
        snapshot
    }

    #[test]
    fn each_worker_gets_what_is_its_own() {
        let snapshot = snapshot();
        let mut all = 0;
        for worker in 0..3 {
            let (mut keys, mut total, mut rate) = (KeyedState::<u64, u64>::default(), 0u64, 0u64);
            restore(&snapshot, worker, 3, &mut |parts| {
                parts.singleton("total", &mut total)?;
                parts.broadcast("rate", &mut rate)?;
                parts.keyed("keys", &mut keys)
            })
            .unwrap();
            assert_eq!((total, rate), (if worker == 0 { 5 } else { 0 }, 6));
            assert!(keys.iter().all(|entry| owner(entry.hash.get(), 3) == worker));
            all += keys.len();
        }
        assert_eq!(all, 100);
    }

    #[test]
    fn a_part_that_is_new_stays_as_it_is() {
        let mut more = 3u64;
        restore(&snapshot(), 0, 1, &mut |parts| parts.broadcast("more", &mut more)).unwrap();
        assert_eq!(more, 3, "nothing is stored of it");
    }

    #[test]
    fn a_part_of_another_kind_and_damaged_values_are_refused() {
        let mut rate = 0u64;
        let singleton = restore(&snapshot(), 0, 1, &mut |parts| parts.singleton("rate", &mut rate));
        let error = singleton.unwrap_err().to_string();
        assert!(
            error.contains("`rate`") && error.contains("as a value of every worker"),
            "{error}"
        );
        let longer =
            restore(&snapshot(), 0, 1, &mut |parts| parts.broadcast("rate", &mut ((), ())));
        assert!(longer.unwrap_err().to_string().contains("1 bytes are left"));
        let shorter =
            restore(&snapshot(), 0, 1, &mut |parts| parts.broadcast("rate", &mut (0u64, 0u64)));
        assert!(shorter.is_err());
    }
}
