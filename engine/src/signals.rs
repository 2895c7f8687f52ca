//! SIGINT and SIGTERM stop the running jobs; a second one ends the process at once. SIGUSR1 has
//! them say on standard error why nothing comes out.
//!
//! Installed only where the program asks for it, and then for as long as the process lives: when
//! no job runs, SIGINT and SIGTERM do what they do by default, and SIGUSR1 does nothing.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::Error;
use crate::job::shared::{Shared, StopRequest};

/// Exit code of a process that a second signal ends: 128 and the number of the signal.
const ENDED_BY_SIGNAL: i32 = 128;

/// A job that signals stop.
struct Watched {
    shared: Arc<Shared>,
    request: StopRequest,
    /// Whether a signal has come. That the job is stopping says less: another process of it may
    /// have been quicker to pass on the signal that this one is about to hear.
    signalled: bool,
    explain: Explain,
}

/// Says what a job waits for; ends with a line break.
pub(crate) type Explain = Box<dyn Fn() -> String + Send>;

/// The jobs that signals stop.
static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new());

/// What came of installing the handlers, once somebody did.
static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();

fn watched() -> std::sync::MutexGuard<'static, Vec<Watched>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets signals stop a job until it is dropped.
pub(crate) struct Watch {
    shared: Arc<Shared>,
}

/// Begins to watch; a signal counts as the end of the input if `drain` says so. `explain` answers
/// SIGUSR1.
///
/// # Errors
/// When the handlers cannot be installed.
pub(crate) fn watch(shared: &Arc<Shared>, drain: bool, explain: Explain) -> Result<Watch, Error> {
    if let Err(reason) = INSTALLED.get_or_init(|| install().map_err(|cause| cause.to_string())) {
        let kind = crate::ErrorKind::External;
        return Err(Error::new(kind, "install signal handlers", reason.clone()));
    }
    let request = if drain { StopRequest::Drain } else { StopRequest::Stop };
    watched().push(Watched { shared: Arc::clone(shared), request, signalled: false, explain });
    Ok(Watch { shared: Arc::clone(shared) })
}

impl Drop for Watch {
    fn drop(&mut self) {
        watched().retain(|job| !Arc::ptr_eq(&job.shared, &self.shared));
    }
}

fn install() -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1])?;
    let listen = move || signals.forever().for_each(arrived);
    std::thread::Builder::new().name("rheos signals".into()).spawn(listen)?;
    Ok(())
}

fn arrived(signal: i32) {
    let mut jobs = watched();
    if signal == SIGUSR1 {
        let text: String = jobs.iter().map(|job| (job.explain)()).collect();
        drop(jobs);
        // A process whose standard error is gone runs on.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
        return;
    }
    if jobs.is_empty() {
        drop(jobs);
        if let Err(cause) = emulate_default_handler(signal) {
            tracing::error!(signal, %cause, "a signal could not be passed on");
        }
    } else if jobs.iter().all(|job| job.signalled) {
        std::process::exit(ENDED_BY_SIGNAL + signal);
    } else {
        for Watched { shared, request, signalled, .. } in jobs.iter_mut() {
            *signalled = true;
            tracing::info!(signal, ?request, "a signal ends the job; a second one ends it at once");
            shared.request_stop(*request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::shared::News;
    use crate::{Limits, SystemClock};

    #[test]
    fn the_first_signal_never_ends_the_process() {
        // Ctrl-C reaches all processes of a terminal; the order of another may be quicker.
        let shared = Shared::new(Arc::new(Limits::default()), Arc::new(SystemClock), 1, 1, 2);
        let shared = Arc::new(shared);
        let _watch = watch(&shared, false, Box::new(|| "nothing\n".to_owned())).unwrap();
        shared.hear(&News::Stop(StopRequest::Stop));
        arrived(SIGUSR1);
        arrived(SIGINT);
        arrived(SIGUSR1);
        assert_eq!(shared.stop_request(), Some(StopRequest::Stop));
    }
}
