//! A query as it is written for one form of events, and how such a version is run.
//!
//! A file a query makes its versions; the command and the tests see them without their types.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rheos::engine::EventTime;
use rheos::prelude::*;

use super::events::{Bid, EventIn, Events, Extent};
use super::form::Form;
use super::generated::Generated;
use super::row::{Row, RowLines};
use super::scratch::Scratch;
use super::tally::{Tally, Tallying};
use crate::engine::Engine;
use crate::memory::Memory;

/// A query over events of one form: as a Rheos job, and in the forms that it is held against.
pub(crate) struct Version<F: Form, R> {
    /// Sequential, as close to the words of the query as code can be.
    naive: fn(&Events<F>) -> Vec<R>,
    /// Builds the job.
    rheos: Box<BuildJob<F>>,
    /// On other engines, a worker a share, where that has been written.
    by_hand: Vec<(Engine, ByHand<F>)>,
}

/// Builds the job of a query.
type BuildJob<F> = dyn Fn(Input<'_, F>, &Results<'_>);

/// A query on another engine, over events in memory.
type ByHand<F> = fn(&Events<F>) -> anyhow::Result<Tally>;

impl<F: Form, R: Row> Version<F, R> {
    /// A version whose job makes a stream of the rows.
    pub(crate) fn new<M: Timeline>(
        naive: fn(&Events<F>) -> Vec<R>,
        rheos: fn(Input<'_, F>) -> Stream<R, M>,
    ) -> Self {
        Self::writing(naive, move |input, results| results.take(rheos(input)))
    }

    /// A version whose job also sees to where the rows go.
    pub(crate) fn writing(
        naive: fn(&Events<F>) -> Vec<R>,
        rheos: impl Fn(Input<'_, F>, &Results<'_>) + 'static,
    ) -> Self {
        Self { naive, rheos: Box::new(rheos), by_hand: Vec::new() }
    }

    /// Adds the query as it is written for another engine.
    pub(crate) fn on(mut self, engine: Engine, run: ByHand<F>) -> Self {
        self.by_hand.push((engine, run));
        self
    }
}

/// What a query is built from: its job, and a stream of the events.
pub(crate) struct Input<'a, F: Form> {
    /// The job, for queries that read something else too.
    pub(crate) job: &'a Job,
    events: Stream<EventIn<F>>,
}

impl<F: Form> Input<'_, F> {
    /// The events.
    pub(crate) fn events(self) -> Stream<EventIn<F>> {
        self.events
    }

    /// The numbers of the bids, with their times: each share is in order.
    pub(crate) fn timed_bids(self) -> Stream<Bid, Timed> {
        let bids = self.events.select(|event| event.bid().map(Bid::numbers));
        bids.event_time(|bid| EventTime::from_millis(bid.date_time), watermarks())
    }
}

/// How far the share of a worker may be ahead of another's, in event time.
const MAX_DRIFT: Duration = Duration::from_secs(10);

/// The watermarks of events of which every worker has a share that is in order: a worker that gets
/// ahead waits, or all that it is ahead would wait in the windows.
pub(crate) fn watermarks() -> Watermarks {
    Watermarks::monotone().align_within(MAX_DRIFT)
}

/// Where the rows of a job go.
pub(crate) struct Results<'a> {
    /// The folder into which they are to be written, if any.
    pub(crate) folder: Option<&'a Path>,
    /// Filled in where worker 0 is.
    total: Arc<Mutex<Option<Tally>>>,
    /// For a query that writes files though nobody asked for its rows.
    scratch: Scratch,
}

impl Results<'_> {
    /// Tallies the rows, and writes them if that was asked for.
    fn take<R: Row, M: Timeline>(&self, rows: Stream<R, M>) {
        let rows = rows.without_event_time();
        let Some(folder) = self.folder else { return self.tally(rows) };
        self.tally(rows.clone());
        rows.sink(FileSink::folder(folder, RowLines::new()));
    }

    /// The folder for the rows; where nobody asked for them one that goes away after the run.
    pub(crate) fn folder_or_scratch(&self) -> PathBuf {
        self.folder.unwrap_or(self.scratch.path()).to_owned()
    }

    /// Tallies the rows and drops them.
    pub(crate) fn tally<R: Row>(&self, rows: Stream<R>) {
        let total = Arc::clone(&self.total);
        let note = move |tally: &Tally| {
            *total.lock().unwrap_or_else(PoisonError::into_inner) = Some(*tally);
        };
        rows.aggregate(Tallying::new()).at_end().inspect(note).sink(Null::new());
    }
}

/// Where the events of a run come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Supply {
    /// From memory; they are made before.
    Memory,
    /// They are generated while the job runs, if wanted so many a second.
    Generated(Option<f64>),
}

/// A version without its types.
pub(crate) trait AnyVersion {
    /// Gets ready to run, so that a run does nothing but run.
    fn prepare(&self, extent: Extent, supply: Supply) -> Box<dyn Prepared + '_>;

