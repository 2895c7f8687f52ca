//! Which windows a stream is cut into, when they answer, and how long they wait for late records.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rheos_engine::{EventTime, ProcessingTime};

use super::aligned::{Aligned, LONGEST};
use super::count::Counts;
use super::pane::Window;

/// Puts a moment into windows; written by the program.
pub(crate) type Assigner = Arc<dyn Fn(EventTime) -> Vec<Window> + Send + Sync>;

/// Decides whether a window answers before or after its time; written by the program.
pub(crate) type Trigger = Arc<dyn Fn(&TriggerContext) -> bool + Send + Sync>;

/// Where windows lie.
#[derive(Clone)]
pub(crate) enum Placement {
    /// At fixed places, the same for all keys.
    Aligned(Aligned),
    /// Around records that are no further apart than this, for each key by itself.
    Session(i64),
    /// One, over all of time.
    Global,
    /// Of so many records of a key.
    Count(Counts),
    /// Where the program says.
    Custom(Assigner),
}

/// What is known when a [trigger](Windows::trigger) is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TriggerContext {
    /// The window.
    pub window: Window,
    /// Its records so far.
    pub records: u64,
    /// Its records since it last answered, or since it began.
    pub new_records: u64,
    /// The watermark.
    pub watermark: EventTime,
    /// The processing time.
    pub now: ProcessingTime,
    /// When the first of the new records came.
    pub since: ProcessingTime,
}

/// When windows answer besides the time at which the watermark passes their end.
#[derive(Clone, Default)]
pub(crate) struct Firing {
    /// After so many new records.
    pub(crate) early_records: Option<u64>,
    /// So long after the first new record, in processing time.
    pub(crate) early_interval: Option<Duration>,
    /// Whether each late record that is allowed is answered by itself.
    pub(crate) late_each: bool,
    /// Whether a window forgets what it has answered.
    pub(crate) discards: bool,
    pub(crate) trigger: Option<Trigger>,
}

impl Firing {
    /// Whether windows answer only when their time has come, and once an epoch for late records:
    /// what windows can do together that share slices.
    pub(crate) fn is_plain(&self) -> bool {
        let Self { early_records, early_interval, late_each, discards, trigger } = self;
        let is_early = early_records.is_some() || early_interval.is_some() || trigger.is_some();
        !(is_early || *late_each || *discards)
    }
}

/// Which windows a stream is cut into, when they answer, and how long they wait for late records.
///
/// A window answers when the watermark passes its end. Its result has the event time of the
/// window's last millisecond.
///
/// Sizes, slides and the allowed lateness are in whole milliseconds and last at most 2^60 of them
/// (36 million years); tumbling and sliding windows lie within twice as much around 1970, and what
/// is further away belongs to the outermost ones.
///
/// ```
/// use std::time::Duration;
/// use rheos_operators::Windows;
/// let hours = Windows::tumbling(Duration::from_secs(3600))
///     .allowed_lateness(Duration::from_secs(60))
///     .early_every(Duration::from_secs(5));
/// # drop(hours);
/// ```
#[derive(Clone)]
#[must_use]
pub struct Windows {
    pub(crate) placement: Placement,
    pub(crate) lateness: i64,
    pub(crate) firing: Firing,
}

impl fmt::Debug for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

/// A duration in whole milliseconds.
///
/// # Panics
/// When it is shorter than one.
fn millis(what: &str, duration: Duration) -> i64 {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    assert!(millis > 0, "{what} of a window is at least one millisecond, not {duration:?}");
    millis
}

impl Windows {
    /// Windows of so many records.
    pub(crate) fn of_records(size: u64, slide: u64) -> Self {
        Self::placed(Placement::Count(Counts::new(size, slide)))
    }

    fn placed(placement: Placement) -> Self {
        Self { placement, lateness: 0, firing: Firing::default() }
    }

    /// Windows of one size that follow each other without a gap, aligned to 1970-01-01T00:00:00Z.
    ///
    /// | window of 10 s | record at | belongs to |
    /// |---|---|---|
    /// | | 0 s | 0 s to 10 s |
    /// | | 9.999 s | 0 s to 10 s |
    /// | | 10 s | 10 s to 20 s |
    /// | | −1 ms | −10 s to 0 s |
    ///
    /// # Panics
    /// When `size` is shorter than a millisecond.
    ///
    /// ```
    /// # use rheos_operators::examples::panes;
    /// # use std::time::Duration;
    /// use rheos_operators::Windows;
    /// let tens = Windows::tumbling(Duration::from_secs(10));
    /// assert_eq!(panes(tens, [0, 9_999, 10_000, -1]), [(-10_000, 0, 1), (0, 10_000, 2), (10_000, 20_000, 1)]);
    /// ```
    pub fn tumbling(size: Duration) -> Self {
        let size = millis("the size", size);
        Self::placed(Placement::Aligned(Aligned::new(size, size, 0)))
    }

