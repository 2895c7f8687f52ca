//! SIGINT and SIGTERM stop the job; a second one ends the process at once.
//!
//! Installed only where the program asks for it.

use std::sync::Arc;
use std::thread::JoinHandle;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::Error;
use crate::job::shared::{Shared, StopRequest};

/// Watches for signals until it is dropped.
pub(crate) struct Watch {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Exit code of a process that a second signal ends: 128 and the number of the signal.
const ENDED_BY_SIGNAL: i32 = 128;

/// Begins to watch; a signal counts as the end of the input if `drain` says so.
///
/// # Errors
/// When the handlers cannot be installed.
pub(crate) fn watch(shared: &Arc<Shared>, drain: bool) -> Result<Watch, Error> {
    let failed = |cause| Error::io("install signal handlers", cause);
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let handle = signals.handle();
    let shared = Arc::clone(shared);
    let request = if drain { StopRequest::Drain } else { StopRequest::Stop };
    let thread = std::thread::Builder::new()
        .name("rheos signals".into())
        .spawn(move || {
            let mut arrived = signals.forever();
            if let Some(signal) = arrived.next() {
                tracing::info!(
                    signal,
                    ?request,
                    "a signal ends the job; a second one ends it at once"
                );
                shared.request_stop(request);
            }
            if let Some(signal) = arrived.next() {
                std::process::exit(ENDED_BY_SIGNAL + signal);
            }
        })
        .map_err(failed)?;
    Ok(Watch { handle, thread: Some(thread) })
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that watches for signals panicked");
        }
    }
}
