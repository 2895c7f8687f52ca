//! What the Renoir forms share: its workers read their shares, and its rows are tallied.
//!
//! Each form is the fastest found of those that give the right rows. Renoir's own windows are not
//! among them: they begin at each key's first record instead of at multiples of their length, so
//! that their rows are others. The forms fold by the window's start instead; a fold answers once,
//! at the end of the input, and holds all windows until then. With one worker Renoir runs a thread
//! for what comes before each exchange and one for what comes after it.

use renoir::Stream;
use renoir::operator::Operator;

use super::events::{EventIn, Events};
use super::form::Form;
use super::row::Row;
use super::tally::{SharedTally, Tally};
use crate::renoir_source::{self, Selected};

/// Runs a query over what `select` makes of the events, with a worker a share, and gives what it
/// tallied.
pub(crate) fn run<F, R, S>(
    events: &Events<F>,
    select: S,
    query: impl FnOnce(Selected<EventIn<F>, S>, SharedTally),
) -> anyhow::Result<Tally>
where
    F: Form,
    R: Send + 'static,
    S: Fn(&EventIn<F>) -> Option<R> + Clone + Send + 'static,
{
    let tally = SharedTally::default();
    renoir_source::run(events.shares(), select, |selected| query(selected, tally.clone()))?;
    Ok(tally.total())
}

/// Counts rows.
pub(crate) fn tally_rows<R: Row>(
    rows: Stream<impl Operator<Out = R> + 'static>,
    tally: SharedTally,
) {
    let mut rows_of_worker = WorkerTally { tally: Tally::default(), all: tally };
    rows.for_each(move |row| rows_of_worker.add(&row));
}

/// What one worker has counted; joins the others' when the worker ends.
#[derive(Clone)]
struct WorkerTally {
    tally: Tally,
    all: SharedTally,
}

impl WorkerTally {
    #[inline]
    fn add(&mut self, row: &impl Row) {
        self.tally.add(row);
    }
}

impl Drop for WorkerTally {
    fn drop(&mut self) {
        self.all.merge(self.tally);
    }
}
