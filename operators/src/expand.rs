//! `flat_map`, `flatten` and `expand`: any number of records for each record.
//!
//! What they make goes on in batches of the usual size while it is made, so that a record that
//! becomes a million never stands in memory as a million.

use rheos_engine::{Consumer, EventTime, Flush, Limits, Next, Output, Run, Stamped, WorkerContext};

use crate::{Stream, Timed, Timeline};

impl<T: 'static, M: Timeline> Stream<T, M> {
    /// Makes any number of records of each.
    ///
    /// # Semantics
    /// * **Order**: kept; the records made of one stand where it stood.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let words = results(["to be or", "not to be"], |lines| {
    ///     lines.flat_map(|line| line.split(' ').map(String::from))
    /// });
    /// assert_eq!(words, ["to", "be", "or", "not", "to", "be"]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn flat_map<I>(
        self,
        map: impl Fn(T) -> I + Clone + Send + Sync + 'static,
    ) -> Stream<I::Item, M>
    where
        I: IntoIterator,
        I::Item: 'static,
    {
        self.expanding("flat map", move |record, out| {
            let (stamp, value) = M::split(record);
            out.extend(map(value).into_iter().map(|made| M::join(stamp, made)));
        })
    }

    fn expanding<U: 'static>(
        self,
        kind: &'static str,
        expand: impl Fn(M::Record<T>, &mut Output<'_, M::Record<U>>) + Clone + Send + Sync + 'static,
    ) -> Stream<U, M> {
        self.batchwise(kind, move |context| expanding(context.limits(), expand.clone()))
    }

    /// As [`flat_map`](Stream::flat_map), for results that are easier pushed one by one than given
    /// back as a collection: above all for parts of the record, which is borrowed meanwhile.
    ///
    /// # Semantics
    /// * **Order**: kept; the records made of one stand where it stood.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let words: Vec<String> = results(["To be", "or not"].map(String::from), |lines| {
    ///     lines.expand(|line: String, out| out.extend(line.split(' ').map(str::to_lowercase)))
    /// });
    /// assert_eq!(words, ["to", "be", "or", "not"]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn expand<U: 'static>(
        self,
        expand: impl Fn(T, &mut Output<'_, U>) + Clone + Send + Sync + 'static,
    ) -> Stream<U, M> {
        M::expand(self, expand)
    }
}

