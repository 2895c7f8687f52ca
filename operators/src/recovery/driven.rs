//! Operators of any shape, driven by hand in the same way.

use rheos_engine::harness::{Harness, TwoInputHarness};
use rheos_engine::{
    EventTime, Extent, Holdings, Keyed, Operator, ProcessingTime, Snapshot, TwoInput,
};

use crate::Timeline;
use crate::random::Random;

/// An epoch of input by hand.
#[derive(Clone, Debug)]
pub(crate) struct Step<T> {
    pub(crate) records: Vec<T>,
    /// The watermark after it.
    pub(crate) watermark: EventTime,
    /// The processing time at its end.
    pub(crate) now: ProcessingTime,
}

/// A record of one of two inputs.
#[derive(Clone, Debug)]
pub(crate) enum Either<L, R> {
    Left(L),
    Right(R),
}

/// Who gets a record.
pub(crate) enum To {
    Worker(usize),
    Everyone,
}

/// Each record to the worker that owns its key: for keyed streams with or without event time.
pub(crate) fn to_owner<K: 'static, V: 'static, M: Timeline>(
    record: &M::Record<Keyed<K, V>>,
    workers: usize,
) -> To {
    To::Worker(rheos_engine::owner(M::value(record).hash, workers))
}

/// A few random epochs of records with keys, without event time.
pub(crate) fn keyed_steps(seed: u64) -> Vec<Step<Keyed<u64, i64>>> {
    let epochs = Random::new(seed).epochs().into_iter().take(4).enumerate();
    let step = |(number, records): (usize, Vec<(u64, i64)>)| Step {
        records: records.into_iter().map(|(key, value)| Keyed::new(key, value)).collect(),
        watermark: EventTime::MIN,
        now: ProcessingTime(number as u64),
    };
    epochs.map(step).collect()
}

/// The same epochs with each record on a side.
pub(crate) fn sided<T, L, R>(
    steps: Vec<Step<T>>,
    mut side: impl FnMut(T) -> Either<L, R>,
) -> Vec<Step<Either<L, R>>> {
    let step = |step: Step<T>| Step {
        records: step.records.into_iter().map(&mut side).collect(),
        watermark: step.watermark,
        now: step.now,
    };
    steps.into_iter().map(step).collect()
}

/// An operator of any shape within its harness.
pub(crate) trait Driven {
    type In;
    type Out;
    fn take(&mut self, record: Self::In) -> Vec<Self::Out>;
    fn end_epoch(&mut self, watermark: EventTime, now: ProcessingTime) -> Vec<Self::Out>;
    fn end_input(&mut self) -> Vec<Self::Out>;
    fn passed(&self) -> EventTime;
    fn late(&self) -> u64;
    fn holdings(&self) -> Holdings;
    /// The whole state of the worker at once.
    fn snapshot(&mut self, worker: usize, into: &mut Snapshot);
    fn begin_capture(&mut self, worker: usize, extent: Extent);
    /// Captures about so many bytes more; says whether that is everything.
    fn capture(&mut self, bytes: usize, into: &mut Snapshot) -> bool;
    fn restore(&mut self, worker: usize, workers: usize, from: &Snapshot);
}

impl<O: Operator> Driven for Harness<O> {
    type In = O::In;
    type Out = O::Out;

    fn take(&mut self, record: O::In) -> Vec<O::Out> {
        self.batch(vec![record]).unwrap()
    }

    fn end_epoch(&mut self, watermark: EventTime, now: ProcessingTime) -> Vec<O::Out> {
        self.set_watermark(watermark);
        self.set_time(now);
        self.end_epoch().unwrap()
    }

    fn end_input(&mut self) -> Vec<O::Out> {
        self.end_input().unwrap()
    }

    fn passed(&self) -> EventTime {
        self.watermark()
    }

    fn late(&self) -> u64 {
        self.late()
    }

    fn holdings(&self) -> Holdings {
        self.holdings()
    }

    fn snapshot(&mut self, worker: usize, into: &mut Snapshot) {
        self.snapshot(worker, into).unwrap();
    }

    fn begin_capture(&mut self, worker: usize, extent: Extent) {
        self.begin_capture(worker, extent).unwrap();
    }

    fn capture(&mut self, bytes: usize, into: &mut Snapshot) -> bool {
        self.capture(bytes, into).unwrap()
    }

    fn restore(&mut self, worker: usize, workers: usize, from: &Snapshot) {
        self.restore(worker, workers, from).unwrap();
    }
}

impl<O: TwoInput> Driven for TwoInputHarness<O> {
    type In = Either<O::Left, O::Right>;
    type Out = O::Out;

    fn take(&mut self, record: Self::In) -> Vec<O::Out> {
        match record {
            Either::Left(record) => self.left(vec![record]).unwrap(),
            Either::Right(record) => self.right(vec![record]).unwrap(),
        }
    }

    fn end_epoch(&mut self, watermark: EventTime, now: ProcessingTime) -> Vec<O::Out> {
        self.set_watermark(watermark);
        self.set_time(now);
        self.end_epoch().unwrap()
    }

    fn end_input(&mut self) -> Vec<O::Out> {
        self.end_input().unwrap()
    }

    fn passed(&self) -> EventTime {
        self.watermark()
    }

    fn late(&self) -> u64 {
        self.late()
    }

    fn holdings(&self) -> Holdings {
        self.holdings()
    }

    fn snapshot(&mut self, worker: usize, into: &mut Snapshot) {
        self.snapshot(worker, into).unwrap();
    }

    fn begin_capture(&mut self, worker: usize, extent: Extent) {
        self.begin_capture(worker, extent).unwrap();
    }

    fn capture(&mut self, bytes: usize, into: &mut Snapshot) -> bool {
        self.capture(bytes, into).unwrap()
    }

    fn restore(&mut self, worker: usize, workers: usize, from: &Snapshot) {
        self.restore(worker, workers, from).unwrap();
    }
}
