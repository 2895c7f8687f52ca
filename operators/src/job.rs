//! A job: the program's plan in the making, and the calls that run it when it is made.

use rheos_engine::plan::{Explanation, Graph, Plan};
use rheos_engine::{BadRecords, Checkpoints, Config, DeadLetter, Error, JobHandle, Report, Source};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Stream;

/// A program: sources, steps and sinks, written down once and run by every worker.
///
/// ```
/// # use rheos_operators::examples::{Nowhere, given};
/// use rheos_operators::Job;
///
/// let job = Job::new("squares");
/// job.source(given([1u64, 2, 3])).map(|n| n * n).sink(Nowhere::new());
/// println!("{}", job.explain());
/// ```
pub struct Job {
    graph: Graph,
    checkpoints: Option<Checkpoints>,
}

impl Job {
    /// An empty job. The name appears in reports and tells the processes of a job apart from
    /// those of another.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { graph: Graph::new(name), checkpoints: None }
    }

    /// Adds a source and gives its records.
    ///
    /// # Semantics
    /// * **Order**: the records of a split keep their order; splits are read side by side.
    /// * **State**: none; the position in each split belongs to the engine.
    /// * **End of the input**: when all its splits have ended; a source without an end has none.
    /// * **Workers**: which worker reads which split is not fixed.
    /// * **Bad records**: what the source says, see [`Source::bad_records`]; the job fails with the
    ///   place and the reason unless the source was told otherwise.
    ///
    /// ```
    /// # use rheos_operators::{Job, examples::given};
    /// let job = Job::new("letters");
    /// let letters = job.source(given(["a", "b"])).named("the alphabet");
    /// assert!(job.explain().to_string().contains("the alphabet"));
    /// ```
    pub fn source<S: Source>(&self, source: S) -> Stream<S::Record> {
        let policy = source.bad_records();
        Stream::new(self.graph.source(source, policy).0)
    }

    /// Adds a source and gives its records and, as a stream of their own, those that it could not
    /// understand. It does not matter what the source says about bad records.
    ///
    /// # Semantics
    /// As for [`source`](Job::source). Dead letters keep their order among themselves.
    ///
    /// ```
    /// # use rheos_operators::{Job, examples::{Nowhere, given}};
    /// let job = Job::new("letters");
    /// let (letters, bad) = job.source_with_dead_letters(given(["a", "b"]));
    /// bad.map(|letter| letter.reason).sink(Nowhere::new()).named("dead letters");
    /// # drop(letters);
    /// assert!(job.explain().to_string().contains("dead letters"));
    /// ```
    pub fn source_with_dead_letters<S: Source>(
        &self,
        source: S,
    ) -> (Stream<S::Record>, Stream<DeadLetter>) {
        let (records, dead) = self.graph.source(source, BadRecords::DeadLetter);
        (Stream::new(records), Stream::new(dead))
    }

    /// State that an older version of the program has stored in a checkpoint as values of type
    /// `Old` is read as `New`, wherever a step keeps `New` now. A type that changed twice needs
    /// both conversions, or one over both.
    ///
    /// # Errors
    /// When one of the types has no shape that could be compared with what is stored: fields that
    /// are flattened, enums without tags.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// #[derive(Clone, Serialize, Deserialize)]
    /// struct VisitsV1 { count: u32 }
    /// #[derive(Clone, Serialize, Deserialize)]
    /// struct Visits { count: u64, last: Option<String> }
    ///
    /// let job = rheos_operators::Job::new("visits");
    /// job.migrate_state(|old: VisitsV1| Visits { count: old.count.into(), last: None })?;
    /// # Ok::<(), rheos_engine::Error>(())
    /// ```
    pub fn migrate_state<Old, New>(
        &self,
        convert: impl Fn(Old) -> New + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        Old: DeserializeOwned + 'static,
        New: Serialize + DeserializeOwned + 'static,
    {
        self.graph.migrate(|migrations| migrations.add(convert))
    }

    /// As [`migrate_state`](Job::migrate_state), for the state of the step with this name only.
    ///
    /// # Errors
    /// As for [`migrate_state`](Job::migrate_state).
    pub fn migrate_state_of<Old, New>(
        &self,
        step: &str,
        convert: impl Fn(Old) -> New + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        Old: DeserializeOwned + 'static,
        New: Serialize + DeserializeOwned + 'static,
    {
        self.graph.migrate(|migrations| migrations.add_for(step, convert))
    }

    /// Takes checkpoints while the job runs, and starts it from the latest one that is there. Takes
    /// the name of a folder, or [`Checkpoints`] that say more than that.
    ///
    /// A [`Config`] that has checkpoints of its own wins: `--checkpoint-dir` names another folder.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rheos_engine::Checkpoints;
    /// use rheos_operators::Job;
    ///
    /// let job = Job::new("totals").checkpoint_to("checkpoints/");
    /// # drop(job);
    /// let often = Checkpoints::to("checkpoints/").every(Duration::from_secs(1));
    /// let job = Job::new("totals").checkpoint_to(often);
    /// # drop(job);
    /// ```
    #[must_use]
    pub fn checkpoint_to(mut self, checkpoints: impl Into<Checkpoints>) -> Self {
        self.checkpoints = Some(checkpoints.into());
        self
    }

    /// The plan so far, for people: as text, as a Mermaid graph or as a Graphviz graph.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        self.graph.explain()
    }

    /// The finished plan, without what the job says about checkpoints. Steps that are added to streams of the job afterwards are not part of it.
    #[must_use]
    pub fn into_plan(self) -> Plan {
        self.graph.take()
    }

    /// Starts the job and returns once its workers run, with a handle to stop, drain, watch and
    /// wait for it.
    ///
    /// # Errors
    /// When the configuration or the plan cannot be run, a source cannot be listed, a sink's
    /// target cannot be prepared, or the processes of the job do not find each other.
    ///
    /// ```
    /// # use rheos_operators::{Job, examples::{Nowhere, given}};
    /// let job = Job::new("numbers");
    /// job.source(given(0..100u64)).sink(Nowhere::new());
    /// let handle = job.start(rheos_engine::Config::default().workers(2))?;
    /// assert_eq!(handle.wait()?.records, 100);
    /// # Ok::<(), rheos_engine::Error>(())
    /// ```
    pub fn start(self, config: Config) -> Result<JobHandle, Error> {
        let config = match (&config.checkpoints, &self.checkpoints) {
            (None, Some(checkpoints)) => config.checkpoint_to(checkpoints.clone()),
            _ => config,
        };
        rheos_engine::start(self.into_plan(), config)
    }

    /// Runs the job to its end: [`start`](Job::start), then [`JobHandle::wait`].
    ///
    /// # Errors
    /// As for [`start`](Job::start), and whatever the job fails with while it runs; the error
    /// names the step.
    ///
    /// ```
    /// # use rheos_operators::{Job, examples::{Nowhere, given}};
    /// let job = Job::new("numbers");
    /// job.source(given(0..100u64)).filter(|n| n % 2 == 0).sink(Nowhere::new()).named("nowhere");
    /// let report = job.run(rheos_engine::Config::default().workers(2))?;
    /// assert_eq!(report.step("nowhere").unwrap().records_in, 50);
    /// # Ok::<(), rheos_engine::Error>(())
    /// ```
    pub fn run(self, config: Config) -> Result<Report, Error> {
        self.start(config)?.wait()
    }
}
