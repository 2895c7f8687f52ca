//! A source of events that are generated while the job runs, if wanted at a rate.

use std::hint::black_box;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use rheos::engine::{
    Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Source, Split, SplitContext,
};
use rheos::prelude::Error;

use super::events::{Event, EventIn, Extent};
use super::form::Form;

/// Generates the events of a stream, a split a worker.
pub(crate) struct Generated<F> {
    extent: Extent,
    rate: Option<f64>,
    form: PhantomData<fn() -> F>,
}

impl<F> Generated<F> {
    /// A source of these events; with a rate, of so many a second over all workers.
    pub(crate) fn new(extent: Extent, rate: Option<f64>) -> Self {
        Self { extent, rate, form: PhantomData }
    }
}

impl<F: Form> Source for Generated<F> {
    type Record = EventIn<F>;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        let split = |worker: usize| Split {
            payload: (worker as u64).to_le_bytes().to_vec(),
            ..Split::named(format!("events {worker} of {}", self.extent.workers))
        };
        Ok((0..self.extent.workers).map(split).collect())
    }

    fn open(
        &self,
        split: &Split,
        _position: Option<&Position>,
        _context: ReaderContext,
    ) -> Result<Box<dyn Reader<EventIn<F>>>, Error> {
        let worker = split.payload.as_slice().try_into().map_or(0, u64::from_le_bytes);
        let share = self.extent.share(worker as usize).map(Event::of);
        let pace = |rate| Pace {
            opened: Instant::now(),
            next: worker,
            step: self.extent.workers as u64,
            rate,
        };
        Ok(Box::new(ShareReader { share, pace: self.rate.map(pace) }))
    }
}

/// Makes the events as a job's source does, a thread a worker, and drops them: what a job over
/// generated events takes at the least.
pub(crate) fn alone<F: Form>(extent: Extent) {
    std::thread::scope(|scope| {
        for worker in 0..extent.workers {
            let share = extent.share(worker).map(Event::of);
            scope.spawn(move || share.for_each(|event: EventIn<F>| drop(black_box(event))));
        }
    });
}

struct ShareReader<I> {
    share: I,
    pace: Option<Pace>,
}

impl<T: 'static, I: Iterator<Item = T> + 'static> Reader<T> for ShareReader<I> {
    fn read(&mut self, buffer: &mut ReadBuffer<T>) -> Result<ReadStatus, Error> {
        let due = self.pace.as_ref().map_or(usize::MAX, Pace::due);
        let room = buffer.room().min(due);
        let before = buffer.records_mut().len();
        buffer.records_mut().extend(self.share.by_ref().take(room));
        let made = buffer.records_mut().len() - before;
        if made < room {
            return Ok(ReadStatus::End);
        }
        let Some(pace) = &mut self.pace else { return Ok(ReadStatus::More) };
        Ok(pace.advance(made))
    }
}

/// Keeps a rate: event `n` is due `n / rate` seconds after the opening, whether or not the ones
/// before it have been taken.
struct Pace {
    opened: Instant,
    /// The number of the next event.
    next: u64,
    /// From the number of an event to that of the share's next.
    step: u64,
    rate: f64,
}

impl Pace {
    /// Events are let go together that are due within this time, so that a high rate does not
    /// wake the worker for each.
    const COALESCED: Duration = Duration::from_micros(200);

    /// How many events of the share are due and have not been taken.
    fn due(&self) -> usize {
        let due = (self.opened.elapsed().as_secs_f64() * self.rate) as u64 + 1;
        due.saturating_sub(self.next).div_ceil(self.step) as usize
    }

    /// Notes what was taken, and says when there is more.
    fn advance(&mut self, taken: usize) -> ReadStatus {
        self.next += taken as u64 * self.step;
        if self.due() > 0 {
            return ReadStatus::More;
        }
        let due = self.opened + Duration::from_secs_f64(self.next as f64 / self.rate);
        ReadStatus::PendingUntil(due.max(Instant::now() + Self::COALESCED))
    }
}

#[cfg(test)]
mod tests {
    use rheos::engine::{BadRecords, Waker};

    use super::*;
    use crate::nexmark::events::Events;
    use crate::nexmark::form::Lean;

    /// Reads a share to its end, parked while nothing is due.
    fn read(source: &Generated<Lean>, worker: usize) -> Vec<Event> {
        let splits = source.splits(&SplitContext { workers: 1 }).unwrap();
        let context = ReaderContext::for_test(Waker::current_thread());
        let mut reader = source.open(&splits[worker], None, context).unwrap();
        let mut events = Vec::new();
        loop {
            let mut buffer = ReadBuffer::new(100, BadRecords::Fail);
            let status = reader.read(&mut buffer).unwrap();
            events.append(buffer.records_mut());
            match status {
                ReadStatus::More => {}
                ReadStatus::PendingUntil(due) => {
                    std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
                }
                ReadStatus::Pending => std::thread::park_timeout(Duration::from_secs(10)),
                ReadStatus::End => return events,
            }
        }
    }

    #[test]
    fn the_events_are_those_in_memory() {
        let extent = Extent { events: 1_001, workers: 3 };
        let source = Generated::new(extent, None);
        let events = Events::<Lean>::generate(extent);
        for (worker, share) in events.shares().iter().enumerate() {
            assert_eq!(read(&source, worker), **share);
        }
    }

    #[test]
    fn a_rate_is_kept_from_the_first_event_on() {
        let extent = Extent { events: 101, workers: 1 };
        let began = Instant::now();
        assert_eq!(read(&Generated::new(extent, Some(1_000.0)), 0).len(), 101);
        assert!(began.elapsed() >= Duration::from_millis(100), "the last is due after 0.1 s");
    }
}
