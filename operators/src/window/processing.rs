//! Processing time as event time: stamps records with the moment at which they are seen.

use rheos_engine::{Consumer, EventTime, Flush, Next, ProcessingTime, Run, Stamped};

/// Stamps the records of a worker; its watermark is the time.
pub(crate) struct StampNow<T> {
    /// No later record is stamped with an earlier time.
    promised: EventTime,
    /// What is on its way; empty between batches.
    stamped: Vec<Stamped<T>>,
    next: Next<Stamped<T>>,
}

impl<T> StampNow<T> {
    pub(crate) fn new(next: Next<Stamped<T>>) -> Self {
        Self { promised: EventTime::MIN, stamped: Vec::new(), next }
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
        let time = event_time(run.now, self.promised);
        self.stamped.extend(batch.drain(..).map(|value| Stamped { time, value }));
        self.next.batch(&mut self.stamped, run);
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.next.flush(flush, run);
        let now = event_time(run.now, self.promised);
        if flush == Flush::EpochEnd && now > self.promised {
            self.promised = now;
            self.next.watermark(now, run);
        }
    }

    fn watermark(&mut self, _watermark: EventTime, _run: &mut Run) {}

    fn end(&mut self, run: &mut Run) {
        self.next.watermark(EventTime::MAX, run);
        self.next.end(run);
    }
}

#[cfg(test)]
mod tests {
    use rheos_engine::harness::{Collected, run};

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
}
