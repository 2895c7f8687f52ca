//! What follows from the end of a child. No clock, no process: a function of what has happened.

use std::fmt;
use std::process::ExitStatus;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::low_level::signal_name;

use crate::ErrorKind;

/// How often a job is started again after failures, and how long that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Restarts {
    /// So many in a row.
    pub(crate) most: u32,
    /// What the first one waits; each further one waits twice as long as the one before it.
    pub(crate) backoff: Duration,
}

/// No restart waits longer, unless the first one does.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A child that ran for so long has recovered: restarts are counted from the beginning again.
const STEADY_AFTER: Duration = Duration::from_secs(600);

/// Added to the number of the signal that ended a child, where a code must be given: what shells do.
const ENDED_BY_SIGNAL: i32 = 128;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// A child from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) ended: Ended,
    /// How long it lived.
    pub(crate) ran_for: Duration,
    /// Whether a signal to the parent has asked for the end.
    pub(crate) asked_to_end: bool,
}

/// What the parent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Starts a child again, the `restart`th in a row, after a while.
    Restart { restart: u32, after: Duration },
    /// Ends with this code.
    End(i32),
}

impl Restarts {
    /// What the first restart waits unless it is told otherwise.
    pub(crate) const DEFAULT_BACKOFF: Duration = Duration::from_secs(1);

    /// What is done after a child has ended that `so_far` restarts in a row had led to.
    pub(crate) fn after(&self, ran: &Ran, so_far: u32) -> Next {
        let so_far = if ran.ran_for >= STEADY_AFTER { 0 } else { so_far };
        if ran.asked_to_end || !ran.ended.may_go_better() || so_far >= self.most {
            return Next::End(ran.ended.code());
        }
        let doubled = self.backoff.saturating_mul(1u32.checked_shl(so_far).unwrap_or(u32::MAX));
        let after = doubled.min(LONGEST_WAIT.max(self.backoff));
        Next::Restart { restart: so_far + 1, after }
    }
}

impl Ended {
    /// Whether another child may fare better. What a person asked for is no failure; a bad record,
    /// a bad configuration and a fault of the program come again.
    pub(super) fn may_go_better(self) -> bool {
        match self {
            Ended::Code(code) => ErrorKind::of_code(code).is_some_and(ErrorKind::can_retry),
            Ended::Signal(signal) => ![SIGHUP, SIGINT, SIGQUIT, SIGTERM].contains(&signal),
        }
    }

    /// The code with which the parent passes this on.
    pub(super) fn code(self) -> i32 {
        match self {
            Ended::Code(code) => code,
            Ended::Signal(signal) => ENDED_BY_SIGNAL + signal,
        }
    }
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        // A process that has ended has a code or a signal.
        status.code().map_or_else(|| Ended::Signal(status.signal().unwrap_or(0)), Ended::Code)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Code(code) => write!(f, "the job ended with exit code {code}"),
            Ended::Signal(signal) => match signal_name(*signal) {
                Some(name) => write!(f, "the job was ended by {name}"),
                None => write!(f, "the job was ended by signal {signal}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::{SIGABRT, SIGKILL, SIGSEGV};

    const SECOND: Duration = Duration::from_secs(1);

    fn ran(ended: Ended) -> Ran {
        Ran { ended, ran_for: 5 * SECOND, asked_to_end: false }
    }

    #[test]
    fn only_what_a_retry_can_help_is_started_again() {
        let restarts = Restarts { most: 3, backoff: SECOND };
        let again = Next::Restart { restart: 1, after: SECOND };
        for (ended, next) in [
            (Ended::Code(0), Next::End(0)),
            (Ended::Code(1), Next::End(1)),
            (Ended::Code(2), Next::End(2)),
            (Ended::Code(3), Next::End(3)),
            (Ended::Code(4), Next::End(4)),
            (Ended::Code(5), again),
            (Ended::Code(6), again),
            (Ended::Code(70), Next::End(70)),
            (Ended::Code(101), Next::End(101)),
            (Ended::Code(143), Next::End(143)),
            (Ended::Signal(SIGKILL), again),
            (Ended::Signal(SIGABRT), again),
            (Ended::Signal(SIGSEGV), again),
            (Ended::Signal(SIGTERM), Next::End(143)),
            (Ended::Signal(SIGINT), Next::End(130)),
            (Ended::Signal(SIGHUP), Next::End(129)),
            (Ended::Signal(SIGQUIT), Next::End(131)),
        ] {
            assert_eq!(restarts.after(&ran(ended), 0), next, "{ended:?}");
            let asked = Ran { asked_to_end: true, ..ran(ended) };
            assert!(matches!(restarts.after(&asked, 0), Next::End(_)), "{ended:?} when asked to");
        }
    }

    #[test]
    fn waits_double_up_to_a_bound_and_restarts_run_out() {
        let wait = |most, backoff, so_far| {
            let restarts = Restarts { most, backoff };
            match restarts.after(&ran(Ended::Code(5)), so_far) {
                Next::Restart { restart, after } => {
                    assert_eq!(restart, so_far + 1);
                    Some(after)
                }
                Next::End(code) => {
                    assert_eq!(code, 5);
                    None
                }
            }
        };
        let milli = Duration::from_millis(1);
        for (most, backoff, so_far, after) in [
            (9, SECOND, 0, Some(SECOND)),
            (9, SECOND, 1, Some(2 * SECOND)),
            (9, SECOND, 5, Some(32 * SECOND)),
            (9, SECOND, 6, Some(60 * SECOND)),
            (9, SECOND, 8, Some(60 * SECOND)),
            (9, SECOND, 9, None),
            (1, SECOND, 1, None),
            (0, SECOND, 0, None),
            (u32::MAX, milli, 40, Some(60 * SECOND)),
            (u32::MAX, Duration::ZERO, 40, Some(Duration::ZERO)),
            (9, 300 * SECOND, 3, Some(300 * SECOND)),
        ] {
            let case = format!("{most} restarts, {backoff:?}, {so_far} so far");
            assert_eq!(wait(most, backoff, so_far), after, "{case}");
        }
    }

    #[test]
    fn a_job_that_ran_well_has_all_its_restarts_again() {
        let restarts = Restarts { most: 2, backoff: SECOND };
        let steady = |ran_for| Ran { ran_for, ..ran(Ended::Signal(SIGKILL)) };
        let first = Next::Restart { restart: 1, after: SECOND };
        assert_eq!(restarts.after(&steady(STEADY_AFTER), 2), first);
        let shortly = STEADY_AFTER - SECOND;
        assert_eq!(restarts.after(&steady(shortly), 2), Next::End(128 + SIGKILL));
    }
}