    /// Windows of one size, one every `slide`: where `slide` is shorter they overlap, where it is
    /// longer they leave gaps, and what falls into a gap belongs to no window.
    ///
    /// What is known about a slice of time is shared by all windows over it: many short slides
    /// cost little more than few long ones.
    ///
    /// | window of 4 s every 2 s | record at | belongs to |
    /// |---|---|---|
    /// | | 0 s | −2 s to 2 s, 0 s to 4 s |
    /// | | 1.999 s | −2 s to 2 s, 0 s to 4 s |
    /// | | 2 s | 0 s to 4 s, 2 s to 6 s |
    ///
    /// # Panics
    /// When `size` or `slide` is shorter than a millisecond.
    ///
    /// ```
    /// # use rheos_operators::examples::panes;
    /// # use std::time::Duration;
    /// use rheos_operators::Windows;
    /// let windows = Windows::sliding(Duration::from_secs(4), Duration::from_secs(2));
    /// assert_eq!(
    ///     panes(windows, [0, 1_999, 2_000]),
    ///     [(-2_000, 2_000, 2), (0, 4_000, 3), (2_000, 6_000, 1)],
    /// );
    /// ```
    pub fn sliding(size: Duration, slide: Duration) -> Self {
        let (size, slide) = (millis("the size", size), millis("the slide", slide));
        Self::placed(Placement::Aligned(Aligned::new(size, slide, 0)))
    }

    /// Sessions of each key: records that are at most `gap` apart are one. A session ends `gap`
    /// after its last record, and a record at exactly that moment still belongs to it, so it
    /// answers once the watermark is past its end. A record that comes between two sessions and
    /// is at most `gap` from both makes them one.
    ///
    /// | gap of 10 s | records at | sessions |
    /// |---|---|---|
    /// | exactly the gap | 0 s, 10 s | 0 s to 20 s |
    /// | more than the gap | 0 s, 10.001 s | 0 s to 10 s, 10.001 s to 20.001 s |
    /// | bridged, out of order | 0 s, 16 s, 8 s | 0 s to 26 s |
    ///
    /// # Panics
    /// When `gap` is shorter than a millisecond.
    ///
    /// ```
    /// # use rheos_operators::examples::panes;
    /// # use std::time::Duration;
    /// use rheos_operators::Windows;
    /// let sessions = || Windows::session(Duration::from_secs(10));
    /// assert_eq!(panes(sessions(), [0, 10_000]), [(0, 20_000, 2)]);
    /// assert_eq!(panes(sessions(), [0, 10_001]), [(0, 10_000, 1), (10_001, 20_001, 1)]);
    /// assert_eq!(panes(sessions(), [0, 16_000, 8_000]), [(0, 26_000, 3)]);
    /// ```
    pub fn session(gap: Duration) -> Self {
        Self::placed(Placement::Session(millis("the gap", gap)))
    }

    /// One window over all of time. It answers at the end of the input, and before that only if
    /// it is told to: [`early_every`](Self::early_every), [`early_each`](Self::early_each),
    /// [`trigger`](Self::trigger).
    ///
    /// ```
    /// # use rheos_operators::examples::panes;
    /// use rheos_operators::Windows;
    /// let (start, end) = (i64::MIN, i64::MAX);
    /// assert_eq!(panes(Windows::global(), [0, 1_000_000]), [(start, end, 2)]);
    /// ```
    pub fn global() -> Self {
        Self::placed(Placement::Global)
    }

    /// Windows where the program says: `assign` gives all windows that hold a moment. The same
    /// moment must always give the same windows.
    ///
    /// ```
    /// # use rheos_operators::examples::panes;
    /// use rheos_engine::EventTime;
    /// use rheos_operators::{Window, Windows};
    /// // Two windows: before noon and after.
    /// let halves = Windows::custom(|time| {
    ///     let at = EventTime::from_millis;
    ///     let (start, end) = if time < at(43_200_000) { (0, 43_200_000) } else { (43_200_000, 86_400_000) };
    ///     vec![Window::new(at(start), at(end))]
    /// });
    /// assert_eq!(panes(halves, [5, 50_000_000, 7]), [(0, 43_200_000, 2), (43_200_000, 86_400_000, 1)]);
    /// ```
    pub fn custom(assign: impl Fn(EventTime) -> Vec<Window> + Send + Sync + 'static) -> Self {
        Self::placed(Placement::Custom(Arc::new(assign)))
    }

