//! `apply` and `apply_with`: operators of the program's own.

use rheos_engine::plan::Route;
use rheos_engine::{ExchangeData, Key, Keyed, Operator, TwoInput, WorkerContext};

use crate::{KeyedStream, Stream, Timeline};

impl<T: 'static, M: Timeline> Stream<T, M>
where
    M::Record<T>: Send,
{
    /// Runs an operator of the program's own on each worker, over the records that are there.
    ///
    /// `make` is called once on each worker. The contract of an operator is described at
    /// [`Operator`]; [`rheos_engine::harness`] tests one without a job.
    ///
    /// # Semantics
    /// * **Order**: epochs come in order and are whole; within one, records keep the order in
    ///   which they were made on the worker.
    /// * **State**: the operator's. Keyed state belongs into [`rheos_engine::KeyedState`].
    /// * **End of the input**: the operator's `on_input_end`.
    /// * **Workers**: each has an operator of its own, which sees its own records only.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use rheos_engine::{Error, Operator, Output};
    ///
    /// /// Leaves out what equals the record before it.
    /// struct Changes(Option<u64>);
    ///
    /// impl Operator for Changes {
    ///     type In = u64;
    ///     type Out = u64;
    ///     fn on_batch(&mut self, batch: &mut Vec<u64>, out: &mut Output<'_, u64>) -> Result<(), Error> {
    ///         out.extend(batch.drain(..).filter(|n| self.0.replace(*n) != Some(*n)));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let changes = results([1u64, 1, 2], |numbers| numbers.apply(|_| Changes(None)));
    /// assert_eq!(changes, [1, 2]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn apply<O: Operator<In = M::Record<T>>>(
        self,
        make: impl Fn(&WorkerContext) -> O + Send + Sync + 'static,
    ) -> Stream<O::Out> {
        let port = self.port();
        let route = Route::local().timed(M::IS_TIMED);
        Stream::new(port.graph().operator(port, route, "apply", make))
    }

    /// Runs an operator of the program's own over this stream and another one, on each worker.
    ///
    /// # Semantics
    /// As for [`apply`](Stream::apply); both streams are in the same epoch, and between them the
    /// order within an epoch is not fixed.
    ///
    /// # Panics
    /// When the streams belong to different jobs.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use rheos_engine::{Error, Output, TwoInput};
    ///
    /// /// Passes numbers on that are at least the latest threshold.
    /// struct Above(u64);
    ///
    /// impl TwoInput for Above {
    ///     type Left = u64;
    ///     type Right = u64;
    ///     type Out = u64;
    ///     fn on_left(&mut self, numbers: &mut Vec<u64>, out: &mut Output<'_, u64>) -> Result<(), Error> {
    ///         out.extend(numbers.drain(..).filter(|n| *n >= self.0));
    ///         Ok(())
    ///     }
    ///     fn on_right(&mut self, thresholds: &mut Vec<u64>, _out: &mut Output<'_, u64>) -> Result<(), Error> {
    ///         self.0 = thresholds.drain(..).last().unwrap_or(self.0);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let above = results(0..10u64, |numbers| {
    ///     let thresholds = numbers.clone().filter(|n| *n == 3).broadcast();
    ///     numbers.apply_with(thresholds, |_| Above(100))
    /// });
    /// assert!(above.iter().all(|n| *n >= 3));
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn apply_with<U, N, O>(
        self,
        other: Stream<U, N>,
        make: impl Fn(&WorkerContext) -> O + Send + Sync + 'static,
    ) -> Stream<O::Out>
    where
        U: 'static,
        N: Timeline,
        N::Record<U>: Send,
        O: TwoInput<Left = M::Record<T>, Right = N::Record<U>>,
    {
        let left = (self.port(), Route::local().timed(M::IS_TIMED));
        let right = (other.port(), Route::local().timed(N::IS_TIMED));
        Stream::new(self.port().graph().two_input(left, right, "apply with", make))
    }
}

