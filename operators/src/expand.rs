//! `flat_map`, `flatten` and `expand`: any number of records for each record.
//!
//! What they make goes on in batches of the usual size while it is made, so that a record that
//! becomes a million never stands in memory as a million.

use rheos_engine::{Limits, Next, Output, Run};

use crate::Stream;

impl<T: 'static> Stream<T> {
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
    ) -> Stream<I::Item>
    where
        I: IntoIterator,
        I::Item: 'static,
    {
        self.expanding("flat map", move |record, out| out.extend(map(record)))
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
    ) -> Stream<U> {
        self.expanding("expand", expand)
    }

    fn expanding<U: 'static>(
        self,
        kind: &'static str,
        expand: impl Fn(T, &mut Output<'_, U>) + Clone + Send + Sync + 'static,
    ) -> Stream<U> {
        self.batchwise(kind, move |context| expanding(context.limits(), expand.clone()))
    }
}

impl<I> Stream<I>
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
    pub fn flatten(self) -> Stream<I::Item> {
        self.expanding("flatten", |record, out| out.extend(record))
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
