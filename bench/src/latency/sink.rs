//! An immediate sink that looks at how long what comes has been due.
//!
//! It reads the clock once a batch, when it is given it, and keeps no record.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use rheos::engine::{Delivery, Finish, Writer, WriterContext};
use rheos::prelude::*;

use super::histogram::Histogram;
use super::timetable::Timetable;

/// What the writers of all workers have seen.
pub(crate) type Seen = Arc<Mutex<Histogram>>;

/// Records how late its records are.
pub(crate) struct Lateness<T, F> {
    timetable: Timetable,
    /// When a record was due.
    due: F,
    seen: Seen,
    records: PhantomData<fn(T)>,
}

impl<T, F> Lateness<T, F>
where
    F: Fn(&Timetable, &T) -> Option<u64> + Clone + Send + Sync + 'static,
{
    pub(crate) fn of(timetable: &Timetable, seen: &Seen, due: F) -> Self {
        let (timetable, seen) = (timetable.clone(), Arc::clone(seen));
        Self { timetable, due, seen, records: PhantomData }
    }
}

impl<T, F> Sink for Lateness<T, F>
where
    T: Send + 'static,
    F: Fn(&Timetable, &T) -> Option<u64> + Clone + Send + Sync + 'static,
{
    type Record = T;

    fn delivery(&self) -> Delivery {
        Delivery::Immediate
    }

    fn open(&self, _context: WriterContext) -> Result<Box<dyn Writer<T>>, Error> {
        Ok(Box::new(LatenessWriter {
            timetable: self.timetable.clone(),
            due: self.due.clone(),
            seen: Arc::clone(&self.seen),
            own: Histogram::default(),
        }))
    }
}

struct LatenessWriter<F> {
    timetable: Timetable,
    due: F,
    seen: Seen,
    own: Histogram,
}

impl<T, F> Writer<T> for LatenessWriter<F>
where
    F: Fn(&Timetable, &T) -> Option<u64> + 'static,
{
    fn write(&mut self, batch: &mut Vec<T>) -> Result<(), Error> {
        let now = self.timetable.now();
        for record in batch.drain(..) {
            if let Some(due) = (self.due)(&self.timetable, &record) {
                self.own.record(now.saturating_sub(due));
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _how: Finish) -> Result<(), Error> {
        if let Ok(mut seen) = self.seen.lock() {
            seen.merge(&self.own);
        }
        Ok(())
    }
}