    /// Shifts tumbling and sliding windows against 1970-01-01T00:00:00Z: days that begin at six
    /// in the morning have an offset of six hours. No offset unless set.
    ///
    /// # Panics
    /// When the windows are neither tumbling nor sliding.
    ///
    /// ```
    /// # use rheos_operators::examples::panes;
    /// # use std::time::Duration;
    /// use rheos_operators::Windows;
    /// let shifted = Windows::tumbling(Duration::from_secs(10)).offset(Duration::from_secs(3));
    /// assert_eq!(panes(shifted, [0, 3_000]), [(-7_000, 3_000, 1), (3_000, 13_000, 1)]);
    /// ```
    pub fn offset(mut self, offset: Duration) -> Self {
        let Placement::Aligned(aligned) = &mut self.placement else {
            panic!("only tumbling and sliding windows can be shifted, not {self:?}");
        };
        let offset = i64::try_from(offset.as_millis()).unwrap_or(i64::MAX);
        *aligned = aligned.shifted(offset);
        self
    }

    /// Keeps windows for so long after the watermark has passed their end. Records that come
    /// meanwhile are not late: the window answers again, as a [late](super::PaneTiming::Late)
    /// pane, at the end of the epoch. Nothing is allowed unless set.
    pub fn allowed_lateness(mut self, lateness: Duration) -> Self {
        self.lateness = i64::try_from(lateness.as_millis()).unwrap_or(LONGEST).min(LONGEST);
        self
    }

    /// Lets windows answer before their time, so long (in processing time) after the first record
    /// that has not been answered: so at most that often. Not unless set.
    pub fn early_every(mut self, interval: Duration) -> Self {
        self.firing.early_interval = Some(interval);
        self
    }

    /// Lets windows answer before their time, after every `records` records of a key. Not unless
    /// set.
    ///
    /// # Panics
    /// When `records` is zero.
    ///
    /// ```
    /// # use rheos_operators::examples::panes;
    /// use rheos_operators::Windows;
    /// let counts = panes(Windows::global().early_each(2), [0, 1, 2, 3, 4]);
    /// assert_eq!(counts.map(|(_, _, count)| count), [2, 4, 5]);
    /// ```
    pub fn early_each(mut self, records: u64) -> Self {
        assert!(records > 0, "a window answers after one record at the earliest");
        self.firing.early_records = Some(records);
        self
    }

    /// Answers each late record that is allowed by a pane of its own, at once, instead of one
    /// pane at the end of the epoch.
    pub fn late_each_record(mut self) -> Self {
        self.firing.late_each = true;
        self
    }

    /// Lets a window forget what it has answered: panes of a window add up to its result, instead
    /// of each being the result so far. A window answers on time only if something is new.
    ///
    /// ```
    /// # use rheos_operators::examples::panes;
    /// use rheos_operators::Windows;
    /// let counts = panes(Windows::global().early_each(2).discarding(), [0, 1, 2, 3, 4]);
    /// assert_eq!(counts.map(|(_, _, count)| count), [2, 2, 1]);
    /// ```
    pub fn discarding(mut self) -> Self {
        self.firing.discards = true;
        self
    }

    /// Lets each pane of a window be its result so far, which replaces what earlier panes said.
    /// So it is unless [`discarding`](Self::discarding) is set.
    pub fn accumulating(mut self) -> Self {
        self.firing.discards = false;
        self
    }

    /// Lets windows answer when the program says, besides the time at which the watermark passes
    /// their end. `trigger` is asked after each record, and at the end of each epoch about windows
    /// with records that have not been answered.
    ///
    /// ```
    /// # use rheos_operators::examples::panes;
    /// use rheos_operators::Windows;
    /// // After 1, 2, 4, 8, ... records.
    /// let doubling = Windows::global().trigger(|seen| seen.records.is_power_of_two());
    /// assert_eq!(panes(doubling, [0; 5]).map(|(_, _, count)| count), [1, 2, 4, 5]);
    /// ```
    pub fn trigger(
        mut self,
        trigger: impl Fn(&TriggerContext) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.firing.trigger = Some(Arc::new(trigger));
        self
    }

    /// What explains a step with these windows.
    pub(crate) fn describe(&self) -> String {
        let mut text = match &self.placement {
            Placement::Aligned(aligned) => aligned.to_string(),
            Placement::Session(gap) => format!("sessions with gaps up to {gap} ms"),
            Placement::Global => "one window over all of time".to_owned(),
            Placement::Count(counts) => counts.describe(),
            Placement::Custom(_) => "windows of the program's own".to_owned(),
        };
        if self.lateness > 0 {
            text += &format!(", {} ms of lateness allowed", self.lateness);
        }
        if let Some(records) = self.firing.early_records {
            text += &format!(", early after {records} records");
        }
        if let Some(interval) = self.firing.early_interval {
            text += &format!(", early every {interval:?}");
        }
        if self.firing.trigger.is_some() {
            text += ", early or late when the program says";
        }
        if self.firing.discards {
            text += ", each pane for itself";
        }
        text
    }
}