/// What [`Stream::expand`] does where there is no event time.
pub(crate) fn expand_untimed<T: 'static, U: 'static>(
    stream: Stream<T>,
    expand: impl Fn(T, &mut Output<'_, U>) + Clone + Send + Sync + 'static,
) -> Stream<U> {
    stream.expanding("expand", expand)
}

/// What it does where there is: each record that is pushed has the event time of the record it
/// was made of.
pub(crate) fn expand_timed<T: 'static, U: 'static>(
    stream: Stream<T, Timed>,
    expand: impl Fn(T, &mut Output<'_, U>) + Clone + Send + Sync + 'static,
) -> Stream<U, Timed> {
    let make = move |context: &WorkerContext, next| -> Next<Stamped<T>> {
        let target = context.limits().records_per_batch::<U>();
        let stamp = Stamp { time: EventTime::MIN, next, stamped: Vec::new() };
        Box::new(TimedExpand { expand: expand.clone(), target, buffer: Vec::new(), stamp })
    };
    Stream::new(stream.port().graph().stage(stream.port(), "expand", make))
}

impl<I, M: Timeline> Stream<I, M>
where
    I: IntoIterator + 'static,
    I::Item: 'static,
{
    /// Makes a record of every item of each record.
    ///
    /// # Semantics
    /// * **Order**: kept.
    /// * **State**: none.
    /// * **End of the input**: passed on.
    /// * **Workers**: the result does not depend on them.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let flat = results([vec![1u64, 2], vec![], vec![3]], |lists| lists.flatten());
    /// assert_eq!(flat, [1, 2, 3]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn flatten(self) -> Stream<I::Item, M> {
        self.expanding("flatten", |record, out| {
            let (stamp, value) = M::split(record);
            out.extend(value.into_iter().map(|made| M::join(stamp, made)));
        })
    }
}

/// Gives everything that is made of a record that record's event time.
struct Stamp<U> {
    time: EventTime,
    next: Next<Stamped<U>>,
    /// What is on its way to the next step; empty between batches.
    stamped: Vec<Stamped<U>>,
}

impl<U: 'static> Consumer<U> for Stamp<U> {
    fn batch(&mut self, batch: &mut Vec<U>, run: &mut Run) {
        let time = self.time;
        self.stamped.extend(batch.drain(..).map(|value| Stamped { time, value }));
        self.next.batch(&mut self.stamped, run);
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

/// Expands the records of a timed stream.
struct TimedExpand<F, U> {
    expand: F,
    /// Records in a batch.
    target: usize,
    buffer: Vec<U>,
    stamp: Stamp<U>,
}

impl<T, U, F> Consumer<Stamped<T>> for TimedExpand<F, U>
where
    T: 'static,
    U: 'static,
    F: Fn(T, &mut Output<'_, U>) + 'static,
{
    fn batch(&mut self, batch: &mut Vec<Stamped<T>>, run: &mut Run) {
        for Stamped { time, value } in batch.drain(..) {
            self.stamp.time = time;
            let mut out = Output::new(&mut self.buffer, self.target, &mut self.stamp, run);
            (self.expand)(value, &mut out);
            out.hand_on();
        }
    }

    fn flush(&mut self, flush: Flush, run: &mut Run) {
        self.stamp.flush(flush, run);
    }

    fn watermark(&mut self, watermark: EventTime, run: &mut Run) {
        self.stamp.watermark(watermark, run);
    }

    fn end(&mut self, run: &mut Run) {
        self.stamp.end(run);
    }
}

fn expanding<T, U, F>(
    limits: &Limits,
    expand: F,
) -> impl FnMut(&mut Vec<T>, &mut Next<U>, &mut Run) + use<T, U, F>
where
    U: 'static,
    F: Fn(T, &mut Output<'_, U>),
{
    let target = limits.records_per_batch::<U>();
    // What is on its way to the next step; empty between batches.
    let mut buffer = Vec::new();
    move |batch, next, run| {
        let mut out = Output::new(&mut buffer, target, &mut **next, run);
        batch.drain(..).for_each(|record| expand(record, &mut out));
        out.hand_on();
    }
}

#[cfg(test)]
mod tests {
    use rheos_engine::harness;

    use super::*;
    use crate::batchwise::{BatchLengths, through};

    #[test]
    fn what_is_made_of_a_record_stands_where_it_stood() {
        let step = expanding(&Limits::default(), |n: u64, out: &mut Output<'_, u64>| {
            out.extend(0..n);
        });
        let input = [vec![2, 0], vec![0], vec![], vec![3, 1]];
        assert_eq!(through(step, input).unwrap(), [0, 1, 0, 1, 2, 0]);
    }

    #[test]
    fn what_is_made_of_a_record_has_its_event_time() {
        let words = crate::examples::results([(7, "to be"), (9, "or")], |lines| {
            let time = |line: &(i64, &str)| EventTime::from_millis(line.0);
            let lines = lines.event_time(time, crate::Watermarks::monotone());
            let words = lines.expand(|(_, line), words| {
                words.extend(line.split(' ').map(String::from));
            });
            words.stamped().map(|word| (word.time.as_millis(), word.value))
        });
        let expected = [(7, "to"), (7, "be"), (9, "or")].map(|(t, word)| (t, word.to_owned()));
        assert_eq!(words, expected);
    }

    #[test]
    fn a_record_that_becomes_a_million_goes_on_in_usual_batches() {
        let limits = Limits { batch_records: 100, ..Limits::default() };
        let mut expand = expanding(&limits, |n: u64, out: &mut Output<'_, u64>| out.extend(0..n));
        let (next, lengths) = BatchLengths::consumer();
        let mut next: Next<u64> = next;
        expand(&mut vec![1_000_050], &mut next, &mut harness::run());
        let lengths = lengths.take();
        assert_eq!(lengths.iter().sum::<usize>(), 1_000_050);
        assert_eq!((lengths.iter().max(), lengths.last()), (Some(&100), Some(&50)));
    }
}
