//! The operator behind windows that each key has by itself: sessions, windows of the program's
//! own, the global window, and all windows that answer early, record by record, or forget.

use std::time::Duration;

use rheos_engine::{
    EpochEnd, Error, EventTime, ExchangeData, Holdings, Key, Keyed, KeyedState, Operator, Output,
    ProcessingTime, Stamped, StateParts, Timers, Turn,
};

use super::aligned::placed;
use super::clock::Domain;
use super::open::{KeyWindows, Open};
use super::pane::{Pane, PaneTiming, Window};
use super::windowed::Prepare;
use super::windows::{Placement, TriggerContext, Windows};
use crate::Aggregate;
use crate::with_late::{Emitted, LateRecords};

/// Windows that each key has by itself, for the keys of a worker.
pub(crate) struct PerKeyWindows<K, V, A: Aggregate, P, L> {
    aggregate: A,
    prepare: P,
    windows: Windows,
    late: LateRecords<(K, V), L>,
    domain: Domain,
    keys: KeyedState<K, KeyWindows<A::Acc>>,
    /// When windows answer or are over.
    timers: Timers,
    /// When windows want to answer early, in processing time.
    early: Timers,
    /// Keys that had records in this epoch, and how many of them have been looked at.
    touched: Vec<usize>,
    looked_at: usize,
    /// The watermark at the start of the epoch.
    watermark: i64,
    open_windows: usize,
    /// The windows of the record in hand, and their places; empty between records.
    bounds: Vec<(i64, i64)>,
    places: Vec<usize>,
}

/// What leaves the operator.
type Out<K, L, A> = Stamped<Emitted<Pane<K, <A as Aggregate>::Out>, L>>;