    /// Gets ready to run over these events, a share a worker.
    #[cfg(test)]
    fn prepare_of(&self, shares: &[Vec<nexmark::event::Event>]) -> Box<dyn Prepared + '_>;
}

/// A version that is ready to run.
pub(crate) trait Prepared {
    /// Runs once. There is no tally in a process that has not worker 0, nor from the generator alone.
    ///
    /// # Errors
    /// When the query is not written for the engine, or not for such events, or the run fails.
    fn run(
        &self,
        engine: Engine,
        config: Config,
        folder: Option<&Path>,
    ) -> anyhow::Result<Option<Tally>>;

    /// What the naive version says, and whether the number of its rows counts.
    fn expected(&self) -> Expected;

    /// Whether the query is written by hand for an engine.
    #[cfg(test)]
    fn is_written_for(&self, engine: Engine) -> bool;

    /// The rows of the naive version as lines of JSON.
    #[cfg(test)]
    fn expected_lines(&self) -> Vec<String>;
}

/// What a run must give.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) tally: Tally,
    has_fixed_count: bool,
}

impl Expected {
    /// Holds what a run gave against it.
    ///
    /// # Errors
    /// When it is not that.
    pub(crate) fn check(&self, tally: Tally) -> anyhow::Result<()> {
        let mut right = self.tally;
        if !self.has_fixed_count {
            right.rows = tally.rows;
        }
        anyhow::ensure!(tally == right, "{tally:?} instead of {right:?}");
        Ok(())
    }
}

impl<F: Form, R: Row> AnyVersion for Version<F, R> {
    fn prepare(&self, extent: Extent, supply: Supply) -> Box<dyn Prepared + '_> {
        Box::new(match supply {
            Supply::Memory => {
                let memory = Some(Events::generate(extent));
                Ready { version: self, extent, memory, rate: None }
            }
            Supply::Generated(rate) => Ready { version: self, extent, memory: None, rate },
        })
    }

    #[cfg(test)]
    fn prepare_of(&self, shares: &[Vec<nexmark::event::Event>]) -> Box<dyn Prepared + '_> {
        let events = shares.iter().map(Vec::len).sum();
        let extent = Extent { events, workers: shares.len() };
        Box::new(Ready { version: self, extent, memory: Some(Events::of(shares)), rate: None })
    }
}

/// A version with its events, or with how to generate them.
struct Ready<'a, F: Form, R> {
    version: &'a Version<F, R>,
    extent: Extent,
    memory: Option<Events<F>>,
    rate: Option<f64>,
}

impl<F: Form, R: Row> Ready<'_, F, R> {
    fn rheos(&self, config: Config, folder: Option<&Path>) -> anyhow::Result<Option<Tally>> {
        let job = Job::new("nexmark");
        let events = match &self.memory {
            Some(events) => job.source(Memory::new(events.shares())),
            None => job.source(Generated::<F>::new(self.extent, self.rate)),
        };
        let total = Arc::default();
        let results = Results { folder, total: Arc::clone(&total), scratch: Scratch::new() };
        (self.version.rheos)(Input { job: &job, events }, &results);
        job.run(config)?;
        Ok(*total.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn by_hand(&self, engine: Engine) -> anyhow::Result<Tally> {
        let written = self.version.by_hand.iter().find(|(on, _)| *on == engine);
        let Some((_, run)) = written else {
            return Err(engine.is_missing());
        };
        let Some(events) = &self.memory else {
            anyhow::bail!("only Rheos generates events while it runs: take --source memory");
        };
        run(events)
    }

    /// The rows of the naive version.
    fn naive(&self) -> Vec<R> {
        match &self.memory {
            Some(events) => (self.version.naive)(events),
            None => (self.version.naive)(&Events::generate(self.extent)),
        }
    }
}

impl<F: Form, R: Row> Prepared for Ready<'_, F, R> {
    fn run(
        &self,
        engine: Engine,
        config: Config,
        folder: Option<&Path>,
    ) -> anyhow::Result<Option<Tally>> {
        match engine {
            Engine::Rheos => self.rheos(config, folder),
            Engine::Timely | Engine::TimelySteps | Engine::Renoir => self.by_hand(engine).map(Some),
            Engine::Generator => {
                anyhow::ensure!(self.memory.is_none(), "take --source generated for the generator");
                super::generated::alone::<F>(self.extent);
                Ok(None)
            }
        }
    }

    fn expected(&self) -> Expected {
        Expected { tally: Tally::of(self.naive()), has_fixed_count: R::HAS_FIXED_COUNT }
    }

    #[cfg(test)]
    fn is_written_for(&self, engine: Engine) -> bool {
        self.memory.is_some() && self.version.by_hand.iter().any(|(on, _)| *on == engine)
    }

    #[cfg(test)]
    fn expected_lines(&self) -> Vec<String> {
        let line = |row: &R| {
            let mut line = Vec::new();
            super::row::write_array(row, &mut line);
            String::from_utf8(line).unwrap()
        };
        self.naive().iter().map(line).collect()
    }
}
