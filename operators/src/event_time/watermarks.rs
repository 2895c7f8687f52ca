//! How a stream's watermark follows from the times of its records.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rheos_engine::EventTime;

/// How the watermark of a split follows from the times of its records.
///
/// ```
/// use std::time::Duration;
/// use rheos_operators::Watermarks;
/// // Records come at most five seconds out of order; a split that is silent for a minute is not
/// // waited for; none is read further than ten minutes ahead of another one; a record whose clock
/// // is more than a day ahead is wrong.
/// let watermarks = Watermarks::bounded(Duration::from_secs(5))
///     .idle_after(Duration::from_secs(60))
///     .align_within(Duration::from_secs(600))
///     .max_future(Duration::from_secs(24 * 3600));
/// # drop(watermarks);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Watermarks {
    pub(crate) kind: Kind,
    pub(crate) idle_after: Option<Duration>,
    pub(crate) max_future: Option<Duration>,
    pub(crate) max_drift: Option<Duration>,
}

/// Makes a generator for a split.
type MakeGenerator = Arc<dyn Fn() -> Box<dyn WatermarkGenerator> + Send + Sync>;

/// How the watermark follows.
#[derive(Clone)]
pub(crate) enum Kind {
    /// Behind the latest record by so much.
    Bounded(Duration),
    /// As the program says.
    Custom(MakeGenerator),
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bounded(disorder) => write!(f, "Bounded({disorder:?})"),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}

/// The watermark of one split, as the program makes it.
pub trait WatermarkGenerator: 'static {
    /// Sees the time of the next record.
    fn observe(&mut self, time: EventTime);

    /// What the records so far promise: no later one has an earlier time. Asked for at the end of
    /// each epoch; an answer that goes back is ignored.
    fn watermark(&self) -> EventTime;
}

impl Watermarks {
    /// Records come at most `disorder` behind the latest one before them: the watermark is the
    /// latest time less `disorder`. What comes further behind is late.
    pub fn bounded(disorder: Duration) -> Self {
        Self::of(Kind::Bounded(disorder))
    }

    /// Times never decrease within a split; they may repeat.
    pub fn monotone() -> Self {
        Self::bounded(Duration::ZERO)
    }

    /// The program's own way: `make` is called for each split, and behind a step that moves
    /// records once for each worker.
    ///
    /// ```
    /// use rheos_engine::EventTime;
    /// use rheos_operators::{WatermarkGenerator, Watermarks};
    ///
    /// /// Every thousandth record is a multiple of a million and promises its own time.
    /// struct Marks(EventTime);
    /// impl WatermarkGenerator for Marks {
    ///     fn observe(&mut self, time: EventTime) {
    ///         if time.as_millis() % 1_000_000 == 0 {
    ///             self.0 = time;
    ///         }
    ///     }
    ///     fn watermark(&self) -> EventTime {
    ///         self.0
    ///     }
    /// }
    /// let watermarks = Watermarks::custom(|| Marks(EventTime::MIN));
    /// # drop(watermarks);
    /// ```
    pub fn custom<G: WatermarkGenerator>(make: impl Fn() -> G + Send + Sync + 'static) -> Self {
        let make: MakeGenerator = Arc::new(move || Box::new(make()));
        Self::of(Kind::Custom(make))
    }

    fn of(kind: Kind) -> Self {
        Self { kind, idle_after: None, max_future: None, max_drift: None }
    }

    /// Does not wait for a split that has had no record for so long (in processing time, without
    /// the time in which flow control kept it from being read). When all are silent the watermark
    /// stays where it is. Unless set, a silent split holds the watermark for as long as it lasts.
    pub fn idle_after(mut self, silence: Duration) -> Self {
        self.idle_after = Some(silence);
        self
    }

    /// Sets records aside whose time is further ahead of processing time: one with a broken clock
    /// must not close every window. They are counted and do not move the watermark. Unless set,
    /// every time is believed.
    pub fn max_future(mut self, ahead: Duration) -> Self {
        self.max_future = Some(ahead);
        self
    }

    /// Aligns the splits: none is read while its latest record is more than `max_drift` of event
    /// time ahead of that of the split which is furthest behind, on whichever worker. So what
    /// windows and joins hold is bounded where one split is read faster than another, or holds
    /// later times: all that is ahead of the watermark waits in their state. Unless set, every
    /// split is read as fast as the job takes it.
    ///
    /// # Semantics
    /// * **Who is waited for**: splits that are open, have not ended and are not idle. One that has
    ///   had no record holds back all others until it has, as it holds the watermark: where splits
    ///   may be silent, say [`idle_after`](Self::idle_after). One that waits does not become idle.
    ///   Splits that have not been opened are not waited for; the one that is furthest behind is
    ///   always read. So the job goes on whatever the splits hold.
    /// * **What is bounded**: a batch is read as a whole, so a split may be ahead by one batch more,
    ///   and by what other processes of the job have read in the last milliseconds. One that had to
    ///   wait goes on when half of `max_drift` is left. The watermark moves at the end of an epoch
    ///   only: what is read in one is held as well.
    /// * **Wrong times**: a split with a record from the far future is not read again until the
    ///   others get there; say [`max_future`](Self::max_future) where clocks may be wrong.
    /// * **Where**: right behind a source or stateless steps on it. Behind a step that moves records
    ///   nothing is aligned, and [`explain`](crate::Job::explain) says so. Several such steps on one
    ///   source hold back a split only if it is too far ahead for all of them.
    pub fn align_within(mut self, max_drift: Duration) -> Self {
        self.max_drift = Some(max_drift);
        self
    }

    /// A generator for one split.
    pub(crate) fn generator(&self) -> Generator {
        match &self.kind {
            Kind::Bounded(disorder) => Generator::Bounded(*disorder),
            Kind::Custom(make) => Generator::Custom(make()),
        }
    }
}

/// The watermark of one split in the making.
pub(crate) enum Generator {
    Bounded(Duration),
    Custom(Box<dyn WatermarkGenerator>),
}

impl Generator {
    /// Sees the time of a record, if it wants to.
    #[inline]
    pub(crate) fn observe(&mut self, time: EventTime) {
        if let Self::Custom(generator) = self {
            generator.observe(time);
        }
    }

    /// What is promised where `latest` is the latest time so far.
    pub(crate) fn watermark(&self, latest: EventTime) -> EventTime {
        match self {
            Self::Bounded(disorder) => latest.minus(*disorder),
            Self::Custom(generator) => generator.watermark(),
        }
    }
}
