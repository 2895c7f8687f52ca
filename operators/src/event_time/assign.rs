//! The stage that stamps records and says how far its splits have come.

use std::time::Duration;

use rheos_engine::{Consumer, Disorder, EventTime, Flush, Next, ProcessingTime, Run, Stamped};

use super::lanes::{Lanes, Place, Together};
use super::watermarks::Watermarks;

/// What makes a duration that is cut to whole milliseconds one that is rounded up.
const ALMOST_A_MILLISECOND: Duration = Duration::from_nanos(999_999);

/// What is kept of the sketch of disorder.
const DISORDER: &str = "disorder";

/// Stamps the records of a worker.
pub(crate) struct Assign<T, F> {
    time: F,
    max_future: Option<Duration>,
    max_drift: Option<Duration>,
    place: Place,
    lanes: Lanes,
    disorder: Disorder,
    /// Whether it has looked for what was kept of it.
    has_begun: bool,
    /// What is on its way to the next step; empty between batches.
    stamped: Vec<Stamped<T>>,
    /// Records from the future on their way; empty between batches.
    set_aside: Vec<T>,
    next: Next<Stamped<T>>,
    /// Who wants records from the future.
    future: Option<Next<T>>,
}

impl<T: 'static, F: Fn(&T) -> EventTime> Assign<T, F> {
    pub(crate) fn new(
        time: F,
        watermarks: &Watermarks,
        place: Place,
        next: Next<Stamped<T>>,
        future: Option<Next<T>>,
    ) -> Self {
        Self {
            time,
            max_future: watermarks.max_future,
            max_drift: watermarks.max_drift,
            place,
            lanes: Lanes::new(watermarks, place),
            disorder: Disorder::default(),
            has_begun: false,
            stamped: Vec::new(),
            set_aside: Vec::new(),
            next,
            future,
        }
    }

    /// Before anything else: goes on from what was kept.
    #[inline]
    fn begin(&mut self, run: &mut Run) {
        if std::mem::replace(&mut self.has_begun, true) || !run.is_restored() {
            return;
        }
        self.lanes.restore(run);
        if self.place.worker == 0 {
            let sketches = run.restored_stage::<Disorder>(DISORDER);
            sketches.iter().for_each(|(_, sketch)| self.disorder.merge(sketch));
        }
    }

    /// The latest time that is believed.
    fn latest_believed(&self, now: ProcessingTime) -> EventTime {
        let now = EventTime::from_millis(i64::try_from(now.0).unwrap_or(i64::MAX));
        self.max_future.map_or(EventTime::MAX, |ahead| now.plus(ahead))
    }

    fn hand_on_set_aside(&mut self, run: &mut Run) {
        if self.set_aside.is_empty() {
            return;
        }
        run.count_future(self.set_aside.len() as u64);
        match &mut self.future {
            Some(future) => future.batch(&mut self.set_aside, run),
            None => self.set_aside.clear(),
        }
    }
}

impl<T: 'static, F: Fn(&T) -> EventTime + 'static> Consumer<T> for Assign<T, F> {
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        self.begin(run);
        let believed = self.latest_believed(run.now);
        let lane = self.lanes.active(run.split, run.splits(), run.now);
        let mut in_order = 0;
        let (time_of, disorder) = (&self.time, &mut self.disorder);
        let mut stamp = |value, time| {
            match lane.observe(time) {
                0 => in_order += 1,
                behind => disorder.add(behind),
            }
            Stamped { time, value }
        };
        if believed == EventTime::MAX {
            // As many come out as go in, which the loop is the shorter for.
            self.stamped.extend(batch.drain(..).map(|value| {
                let time = time_of(&value);
                stamp(value, time)
            }));
        } else {
            for value in batch.drain(..) {
                match time_of(&value) {
                    time if time > believed => self.set_aside.push(value),
                    time => self.stamped.push(stamp(value, time)),
                }
            }
        }
        if let Some(max_drift) = self.max_drift.filter(|_| run.splits().is_some()) {
            run.align_current(max_drift, lane.latest);
        }
        self.disorder.add_many(0, in_order);
        if !self.stamped.is_empty() {
            self.next.batch(&mut self.stamped, run);
        }
        self.hand_on_set_aside(run);
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.next.flush(flush, run);
        if let Some(future) = &mut self.future {
            future.flush(flush, run);
        }
        self.begin(run);
        let now = run.now;
        let has_any_ended = self.lanes.follow(run.splits(), now);
        if has_any_ended && flush == Flush::Idle {
            // Nobody waits for it any more, and perhaps no record comes that would end the epoch.
            run.end_epoch_at(now);
        }
        if let Some(left) = self.lanes.find_idle(run.splits(), now) {
            // Rounded up: an epoch that ended before the split is idle would have to end again.
            run.end_epoch_at(now.plus(left + ALMOST_A_MILLISECOND));
        }
        if let Some(max_drift) = self.max_drift.filter(|_| run.splits().is_some()) {
            run.align(max_drift, self.lanes.awaited());
        }
        if flush == Flush::EpochEnd {
            match self.lanes.advance() {
                Some(Together { watermark, is_idle: false }) => self.next.watermark(watermark, run),
                Some(Together { watermark, is_idle: true }) => {
                    run.while_idle(|run| self.next.watermark(watermark, run));
                }
                None => {}
            }
            run.report_assigned(self.lanes.status(), &self.disorder);
            self.lanes.keep(run);
            run.keep_stage(DISORDER, std::iter::once((None, &self.disorder)));
        }
    }

    /// What the stream promised about its earlier event time says nothing about this one.
    fn watermark(&mut self, _watermark: EventTime, _run: &mut Run) {}

    fn end(&mut self, run: &mut Run) {
        if self.lanes.end() {
            self.next.watermark(EventTime::MAX, run);
        }
        run.report_assigned(self.lanes.status(), &self.disorder);
        self.next.end(run);
        if let Some(future) = &mut self.future {
            future.end(run);
        }
    }
}
