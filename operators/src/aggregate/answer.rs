//! The handles of an aggregation that has not been asked yet when to answer.

use rheos_engine::plan::Route;
use rheos_engine::{ExchangeData, Key, Keyed};

use super::absorb::Absorb;
use super::combiner::Combiner;
use super::keyed::{KeyedAtEnd, KeyedUpdates};
use super::whole::{Partial, WholeAtEnd, WholeUpdates};
use super::{Aggregate, Partials};
use crate::{KeyedStream, Stream, Timeline};

/// When an aggregation gives its results.
#[derive(Clone, Copy)]
enum Answer {
    Updates,
    AtEnd,
}

/// An aggregation of each key of a stream. It runs once it is asked when to answer.
#[must_use = "ask for its results with .updates() or .at_end()"]
pub struct KeyedAggregate<K: 'static, R: 'static> {
    attach: Box<dyn FnOnce(Answer) -> Stream<(K, R)>>,
}

impl<K: Key, R: Send + 'static> KeyedAggregate<K, R> {
    /// Aggregates what is combined into accumulators before it travels.
    pub(crate) fn combined<V, M, A>(kind: &'static str, input: KeyedStream<K, V, M>, how: A) -> Self
    where
        V: 'static,
        M: Timeline,
        A: Aggregate<In = V, Out = R>,
    {
        let attach = move |answer| {
            let records = input.into_keyed().without_event_time();
            let combine = how.clone();
            let partials =
                records.port().graph().stage(records.port(), "combine", move |c, next| {
                    Box::new(Combiner::new(combine.clone(), c.limits(), next))
                });
            attach_keyed(kind, Stream::new(partials), Partials(how), answer)
        };
        Self { attach: Box::new(attach) }
    }

    /// Aggregates what travels record by record.
    pub(crate) fn direct<V, M, I>(kind: &'static str, input: KeyedStream<K, V, M>, how: I) -> Self
    where
        V: ExchangeData,
        M: Timeline,
        I: Absorb<In = V, Out = R>,
    {
        let attach =
            move |answer| attach_keyed(kind, input.into_keyed().without_event_time(), how, answer);
        Self { attach: Box::new(attach) }
    }

    /// The results of the keys that changed, at the end of each epoch: one for each such key, over
    /// all its records so far.
    ///
    /// # Semantics
    /// * **Order**: the updates of a key come in order; between keys the order is not fixed.
    /// * **State**: an accumulator and the key for each key ever seen, until the job ends.
    /// * **End of the input**: nothing more; the last update of each key holds its final result.
    /// * **Workers**: how many updates there are depends on where epochs end. The last one of each
    ///   key does not, unless the aggregate depends on order.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let words = ["to", "be", "to"].map(String::from);
    /// let updates = results(words, |words| words.key_by_self().count().updates());
    /// let last_of_to = updates.iter().rfind(|(word, _)| word == "to");
    /// assert_eq!(last_of_to, Some(&("to".to_owned(), 2)));
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn updates(self) -> Stream<(K, R)> {
        (self.attach)(Answer::Updates)
    }

    /// The result of each key, once, when the input has ended. A job that is stopped before that
    /// gives none.
    ///
    /// # Semantics
    /// * **Order**: not fixed.
    /// * **State**: an accumulator and the key for each key ever seen, until the end.
    /// * **End of the input**: all results, a bounded number at a time.
    /// * **Workers**: the results do not depend on them, unless the aggregate depends on order.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let words = ["to", "be", "to"].map(String::from);
    /// let counts = results(words, |words| words.key_by(|word| word.clone()).count().at_end());
    /// assert_eq!(counts, [("to".to_owned(), 2), ("be".to_owned(), 1)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn at_end(self) -> Stream<(K, R)> {
        (self.attach)(Answer::AtEnd)
    }
}