impl<K, V, A, P, L> PerKeyWindows<K, V, A, P, L>
where
    K: Key,
    V: 'static,
    A: Aggregate,
    P: Prepare<V, A>,
    L: 'static,
{
    pub(crate) fn new(
        aggregate: A,
        prepare: P,
        windows: Windows,
        late: LateRecords<(K, V), L>,
        domain: Domain,
    ) -> Self {
        Self {
            aggregate,
            prepare,
            windows,
            late,
            domain,
            keys: KeyedState::default(),
            timers: Timers::default(),
            early: Timers::default(),
            touched: Vec::new(),
            looked_at: 0,
            watermark: i64::MIN,
            open_windows: 0,
            bounds: Vec::new(),
            places: Vec::new(),
        }
    }

    /// The watermark at which a window that ends at `end` answers: a session includes its end.
    fn answers_at(&self, end: i64) -> i64 {
        match self.windows.placement {
            Placement::Session(_) => end.saturating_add(1),
            _ => end,
        }
    }

    /// The watermark at which a window that ends at `end` is over.
    fn over_at(&self, end: i64) -> i64 {
        self.answers_at(end).saturating_add(self.windows.lateness)
    }

    /// Adds the windows that hold a moment; a session is the one that a single record makes.
    fn windows_of(&self, time: EventTime, bounds: &mut Vec<(i64, i64)>) {
        let millis = time.as_millis();
        match &self.windows.placement {
            Placement::Aligned(aligned) => bounds.extend(aligned.windows_of(placed(time))),
            Placement::Session(gap) => bounds.push((millis, millis.saturating_add(*gap))),
            Placement::Global | Placement::Count(_) => bounds.push((i64::MIN, i64::MAX)),
            Placement::Custom(assign) => {
                let windows = assign(time).into_iter();
                bounds.extend(windows.map(|w| (w.start.as_millis(), w.end.as_millis())));
            }
        }
    }

    /// Brings a record into the windows of its key; gives it back if all of them are over.
    fn take(
        &mut self,
        at: usize,
        time: EventTime,
        value: V,
        now: ProcessingTime,
        out: &mut Output<'_, Out<K, L, A>>,
    ) -> Option<V> {
        let mut bounds = std::mem::take(&mut self.bounds);
        let mut places = std::mem::take(&mut self.places);
        self.windows_of(time, &mut bounds);
        let belongs = !bounds.is_empty();
        places.extend(bounds.drain(..).filter_map(|bounds| self.accepting(at, bounds)));
        let late = match places.as_slice() {
            [] => Some(value).filter(|_| belongs),
            [place] => {
                let record = (self.prepare)(time, value);
                let acc = &mut self.keys.entry_mut(at).state.open[*place].acc;
                self.aggregate.add(acc, record);
                None
            }
            places => {
                let mut one = self.aggregate.create();
                self.aggregate.add(&mut one, (self.prepare)(time, value));
                for place in places {
                    let acc = &mut self.keys.entry_mut(at).state.open[*place].acc;
                    self.aggregate.merge(acc, one.clone());
                }
                None
            }
        };
        for place in places.drain(..) {
            let open = &mut self.keys.entry_mut(at).state.open[place];
            open.records += 1;
            open.new_records += 1;
            if open.new_records == 1 {
                open.since = now;
            }
            let open = &self.keys.entry(at).state.open[place];
            if let Some(timing) = self.answers_now(open, now) {
                self.speak(at, place, timing, out);
            }
        }
        (self.bounds, self.places) = (bounds, places);
        late
    }

    /// Sees to it that a key is looked at when the epoch ends, where that is of any use.
    fn touch(&mut self, at: usize) {
        let windows = &mut self.keys.entry_mut(at).state;
        let asks = self.windows.firing.trigger.is_some();
        let is_late = windows.open.iter().any(|open| open.is_past && open.new_records > 0);
        if (asks || is_late) && !std::mem::replace(&mut windows.is_touched, true) {
            self.touched.push(at);
        }
    }

    /// The place of a key's window that takes a record; `None` if that window is over.
    fn accepting(&mut self, at: usize, bounds: (i64, i64)) -> Option<usize> {
        let is_over = self.over_at(bounds.1) <= self.watermark;
        let is_past = self.answers_at(bounds.1) <= self.watermark;
        if matches!(self.windows.placement, Placement::Session(_)) {
            let (aggregate, keys) = (&self.aggregate, &mut self.keys);
            let merge = |acc: &mut A::Acc, other| aggregate.merge(acc, other);
            let windows = &mut keys.entry_mut(at).state;
            if let Some((place, swallowed)) = windows.join_sessions(bounds, merge) {
                self.open_windows -= swallowed;
                let end = windows.open[place].end;
                let is_past = self.answers_at(end) <= self.watermark;
                self.keys.entry_mut(at).state.open[place].is_past = is_past;
                return Some(place);
            }
        }
        if is_over {
            return None;
        }
        let (aggregate, windows) = (&self.aggregate, &mut self.keys.entry_mut(at).state);
        let before = windows.open.len();
        let (start, end) = bounds;
        let fresh = || Open::new(start, end, aggregate.create(), is_past);
        let place = windows.find_or_open(bounds, fresh);
        self.open_windows += windows.open.len() - before;
        Some(place)
    }

    /// What a trigger is told of a window.
    fn context(&self, open: &Open<A::Acc>, now: ProcessingTime) -> TriggerContext {
        TriggerContext {
            window: window(open),
            records: open.records,
            new_records: open.new_records,
            watermark: EventTime::from_millis(self.watermark),
            now,
            since: open.since,
        }
    }

    /// Whether a window that has just had a record answers at once.
    fn answers_now(&self, open: &Open<A::Acc>, now: ProcessingTime) -> Option<PaneTiming> {
        let firing = &self.windows.firing;
        if open.is_past {
            return firing.late_each.then_some(PaneTiming::Late);
        }
        let has_enough = firing.early_records.is_some_and(|enough| open.new_records >= enough);
        let trigger = firing.trigger.as_ref();
        let answers = has_enough || trigger.is_some_and(|t| t(&self.context(open, now)));
        answers.then_some(PaneTiming::Early)
    }

    /// Lets a window of the key at `at` answer.
    fn speak(
        &mut self,
        at: usize,
        place: usize,
        timing: PaneTiming,
        out: &mut Output<'_, Out<K, L, A>>,
    ) {
        let entry = self.keys.entry_mut(at);
        let open = &mut entry.state.open[place];
        let pane = Pane {
            key: entry.key.clone(),
            window: window(open),
            timing,
            value: self.aggregate.finish(&open.acc),
        };
        open.new_records = 0;
        if self.windows.firing.discards {
            open.acc = self.aggregate.create();
        }
        let end = open.end;
        let time = EventTime::from_millis(self.answers_at(end).saturating_sub(1));
        out.push(Stamped { time, value: Emitted::Result(pane) });
    }

    /// Sets the timers that the windows of a key need and do not have.
    fn set_timers(&mut self, at: usize) {
        let open = &self.keys.entry(at).state.open;
        let next = open.iter().map(|open| match open.is_past {
            true => self.over_at(open.end),
            false => self.answers_at(open.end),
        });
        let next = next.min();
        let interval = self.windows.firing.early_interval;
        let early = interval.and_then(|interval| {
            let waiting = open.iter().filter(|open| !open.is_past && open.new_records > 0);
            waiting.map(|open| early_at(open.since, interval)).min()
        });
        let windows = &mut self.keys.entry_mut(at).state;
        if let Some(time) = next.filter(|time| is_before(*time, windows.timer)) {
            windows.timer = Some(time);
            self.timers.set(time, at);
        }
        if let Some(time) = early.filter(|time| is_before(*time, windows.early_timer)) {
            windows.early_timer = Some(time);
            self.early.set(time, at);
        }
    }

    /// Looks at a key that had records in this epoch: late answers, and what the trigger says.
    fn look_at(&mut self, at: usize, now: ProcessingTime, out: &mut Output<'_, Out<K, L, A>>) {
        self.keys.entry_mut(at).state.is_touched = false;
        for place in 0..self.keys.entry(at).state.open.len() {
            let open = &self.keys.entry(at).state.open[place];
            if open.new_records == 0 {
                continue;
            }
            let trigger = self.windows.firing.trigger.as_ref();
            if open.is_past {
                self.speak(at, place, PaneTiming::Late, out);
            } else if trigger.is_some_and(|trigger| trigger(&self.context(open, now))) {
                self.speak(at, place, PaneTiming::Early, out);
            }
        }
    }

    /// Lets the windows of a key answer early whose interval has passed.
    fn answer_early(&mut self, at: usize, now: i64, out: &mut Output<'_, Out<K, L, A>>) {
        let Some(interval) = self.windows.firing.early_interval else { return };
        if self.keys.at(at).is_none_or(|entry| is_before(now, entry.state.early_timer)) {
            return;
        }
        self.keys.entry_mut(at).state.early_timer = None;
        for place in 0..self.keys.entry(at).state.open.len() {
            let open = &self.keys.entry(at).state.open[place];
            let is_due = open.new_records > 0 && early_at(open.since, interval) <= now;
            if is_due && !open.is_past {
                self.speak(at, place, PaneTiming::Early, out);
            }
        }
        self.set_timers(at);
    }

    /// Lets the windows of a key answer whose time has come, and forgets those that are over.
    fn answer_on_time(&mut self, at: usize, watermark: i64, out: &mut Output<'_, Out<K, L, A>>) {
        if self.keys.at(at).is_none_or(|entry| is_before(watermark, entry.state.timer)) {
            return;
        }
        self.keys.entry_mut(at).state.timer = None;
        self.keys.entry_mut(at).state.open.sort_by_key(|open| (open.end, open.start));
        for place in 0..self.keys.entry(at).state.open.len() {
            let open = &self.keys.entry(at).state.open[place];
            let (end, new_records) = (open.end, open.new_records);
            if open.is_past || self.answers_at(end) > watermark {
                continue;
            }
            if new_records > 0 || !self.windows.firing.discards {
                self.speak(at, place, PaneTiming::OnTime, out);
            }
            self.keys.entry_mut(at).state.open[place].is_past = true;
        }
        let mut open = std::mem::take(&mut self.keys.entry_mut(at).state.open);
        let before = open.len();
        open.retain(|open| self.over_at(open.end) > watermark);
        self.open_windows -= before - open.len();
        if open.is_empty() {
            self.keys.remove_at(at);
        } else {
            self.keys.entry_mut(at).state.open = open;
            self.set_timers(at);
        }
    }
}

