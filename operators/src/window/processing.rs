//! Processing time as event time: stamps records with the moment at which they are seen.

use rheos_engine::{Consumer, EventTime, Flush, Next, ProcessingTime, Run, Stamped};

/// What is kept of the promise.
const PROMISED: &str = "promised";

/// Stamps the records of a worker; its watermark is the time.
pub(crate) struct StampNow<T> {
    /// No later record is stamped with an earlier time.
    promised: EventTime,
    /// Whether it has looked for what was kept of it.
    has_begun: bool,
    /// What is on its way; empty between batches.
    stamped: Vec<Stamped<T>>,
    next: Next<Stamped<T>>,
}

impl<T> StampNow<T> {
    pub(crate) fn new(next: Next<Stamped<T>>) -> Self {
        Self { promised: EventTime::MIN, has_begun: false, stamped: Vec::new(), next }
    }

    /// Before anything else: does not go back behind what any worker had promised, though the job
    /// may go on with a clock that is behind.
    fn begin(&mut self, run: &mut Run) {
        if std::mem::replace(&mut self.has_begun, true) || !run.is_restored() {
            return;
        }
        let promised = run.restored_stage::<EventTime>(PROMISED);
        let latest = promised.into_iter().map(|(_, promised)| promised).max();
        self.promised = latest.unwrap_or(EventTime::MIN);
    }
}

/// The machine's clock may be set back; the stamps never go back.
fn event_time(now: ProcessingTime, promised: EventTime) -> EventTime {
    EventTime::from_millis(i64::try_from(now.0).unwrap_or(i64::MAX)).max(promised)
}

impl<T: 'static> Consumer<T> for StampNow<T> {
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        if batch.is_empty() {
            return;
        }
        self.begin(run);
        let time = event_time(run.now, self.promised);
        self.stamped.extend(batch.drain(..).map(|value| Stamped { time, value }));
        self.next.batch(&mut self.stamped, run);
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.next.flush(flush, run);
        self.begin(run);
        if flush != Flush::EpochEnd {
            return;
        }
        let now = event_time(run.now, self.promised);
        if now > self.promised {
            self.promised = now;
            self.next.watermark(now, run);
        }
        run.keep_stage(PROMISED, std::iter::once((None, self.promised)));
    }

    fn watermark(&mut self, _watermark: EventTime, _run: &mut Run) {}

    fn end(&mut self, run: &mut Run) {
        self.next.watermark(EventTime::MAX, run);
        self.next.end(run);
    }
}

#[cfg(test)]
mod tests {
    use rheos_engine::StageState;
    use rheos_engine::harness::{Collected, restore_stages, run, take_stages, want_stages};

    use super::*;

    #[test]
    fn stamps_and_watermarks_do_not_go_back_with_the_clock() {
        let (next, out) = Collected::consumer();
        let (mut stamp, mut run) = (StampNow::new(next), run());
        let mut stamped = |now, record| {
            run.now = ProcessingTime(now);
            stamp.batch(&mut vec![record], &mut run);
            stamp.flush(Flush::EpochEnd, &mut run);
            let times = out.take().iter().map(|stamped| stamped.time.as_millis()).collect();
            (times, out.watermark().as_millis())
        };
        assert_eq!(stamped(1_000, 'a'), (vec![1_000], 1_000));
        assert_eq!(stamped(990, 'b'), (vec![1_000], 1_000), "the clock was set back");
        assert_eq!(stamped(1_001, 'c'), (vec![1_001], 1_001));
    }

    #[test]
    fn stamps_do_not_go_back_when_the_job_goes_on_with_a_clock_that_is_behind() {
        let mut kept = StageState::default();
        for now in [1_000, 2_000] {
            let ((next, _), mut run) = (Collected::<Stamped<char>>::consumer(), run());
            want_stages(&mut run);
            run.now = ProcessingTime(now);
            StampNow::new(next).flush(Flush::EpochEnd, &mut run);
            kept.extend(take_stages(&mut run));
        }
        let ((next, out), mut run) = (Collected::consumer(), run());
        restore_stages(&mut run, kept);
        run.now = ProcessingTime(500);
        let mut stamp = StampNow::new(next);
        stamp.batch(&mut vec!['a'], &mut run);
        assert_eq!(out.take()[0].time.as_millis(), 2_000, "the worker that was furthest counts");
    }
}
