//! A channel from ordinary code into a job.
//!
//! For programs that already have their records: a request handler, another library's callback, a
//! test that scripts its input. The queue between is bounded: a job that is slow slows the code
//! that sends, and never grows.

mod queue;
mod sender;
mod source;
#[cfg(test)]
mod tests;

pub use sender::{ChannelClosed, ChannelSender, TrySendError};
pub use source::ChannelSource;

/// A source of the records that ordinary code sends, and the sender for them.
///
/// At most `capacity` records wait between the two.
///
/// * **The end.** The input has ended when [`ChannelSender::finish`] is called or the last sender
///   is dropped; what was sent before is still read. To stop a job without an end, stop the job
///   and keep a sender.
/// * **One reader.** The channel has one split, in order, and can be opened once: what was sent is
///   gone once it is read, so a job with this source cannot be run twice.
/// * **One process.** In a job of several processes it is read by worker 0, in the first process.
///   Send there; the senders of other processes are answered with an error once their job ends.
///
/// # Panics
/// When `capacity` is zero.
///
/// ```
/// use rheos_connectors::channel;
/// let (sender, source) = channel::<String>(1_024);
/// std::thread::spawn(move || {
///     for word in ["to", "be"] {
///         if sender.send(word.to_owned()).is_err() {
///             return; // the job is gone
///         }
///     }
///     sender.finish();
/// });
/// // job.source(source) ...
/// # drop(source);
/// ```
pub fn channel<T: Send + 'static>(capacity: usize) -> (ChannelSender<T>, ChannelSource<T>) {
    let queue = queue::Queue::new(capacity);
    (ChannelSender::new(std::sync::Arc::clone(&queue)), ChannelSource::new(queue))
}
