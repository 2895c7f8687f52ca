//! `select`: at most one record for each record, made without taking it.

use rheos_engine::{Consumer, EventTime, Flush, Next, Run, WorkerContext};

use crate::timeline::NextOf;
use crate::{Stream, Timeline};

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// Makes a record of each that it looks at, or none: [`filter_map`](Stream::filter_map) for
    /// records that need not be taken apart.
    ///
    /// Right behind a source that lends its records (`ReadBuffer::lend`) nothing is copied but what
    /// is selected. So is what a second reader of a stream gets that begins with this step.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// #[derive(Clone)]
    /// enum Event { Login(u64), Page(String) }
    ///
    /// let events = [Event::Login(7), Event::Page("home".into()), Event::Login(8)];
    /// let logins = results(events, |events| {
    ///     events.select(|event| match event {
    ///         Event::Login(user) => Some(*user),
    ///         Event::Page(_) => None,
    ///     })
    /// });
    /// assert_eq!(logins, [7, 8]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn select<U: 'static>(
        self,
        select: impl Fn(&T) -> Option<U> + Clone + Send + Sync + 'static,
    ) -> Stream<U, M> {
        let make = move |context: &WorkerContext, next| -> NextOf<M, T> {
            let piece = PIECE_BYTES / size_of::<M::Record<U>>().max(1);
            let piece = piece.clamp(1, context.limits().records_per_batch::<M::Record<U>>());
            let select = selecting::<T, U, M>(select.clone());
            Box::new(Select { select, made: Vec::with_capacity(piece), piece, next })
        };
        Stream::new(self.port().graph().stage(self.port(), "select", make))
    }
}

/// What is made of a record, with what travels beside it.
fn selecting<T: 'static, U: 'static, M: Timeline>(
    select: impl Fn(&T) -> Option<U>,
) -> impl Fn(&M::Record<T>) -> Option<M::Record<U>> {
    move |record| Some(M::join(M::stamp_of(record), select(M::value(record))?))
}

/// Bytes of records that are made before the next step has them: so many that they stay in a
/// first-level cache beside what that step makes of them. (NEXMark's q0 took 4.3 ns an event with
/// batches of 32 KiB and takes 3.2.)
const PIECE_BYTES: usize = 8 << 10;

/// Makes records of others that it only looks at.
struct Select<F, U> {
    select: F,
    /// What is on its way to the next step; empty between batches.
    made: Vec<U>,
    /// Records that are made before they are handed on.
    piece: usize,
    next: Next<U>,
}

impl<F, U: 'static> Select<F, U> {
    fn look<T>(&mut self, records: &[T], run: &mut Run)
    where
        F: Fn(&T) -> Option<U>,
    {
        for record in records {
            if let Some(made) = (self.select)(record) {
                self.made.push(made);
                if self.made.len() >= self.piece {
                    self.next.batch(&mut self.made, run);
                }
            }
        }
        if !self.made.is_empty() {
            self.next.batch(&mut self.made, run);
        }
    }
}

impl<T: 'static, U: 'static, F> Consumer<T> for Select<F, U>
where
    F: Fn(&T) -> Option<U> + 'static,
{
    fn batch(&mut self, batch: &mut Vec<T>, run: &mut Run) {
        self.look(batch, run);
        batch.clear();
    }

    fn lent(&mut self, records: &[T], run: &mut Run) -> bool {
        self.look(records, run);
        true
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.next.flush(flush, run);
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.next.watermark(watermark, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.next.end(run);
    }
}

#[cfg(test)]
mod tests {
    use rheos_engine::{Stamped, harness};

    use super::*;
    use crate::{Timed, Untimed};

    #[test]
    fn what_is_selected_keeps_its_order_and_its_time() {
        let step = |piece| {
            move |_: &WorkerContext, next| -> Next<Stamped<String>> {
                let select = selecting::<String, u8, Timed>(|text| text.parse().ok());
                Box::new(Select { select, made: Vec::new(), piece, next })
            }
        };
        let record = |(millis, text): (i64, &str)| {
            let time = EventTime::from_millis(millis);
            Stamped { time, value: text.to_owned() }
        };
        let records = [(3, "1"), (1, "two"), (2, "3"), (2, "x"), (2, "4")].map(record);
        for piece in 1..7 {
            let selected = harness::through(step(piece), [records.to_vec(), vec![]]).unwrap();
            let selected: Vec<_> = selected.iter().map(|s| (s.time.as_millis(), s.value)).collect();
            assert_eq!(selected, [(3, 1), (2, 3), (2, 4)], "pieces of {piece}");
        }
        let untimed = selecting::<String, u8, Untimed>(|text| text.parse().ok());
        assert_eq!(untimed(&"5".to_owned()), Some(5));
    }
}