/// Whether a moment is before the one for which a timer is set, if any is.
fn is_before(time: i64, timer: Option<i64>) -> bool {
    timer.is_none_or(|timer| time < timer)
}

fn window<A>(open: &Open<A>) -> Window {
    let at = EventTime::from_millis;
    Window { start: at(open.start), end: at(open.end) }
}

/// When a window answers early whose first new record came at `since`.
fn early_at(since: ProcessingTime, interval: Duration) -> i64 {
    i64::try_from(since.plus(interval).0).unwrap_or(i64::MAX)
}

impl<K, V, A, P, L> Operator for PerKeyWindows<K, V, A, P, L>
where
    K: Key,
    V: ExchangeData,
    A: Aggregate,
    P: Prepare<V, A>,
    L: Send + 'static,
{
    type In = Stamped<Keyed<K, V>>;
    type Out = Out<K, L, A>;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        let now = out.now();
        for Stamped { time, value: Keyed { hash, key, value } } in batch.drain(..) {
            let at = self.keys.find_or_insert(hash, key, KeyWindows::new);
            if let Some(late) = self.take(at, time, value, now, out) {
                let key = &self.keys.entry(at).key;
                self.late.take(time, || (key.clone(), late), out);
            }
            if self.keys.entry(at).state.open.is_empty() {
                self.keys.remove_at(at);
            } else {
                self.touch(at);
                self.set_timers(at);
            }
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        end: EpochEnd,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<Turn, Error> {
        while let Some(&at) = self.touched.get(self.looked_at) {
            if out.is_full() {
                return Ok(Turn::More);
            }
            self.looked_at += 1;
            self.look_at(at, end.processing_time, out);
        }
        self.touched.clear();
        self.looked_at = 0;
        let now = i64::try_from(end.processing_time.0).unwrap_or(i64::MAX);
        while let Some((_, at)) = self.early.pop(now) {
            self.answer_early(at, now, out);
            if out.is_full() {
                return Ok(Turn::More);
            }
        }
        let watermark = end.watermark.as_millis();
        while let Some((_, at)) = self.timers.pop(watermark) {
            self.answer_on_time(at, watermark, out);
            if out.is_full() {
                return Ok(Turn::More);
            }
        }
        self.watermark = watermark;
        Ok(Turn::Done)
    }

    fn deadline(&self) -> Option<ProcessingTime> {
        let early = self.early.next().and_then(|time| Domain::ProcessingTime.deadline(time));
        let on_time = self.timers.next().and_then(|time| self.domain.deadline(time));
        [early, on_time].into_iter().flatten().min()
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("windows", &mut self.keys)?;
        parts.broadcast("watermark", &mut self.watermark)
    }

    fn restored(&mut self) {
        for at in 0..self.keys.positions() {
            if let Some(entry) = self.keys.at(at) {
                self.open_windows += entry.state.open.len();
                self.set_timers(at);
            }
        }
    }

    fn holdings(&self) -> Holdings {
        Holdings {
            keys: self.keys.len(),
            windows: self.open_windows,
            timers: self.timers.len() + self.early.len(),
            records: self.open_windows,
            bytes: self.keys.bytes() + self.open_windows * size_of::<Open<A::Acc>>(),
        }
    }
}
