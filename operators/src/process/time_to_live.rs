//! How long the pieces of a state are kept.

use std::marker::PhantomData;
use std::time::Duration;

use rheos_engine::{EventTime, ProcessingTime};

use super::pieces::Piece;
use crate::{HasEventTime, Timeline};

/// A piece is swept when it has been expired for this part of its time to live, so that many
/// entries that expire one after the other are dropped together.
const SWEPT_AFTER: u32 = 16;

/// What is done with every piece.
#[derive(Clone, Copy, Debug)]
enum Visit {
    Arm,
    Settle,
    Sweep,
}

/// The times at which a key's pieces want to be swept, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sweeps {
    pub(crate) event: i64,
    pub(crate) processing: i64,
}

impl Default for Sweeps {
    fn default() -> Self {
        Self { event: i64::MAX, processing: i64::MAX }
    }
}

/// What a callback sees as the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// The event time of the record or timer.
    pub(crate) time: EventTime,
    /// The watermark that lateness is judged by.
    pub(crate) watermark: EventTime,
    pub(crate) processing: ProcessingTime,
}

/// Takes down how long pieces of a state are kept:
/// [`ProcessFunction::time_to_live`](crate::ProcessFunction::time_to_live).
///
/// A piece that is named in neither time is kept until the program removes it.
pub struct TimeToLive<M> {
    visit: Visit,
    now: Now,
    sweeps: Sweeps,
    timeline: PhantomData<M>,
}

impl<M: Timeline> TimeToLive<M> {
    /// What is written into the piece by a callback with event time `t` is read until `t + ttl`,
    /// and gone from then on: for callbacks with a later event time, and once the watermark has
    /// come that far. Its memory is given back when the watermark has passed `t + ttl` by a
    /// sixteenth of `ttl`, or before.
    pub fn in_event_time(&mut self, piece: &mut impl Piece, ttl: Duration)
    where
        M: HasEventTime,
    {
        let now = self.now.time.max(self.now.watermark).as_millis();
        let until = self.now.time.plus(ttl).as_millis();
        let swept = self.visit(piece, now, until, ttl);
        self.sweeps.event = self.sweeps.event.min(swept);
    }

    /// What is written into the piece is read for so long in processing time. Its memory is given
    /// back a sixteenth of `ttl` later, or before.
    pub fn in_processing_time(&mut self, piece: &mut impl Piece, ttl: Duration) {
        let (now, until) = (millis(self.now.processing), millis(self.now.processing.plus(ttl)));
        let swept = self.visit(piece, now, until, ttl);
        self.sweeps.processing = self.sweeps.processing.min(swept);
    }

    /// Does what is to be done with a piece; gives when it wants to be swept.
    fn visit(&self, piece: &mut impl Piece, now: i64, until: i64, ttl: Duration) -> i64 {
        match self.visit {
            Visit::Arm => piece.arm(now, until),
            Visit::Settle => piece.settle(until),
            Visit::Sweep => piece.sweep(now),
        }
        EventTime::from_millis(piece.earliest()).plus(ttl / SWEPT_AFTER).as_millis()
    }

    fn of(visit: Visit, now: Now, state: impl FnOnce(&mut Self)) -> Sweeps {
        let mut pieces = Self { visit, now, sweeps: Sweeps::default(), timeline: PhantomData };
        state(&mut pieces);
        pieces.sweeps
    }

    /// Tells the pieces of a state the time, before a callback.
    pub(crate) fn arm(now: Now, state: impl FnOnce(&mut Self)) {
        Self::of(Visit::Arm, now, state);
    }

    /// Looks at the pieces of a state after a callback; says when they want to be swept.
    pub(crate) fn settle(now: Now, state: impl FnOnce(&mut Self)) -> Sweeps {
        Self::of(Visit::Settle, now, state)
    }

    /// Drops what has expired; says when the rest wants to be swept.
    pub(crate) fn sweep(
        watermark: EventTime,
        processing: ProcessingTime,
        state: impl FnOnce(&mut Self),
    ) -> Sweeps {
        Self::of(Visit::Sweep, Now { time: watermark, watermark, processing }, state)
    }
}

/// Processing time as pieces keep it.
pub(crate) fn millis(time: ProcessingTime) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}
