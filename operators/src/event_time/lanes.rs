//! Where each split of a source stands in event time, and what all together promise.

use std::collections::BTreeMap;
use std::time::Duration;

use rheos_engine::{Assigned, EventTime, ProcessingTime, Run, SplitId, SplitTime, SplitsView};
use serde::{Deserialize, Serialize};

use super::watermarks::{Generator, Watermarks};

/// One split, or all records of a worker behind an exchange.
pub(crate) struct Lane {
    split: Option<SplitId>,
    generator: Generator,
    /// The latest time so far.
    pub(crate) latest: EventTime,
    /// What was promised for it; never goes back.
    promised: EventTime,
    /// When its last record came, or it was opened, and how long flow control had held the source
    /// until then.
    active: ProcessingTime,
    held: Duration,
    is_idle: bool,
}

impl Lane {
    /// Sees the time of the next record; gives by how much it is behind the latest one.
    #[inline]
    pub(crate) fn observe(&mut self, time: EventTime) -> u64 {
        self.generator.observe(time);
        if time >= self.latest {
            self.latest = time;
            return 0;
        }
        self.latest.as_millis().abs_diff(time.as_millis())
    }

    /// How long it has been silent, without the time in which flow control held the source.
    fn silence(&self, now: ProcessingTime, held: Duration) -> Duration {
        let passed = Duration::from_millis(now.0.saturating_sub(self.active.0));
        passed.saturating_sub(held.saturating_sub(self.held))
    }
}

/// What is kept of all lanes.
const LANES: &str = "lanes";

/// What is kept of a lane for a job that goes on from a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptLane {
    latest: EventTime,
    promised: EventTime,
    /// How long it had been silent. Time in which the job does not run is no silence.
    silence: Duration,
    /// The worker that it was on, of so many.
    place: Place,
}

impl KeptLane {
    /// Of two that stand for one, what holds for both.
    fn and(self, other: Self) -> Self {
        Self {
            latest: self.latest.min(other.latest),
            promised: self.promised.min(other.promised),
            silence: self.silence.min(other.silence),
            ..self
        }
    }
}

/// A worker of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) worker: usize,
    pub(crate) workers: usize,
}

/// All splits that a worker reads through one step.
pub(crate) struct Lanes {
    watermarks: Watermarks,
    place: Place,
    lanes: Vec<Lane>,
    /// What is known of lanes that have not been opened since the job goes on.
    kept: BTreeMap<Option<SplitId>, KeptLane>,
    /// The place of the lane that was used last.
    last: usize,
    unopened: usize,
    /// What was promised last for all together.
    promised: EventTime,
    /// Whether all that are left are idle.
    is_idle: bool,
}

/// What all splits of a worker together promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Together {
    pub(crate) watermark: EventTime,
    /// Whether all that are left are idle, so that others need not wait for this worker.
    pub(crate) is_idle: bool,
}

impl Lanes {
    pub(crate) fn new(watermarks: &Watermarks, place: Place) -> Self {
        let watermarks = watermarks.clone();
        Self {
            watermarks,
            place,
            lanes: Vec::new(),
            kept: BTreeMap::new(),
            last: 0,
            unopened: 0,
            promised: EventTime::MIN,
            is_idle: false,
        }
    }

    /// The lane of a split that has a batch now.
    pub(crate) fn active(
        &mut self,
        split: SplitId,
        view: Option<&SplitsView>,
        now: ProcessingTime,
    ) -> &mut Lane {
        let held = view.map_or(Duration::ZERO, |view| view.held(now));
        let split = view.map(|_| split);
        let at = self.find_or_open(split, now, held);
        self.last = at;
        let lane = &mut self.lanes[at];
        (lane.active, lane.held, lane.is_idle) = (now, held, false);
        lane
    }

    fn find_or_open(
        &mut self,
        split: Option<SplitId>,
        now: ProcessingTime,
        held: Duration,
    ) -> usize {
        if self.lanes.get(self.last).is_some_and(|lane| lane.split == split) {
            return self.last;
        }
        if let Some(at) = self.lanes.iter().position(|lane| lane.split == split) {
            return at;
        }
        let mut generator = self.watermarks.generator();
        let kept = self.kept.remove(&split);
        let (latest, promised) =
            kept.map_or((EventTime::MIN, EventTime::MIN), |kept| (kept.latest, kept.promised));
        if latest > EventTime::MIN {
            // A generator of the program begins anew, with the latest time for its first one.
            generator.observe(latest);
        }
        let silence = kept.map_or(Duration::ZERO, |kept| kept.silence);
        let silence = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
        let active = ProcessingTime(now.0.saturating_sub(silence));
        self.lanes.push(Lane { split, generator, latest, promised, active, held, is_idle: false });
        self.lanes.len() - 1
    }