fn attach_keyed<K: Key, I: Absorb>(
    kind: &'static str,
    arrivals: Stream<Keyed<K, I::In>>,
    how: I,
    answer: Answer,
) -> Stream<(K, I::Out)> {
    let port = arrivals.port();
    let route = Route::by_key(|keyed: &Keyed<K, I::In>| keyed.hash);
    Stream::new(match answer {
        Answer::Updates => {
            let make = move |_: &_| KeyedUpdates::<K, I>::new(how.clone());
            port.graph().operator(port, route, kind, make)
        }
        Answer::AtEnd => {
            let make = move |_: &_| KeyedAtEnd::<K, I>::new(how.clone());
            port.graph().operator(port, route, kind, make)
        }
    })
}

/// An aggregation of a whole stream. It runs once it is asked when to answer.
#[must_use = "ask for its result with .updates() or .at_end()"]
pub struct StreamAggregate<R: 'static> {
    attach: Box<dyn FnOnce(Answer) -> Stream<R>>,
}

impl<R: Send + 'static> StreamAggregate<R> {
    /// Aggregates on every worker, and the workers' accumulators on one.
    pub(crate) fn combined<M, A>(kind: &'static str, input: Stream<A::In, M>, how: A) -> Self
    where
        M: Timeline,
        A: Aggregate<Out = R>,
    {
        let attach = move |answer| {
            let input = input.without_event_time();
            let combine = how.clone();
            let partials = input.port().graph().stage(input.port(), "combine", move |_, next| {
                Box::new(Partial::new(combine.clone(), next))
            });
            attach_whole(kind, Stream::new(partials), Partials(how), answer)
        };
        Self { attach: Box::new(attach) }
    }

    /// Aggregates all records on one worker.
    pub(crate) fn direct<M, I>(kind: &'static str, input: Stream<I::In, M>, how: I) -> Self
    where
        M: Timeline,
        I: Absorb<Out = R>,
    {
        let attach = move |answer| attach_whole(kind, input.without_event_time(), how, answer);
        Self { attach: Box::new(attach) }
    }

    /// The result over all records so far, at the end of each epoch that had any.
    ///
    /// # Semantics
    /// * **Order**: the results come in order.
    /// * **State**: one accumulator, on one worker.
    /// * **End of the input**: nothing more; the last result is the final one.
    /// * **Workers**: how many results there are depends on where epochs end. The last one does
    ///   not, unless the aggregate depends on order.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let updates = results(0..10u64, |numbers| numbers.count().updates());
    /// assert_eq!(updates.last(), Some(&10));
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn updates(self) -> Stream<R> {
        (self.attach)(Answer::Updates)
    }

    /// The result over all records, once, when the input has ended. A job that is stopped before
    /// that gives none.
    ///
    /// # Semantics
    /// * **Order**: there is one result; none if there were no records, except that a count, a
    ///   sum or a fold says what nothing amounts to.
    /// * **State**: one accumulator, on one worker.
    /// * **End of the input**: gives the result.
    /// * **Workers**: the result does not depend on them, unless the aggregate depends on order.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// let count = results(0..10u64, |numbers| numbers.count().at_end());
    /// assert_eq!(count, [10]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn at_end(self) -> Stream<R> {
        (self.attach)(Answer::AtEnd)
    }
}

fn attach_whole<I: Absorb>(
    kind: &'static str,
    arrivals: Stream<I::In>,
    how: I,
    answer: Answer,
) -> Stream<I::Out> {
    let port = arrivals.port();
    Stream::new(match answer {
        Answer::Updates => {
            let make = move |_: &_| WholeUpdates::new(how.clone());
            port.graph().operator(port, Route::gather(), kind, make)
        }
        Answer::AtEnd => {
            // The stream is gathered on worker 0, which alone speaks when there was nothing.
            let make = move |c: &rheos_engine::WorkerContext| {
                WholeAtEnd::new(how.clone(), c.worker() == 0)
            };
            port.graph().operator(port, Route::gather(), kind, make)
        }
    })
}
