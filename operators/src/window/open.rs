//! The windows of one key that are not over, for windows that each key has by itself.

use rheos_engine::ProcessingTime;
use serde::{Deserialize, Serialize};

/// A window that is not over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Open<A> {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) acc: A,
    /// Its records so far.
    pub(crate) records: u64,
    /// Those since it last answered, and when the first of them came.
    pub(crate) new_records: u64,
    pub(crate) since: ProcessingTime,
    /// Whether its time has come: from then on it answers late.
    pub(crate) is_past: bool,
}

impl<A> Open<A> {
    pub(crate) fn new(start: i64, end: i64, acc: A, is_past: bool) -> Self {
        let since = ProcessingTime(0);
        Self { start, end, acc, records: 0, new_records: 0, since, is_past }
    }
}

/// The windows of a key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyWindows<A> {
    pub(crate) open: Vec<Open<A>>,
    /// The earliest moment for which a timer is set.
    #[serde(skip)]
    pub(crate) timer: Option<i64>,
    /// The same in processing time, for early answers.
    #[serde(skip)]
    pub(crate) early_timer: Option<i64>,
    /// Whether the key is on the list of those that had records in this epoch.
    #[serde(skip)]
    pub(crate) is_touched: bool,
}

impl<A> KeyWindows<A> {
    pub(crate) fn new() -> Self {
        Self { open: Vec::new(), timer: None, early_timer: None, is_touched: false }
    }

    /// The place of the window with these bounds, which is made with `acc` if there is none.
    pub(crate) fn find_or_open(
        &mut self,
        fresh: (i64, i64),
        make: impl FnOnce() -> Open<A>,
    ) -> usize {
        let (start, end) = fresh;
        match self.open.iter().position(|open| (open.start, open.end) == (start, end)) {
            Some(at) => at,
            None => {
                self.open.push(make());
                self.open.len() - 1
            }
        }
    }

    /// Makes one session of the one that `fresh` begins and all that it touches. Gives its place
    /// and how many sessions it has swallowed; `None` when it touches none.
    pub(crate) fn join_sessions(
        &mut self,
        (start, end): (i64, i64),
        merge: impl Fn(&mut A, A),
    ) -> Option<(usize, usize)> {
        let touches = |open: &Open<A>| open.start <= end && start <= open.end;
        let first = self.open.iter().position(touches)?;
        let mut swallowed = 0;
        let mut at = first + 1;
        while at < self.open.len() {
            if !touches(&self.open[at]) {
                at += 1;
                continue;
            }
            let other = self.open.swap_remove(at);
            let joined = &mut self.open[first];
            merge(&mut joined.acc, other.acc);
            joined.start = joined.start.min(other.start);
            joined.end = joined.end.max(other.end);
            joined.records += other.records;
            joined.since = match (joined.new_records, other.new_records) {
                (0, _) => other.since,
                (_, 0) => joined.since,
                _ => joined.since.min(other.since),
            };
            joined.new_records += other.new_records;
            swallowed += 1;
        }
        let joined = &mut self.open[first];
        joined.start = joined.start.min(start);
        joined.end = joined.end.max(end);
        Some((first, swallowed))
    }
}