    /// Keeps where all lanes stand, for a job that goes on from here.
    pub(crate) fn keep(&self, run: &mut Run) {
        let (now, place) = (run.now, self.place);
        let held = run.splits().map_or(Duration::ZERO, |view| view.held(now));
        let open = self.lanes.iter().map(|lane| {
            let Lane { latest, promised, .. } = *lane;
            (lane.split, KeptLane { latest, promised, silence: lane.silence(now, held), place })
        });
        let unopened = self.kept.iter().map(|(split, lane)| (*split, *lane));
        run.keep_stage(LANES, open.chain(unopened));
    }

    /// Goes on from what was kept: of a split, whoever reads it now; of records that come from
    /// other workers, what holds for all, unless there are as many workers as before.
    pub(crate) fn restore(&mut self, run: &mut Run) {
        let place = self.place;
        for (split, kept) in run.restored_stage::<KeptLane>(LANES) {
            let is_elsewhere = split.is_none()
                && kept.place.workers == place.workers
                && kept.place.worker != place.worker;
            if !is_elsewhere {
                self.kept.entry(split).and_modify(|lane| *lane = lane.and(kept)).or_insert(kept);
            }
        }
    }

    /// Opens lanes for splits that have had no record yet, and closes those of splits that ended.
    /// Says whether any ended.
    pub(crate) fn follow(&mut self, view: Option<&SplitsView>, now: ProcessingTime) -> bool {
        let Some(view) = view else {
            self.find_or_open(None, now, Duration::ZERO);
            return false;
        };
        self.unopened = view.unopened();
        if self.unopened == 0 {
            // What is left was kept of splits that nobody reads any more.
            self.kept.retain(|split, _| split.is_some_and(|split| view.open().contains(&split)));
        }
        let before = self.lanes.len();
        self.lanes.retain(|lane| lane.split.is_some_and(|split| view.open().contains(&split)));
        let has_any_ended = self.lanes.len() < before;
        for split in view.open() {
            self.find_or_open(Some(*split), now, view.held(now));
        }
        has_any_ended
    }

    /// Notices who is idle; gives how long it takes until the next one could be, unless flow control
    /// holds the source: then nobody's time passes, as for a split that waits for others.
    pub(crate) fn find_idle(
        &mut self,
        view: Option<&SplitsView>,
        now: ProcessingTime,
    ) -> Option<Duration> {
        let patience = self.watermarks.idle_after?;
        let held = view.map_or(Duration::ZERO, |view| view.held(now));
        let is_held = view.is_some_and(SplitsView::is_held);
        let mut next = None::<Duration>;
        for lane in &mut self.lanes {
            if let (Some(view), Some(split)) = (view, lane.split)
                && view.ahead().contains(&split)
            {
                // It is not silent: nobody asks it.
                (lane.active, lane.held, lane.is_idle) = (now, held, false);
                continue;
            }
            let silence = lane.silence(now, held);
            lane.is_idle = silence >= patience;
            if !lane.is_idle && !is_held {
                let left = patience - silence;
                next = Some(next.map_or(left, |next| next.min(left)));
            }
        }
        next
    }

    /// The splits that are waited for, and the latest time of each.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = (SplitId, EventTime)> {
        let active = self.lanes.iter().filter(|lane| !lane.is_idle);
        active.filter_map(|lane| Some((lane.split?, lane.latest)))
    }

    /// What all together promise now, if that is not what they did before.
    ///
    /// It goes forward, but for one thing: a split that was idle may come back with less. Who
    /// waits for several workers judges then what is late, with all of them in view: else the
    /// same splits would make other watermarks when other workers read them.
    pub(crate) fn advance(&mut self) -> Option<Together> {
        for lane in &mut self.lanes {
            let watermark = lane.generator.watermark(lane.latest);
            lane.promised = watermark.max(lane.promised);
        }
        let before = (self.promised, self.is_idle);
        let active = self.lanes.iter().filter(|lane| !lane.is_idle);
        self.is_idle = false;
        if self.unopened == 0 {
            match active.map(|lane| lane.promised).min() {
                Some(least) => self.promised = least,
                None => self.is_idle = !self.lanes.is_empty(),
            }
        }
        let together = Together { watermark: self.promised, is_idle: self.is_idle };
        ((self.promised, self.is_idle) != before).then_some(together)
    }

    /// Whether times up to the end of time have been promised; if not, they are now.
    pub(crate) fn end(&mut self) -> bool {
        self.lanes.clear();
        self.is_idle = false;
        std::mem::replace(&mut self.promised, EventTime::MAX) < EventTime::MAX
    }

    /// How far everybody has come.
    pub(crate) fn status(&self) -> Assigned {
        let splits = self.lanes.iter().map(|lane| SplitTime {
            split: lane.split,
            watermark: lane.promised,
            active: lane.active,
            is_idle: lane.is_idle,
        });
        Assigned {
            splits: splits.collect(),
            unopened: self.unopened,
            watermark: self.promised,
            is_idle: self.is_idle,
        }
    }
}