impl<K: Key, V: 'static, M: Timeline> KeyedStream<K, V, M>
where
    M::Record<Keyed<K, V>>: ExchangeData,
{
    /// Runs an operator of the program's own on each worker, over the records of the keys that
    /// the worker owns. They come with their keys and hashes, ready for
    /// [`rheos_engine::KeyedState`].
    ///
    /// # Semantics
    /// * **Order**: epochs come in order and are whole; within one, the records that one worker
    ///   sends for a key keep their order.
    /// * **State**: the operator's. Keyed state belongs into [`rheos_engine::KeyedState`].
    /// * **End of the input**: the operator's `on_input_end`.
    /// * **Workers**: all records of a key come to one operator.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use rheos_engine::{Error, Keyed, KeyedState, Operator, Output};
    ///
    /// /// Passes on what differs from the last value of its key.
    /// #[derive(Default)]
    /// struct Changes(KeyedState<u32, Option<u64>>);
    ///
    /// impl Operator for Changes {
    ///     type In = Keyed<u32, u64>;
    ///     type Out = (u32, u64);
    ///     fn on_batch(
    ///         &mut self,
    ///         batch: &mut Vec<Keyed<u32, u64>>,
    ///         out: &mut Output<'_, (u32, u64)>,
    ///     ) -> Result<(), Error> {
    ///         for Keyed { hash, key, value } in batch.drain(..) {
    ///             let at = self.0.find_or_insert(hash, key, || None);
    ///             if self.0.entry_mut(at).state.replace(value) != Some(value) {
    ///                 out.push((key, value));
    ///             }
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let readings = [(1u32, 20u64), (1, 20), (2, 18)];
    /// let changes = results(readings, |readings| readings.keyed().apply(|_| Changes::default()));
    /// assert_eq!(changes, [(1, 20), (2, 18)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn apply<O: Operator<In = M::Record<Keyed<K, V>>>>(
        self,
        make: impl Fn(&WorkerContext) -> O + Send + Sync + 'static,
    ) -> Stream<O::Out> {
        let records = self.into_keyed();
        let port = records.port();
        Stream::new(port.graph().operator(port, by_key::<K, V, M>(), "apply", make))
    }

    /// Runs an operator of the program's own over this stream and another one with the same type
    /// of keys: the records of a key meet, whichever stream they come from.
    ///
    /// # Semantics
    /// As for [`apply`](KeyedStream::apply); both streams are in the same epoch, and between them
    /// the order within an epoch is not fixed.
    ///
    /// # Panics
    /// When the streams belong to different jobs.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use rheos_engine::{EpochEnd, Error, Keyed, KeyedState, Output, Turn, TwoInput};
    ///
    /// /// Gives each order its customer's name, at the end of the epoch.
    /// #[derive(Default)]
    /// struct Named {
    ///     names: KeyedState<u32, String>,
    ///     orders: Vec<Keyed<u32, u64>>,
    /// }
    ///
    /// impl TwoInput for Named {
    ///     type Left = Keyed<u32, u64>;
    ///     type Right = Keyed<u32, String>;
    ///     type Out = (String, u64);
    ///     fn on_left(
    ///         &mut self,
    ///         orders: &mut Vec<Self::Left>,
    ///         _out: &mut Output<'_, Self::Out>,
    ///     ) -> Result<(), Error> {
    ///         self.orders.append(orders);
    ///         Ok(())
    ///     }
    ///     fn on_right(
    ///         &mut self,
    ///         names: &mut Vec<Self::Right>,
    ///         _out: &mut Output<'_, Self::Out>,
    ///     ) -> Result<(), Error> {
    ///         for Keyed { hash, key, value } in names.drain(..) {
    ///             self.names.find_or_insert(hash, key, || value);
    ///         }
    ///         Ok(())
    ///     }
    ///     fn on_epoch_end(
    ///         &mut self,
    ///         _end: EpochEnd,
    ///         out: &mut Output<'_, Self::Out>,
    ///     ) -> Result<Turn, Error> {
    ///         for Keyed { hash, key, value } in self.orders.drain(..) {
    ///             out.extend(self.names.get(hash, &key).map(|name| (name.clone(), value)));
    ///         }
    ///         Ok(Turn::Done)
    ///     }
    /// }
    ///
    /// let named = results([(1u32, 20u64), (2, 30)], |orders| {
    ///     let names = orders.clone().map(|(customer, _)| (customer, format!("no. {customer}")));
    ///     orders.keyed().apply_with(names.keyed(), |_| Named::default())
    /// });
    /// assert_eq!(named, [("no. 1".to_owned(), 20), ("no. 2".to_owned(), 30)]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn apply_with<W, N, O>(
        self,
        other: KeyedStream<K, W, N>,
        make: impl Fn(&WorkerContext) -> O + Send + Sync + 'static,
    ) -> Stream<O::Out>
    where
        W: 'static,
        N: Timeline,
        N::Record<Keyed<K, W>>: ExchangeData,
        O: TwoInput<Left = M::Record<Keyed<K, V>>, Right = N::Record<Keyed<K, W>>>,
    {
        let (left, right) = (self.into_keyed(), other.into_keyed());
        let inputs = ((left.port(), by_key::<K, V, M>()), (right.port(), by_key::<K, W, N>()));
        Stream::new(left.port().graph().two_input(inputs.0, inputs.1, "apply with", make))
    }
}

/// Each record to the worker that owns its key.
pub(crate) fn by_key<K: Key, V: 'static, M: Timeline>() -> Route<M::Record<Keyed<K, V>>>
where
    M::Record<Keyed<K, V>>: ExchangeData,
{
    Route::by_key(|record: &M::Record<Keyed<K, V>>| M::value(record).hash).timed(M::IS_TIMED)
}
