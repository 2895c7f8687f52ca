//! `map_async`: asks the world outside about each record, without keeping the worker waiting.

mod attempts;
mod calls;
mod failure;
mod options;
#[cfg(test)]
mod tests;

pub use failure::{AsyncError, FailedCall};
pub use options::AsyncOptions;

use rheos_engine::WorkerContext;
use rheos_engine::plan::Route;

use crate::{Stream, Timeline};
use calls::Calls;

impl<T: Clone + Send + 'static, M: Timeline> Stream<T, M>
where
    M::Record<T>: Send,
{
    /// Makes one record of each by an asynchronous call: a request to a service, a look into a
    /// database. Many calls are under way at the same time, on threads of the engine, and the
    /// worker goes on with other steps meanwhile.
    ///
    /// The futures run on a tokio runtime; clients that need one find it. What fails for good comes
    /// with its record: say with [`or_fail`](Stream::or_fail), [`or_skip`](Stream::or_skip) or
    /// [`or_dead_letter`](Stream::or_dead_letter) what that means.
    ///
    /// # Semantics
    /// * **Order**: that of the records, or with [`AsyncOptions::unordered`] that in which the
    ///   calls end.
    /// * **Watermarks**: kept, as are event times. An epoch ends here when its calls have ended.
    /// * **State**: none: no call is in flight between two epochs. A worker makes at most
    ///   [`AsyncOptions::in_flight`] calls; while it does, what comes waits, and in the end the
    ///   sources do. After a failure calls may be made again: the service must bear that.
    /// * **End of the input**: passed on when every call has ended. A job that is stopped waits
    ///   for the calls for what it has read, each of which ends by its timeouts; one that fails
    ///   drops them.
    /// * **Workers**: each makes calls for its own records; the result does not depend on them.
    /// * **Panics**: one in a call fails the job with the name of this step.
    ///
    /// ```
    /// # use rheos_operators::examples::results;
    /// use rheos_operators::AsyncOptions;
    ///
    /// /// Stands for a request to a service.
    /// async fn name_of(customer: u32) -> Result<String, String> {
    ///     match customer {
    ///         1 => Ok("Ada".to_owned()),
    ///         _ => Err(format!("no customer {customer}")),
    ///     }
    /// }
    ///
    /// let names = results([1, 7], |customers| {
    ///     let calls = customers.map_async(AsyncOptions::default(), name_of);
    ///     let (names, failed) = calls.or_dead_letter();
    ///     names.union(failed.map(|call| format!("{}: {call}", call.record)))
    /// });
    /// assert_eq!(names, ["Ada", "7: no customer 7"]);
    /// ```
    #[must_use = "without a reader the records are dropped"]
    pub fn map_async<U, E, C>(
        self,
        options: AsyncOptions<E>,
        call: impl Fn(T) -> C + Clone + Send + Sync + 'static,
    ) -> Stream<Result<U, FailedCall<T, E>>, M>
    where
        U: Send + 'static,
        E: Send + 'static,
        C: Future<Output = Result<U, E>> + Send + 'static,
        M::Record<Result<U, FailedCall<T, E>>>: Send,
    {
        let make = move |context: &WorkerContext| {
            let (pool, waker) = (context.io_pool(), context.waker().clone());
            Calls::<T, U, E, _, M>::new(call.clone(), options.clone(), pool, waker)
        };
        let route = Route::local().timed(M::IS_TIMED);
        Stream::new(self.port().graph().operator(self.port(), route, "map async", make))
    }
}
