//! The attempts of one asynchronous call, as one future that always comes to an end.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rheos_engine::IoPool;

use super::{AsyncError, AsyncOptions, FailedCall};

/// What a panic said.
pub(super) type Panic = Box<dyn Any + Send>;

/// Calls until it succeeds or no attempt is left.
pub(super) async fn attempts<T, U, E, F, C>(
    call: Arc<F>,
    record: T,
    options: AsyncOptions<E>,
    pool: Arc<dyn IoPool>,
) -> Result<U, FailedCall<T, E>>
where
    T: Clone,
    F: Fn(T) -> C,
    C: Future<Output = Result<U, E>>,
{
    let mut attempts = 1;
    loop {
        // The function is called here, so that what it does at once is not done by a worker.
        let attempt = call(record.clone());
        let error = match within(options.timeout, attempt, pool.as_ref()).await {
            Some(Ok(value)) => return Ok(value),
            Some(Err(error)) => AsyncError::Failed(error),
            None => AsyncError::TimedOut(options.timeout),
        };
        if attempts > options.retries || !options.can_help(&error) {
            return Err(FailedCall { record, error, attempts });
        }
        drop(error);
        pool.sleep(options.wait_after(attempts)).await;
        attempts += 1;
    }
}

/// The output of a future, unless it takes longer than `timeout`.
async fn within<C: Future>(timeout: Duration, future: C, pool: &dyn IoPool) -> Option<C::Output> {
    let (mut future, mut too_late) = (pin!(future), pool.sleep(timeout));
    poll_fn(move |context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        too_late.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// The output of a future, or what it panicked with.
pub(super) async fn caught<C: Future>(future: C) -> Result<C::Output, Panic> {
    let mut future = pin!(future);
    poll_fn(move |context| {
        // A future that has panicked is never polled again.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}
