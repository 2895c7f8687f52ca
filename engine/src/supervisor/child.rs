//! The child: whether this process is one, whose, and that it does not outlive its parent.

use std::fmt;
use std::os::unix::process::parent_id;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpid, kill_process, test_kill_process};

use crate::Error;

/// The environment variable that tells a child who its parent is. Whatever the child starts
/// inherits it, so it is believed only where it names the process that is the parent.
pub(super) const SUPERVISOR: &str = "RHEOS_SUPERVISED";

/// What a parent tells a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// The process id of the parent.
    pub(super) process: u32,
    /// The number of the parent, which no other has.
    pub(super) parent: u64,
    /// Whether it has started the job before.
    pub(super) is_restart: bool,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, parent, is_restart } = self;
        write!(f, "{process},{parent},{is_restart}")
    }
}

impl Told {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(',');
        let mut word = || words.next();
        let (process, parent) = (word()?.parse().ok()?, word()?.parse().ok()?);
        Some(Self { process, parent, is_restart: word()?.parse().ok()? })
    }

    /// What this process, or one above it, was told.
    fn here() -> Option<Self> {
        Self::parse(&std::env::var(SUPERVISOR).ok()?)
    }
}

/// The parent that has started this process, as far as the job that it runs needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StartedBy {
    /// The number of the parent, which no other has.
    pub(crate) parent: u64,
    /// Whether it has started the job before.
    pub(crate) is_restart: bool,
}

/// The parent of this process, if it has one that starts its job again after failures.
pub(crate) fn started_by() -> Option<StartedBy> {
    let Told { process, parent, is_restart } = Told::here()?;
    (process == parent_id()).then_some(StartedBy { parent, is_restart })
}

/// How often a child looks whether its parent is still there. The operating system tells nobody.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a process is that was asked to have its job started again after failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The one that a person started: it starts the others.
    Parent,
    /// It runs the job, and this is the process that started it.
    Child { parent: u32 },
    /// A further process of the job, which another one started and sees to.
    Copy,
    /// A child whose parent has ended already.
    Orphan,
}

/// What this process is.
pub(super) fn place() -> Place {
    if crate::cluster::is_launched_copy() {
        return Place::Copy;
    }
    place_of(Told::here().map(|told| told.process), parent_id(), is_alive)
}

/// What a process is that has this parent, and was told that one supervises it.
fn place_of(named: Option<u32>, parent: u32, is_alive: impl Fn(u32) -> bool) -> Place {
    match named {
        Some(named) if named == parent => Place::Child { parent },
        Some(named) if !is_alive(named) => Place::Orphan,
        // Somewhere above is a job with a parent; this one was started by that job's program.
        Some(_) | None => Place::Parent,
    }
}

fn is_alive(process: u32) -> bool {
    let id = i32::try_from(process).ok().and_then(Pid::from_raw);
    // One that must not be signalled is there all the same.
    id.is_some_and(|id| test_kill_process(id) != Err(Errno::SRCH))
}

/// Ends this process soon after its parent has ended, as if it had been killed with it: nobody
/// would start it again, and another parent may start the job meanwhile.
///
/// # Errors
/// When there can be no further thread.
pub(super) fn end_with(parent: u32) -> Result<(), Error> {
    let watch = move || {
        while parent_id() == parent {
            std::thread::park_timeout(LOOK_EVERY);
        }
        end_at_once()
    };
    std::thread::Builder::new()
        .name("rheos supervisor".into())
        .spawn(watch)
        .map_err(|cause| Error::io("watch the process that started this one", cause))?;
    Ok(())
}

/// Ends this process without another step of the job.
pub(super) fn end_at_once() -> ! {
    // Not by `exit`, which would run what the program has registered for its end.
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_whether_it_is_the_parent_or_a_child() {
        let alive = |process| process == 10;
        for (named, parent, place) in [
            (None, 1, Place::Parent),
            (Some(10), 10, Place::Child { parent: 10 }),
            (Some(10), 20, Place::Parent),
            (Some(30), 1, Place::Orphan),
        ] {
            assert_eq!(place_of(named, parent, alive), place, "{named:?}, {parent}");
        }
    }

    #[test]
    fn what_a_child_is_told_is_understood() {
        for is_restart in [false, true] {
            let told = Told { process: 7, parent: u64::MAX, is_restart };
            assert_eq!(Told::parse(&told.to_string()), Some(told));
        }
        for text in ["", "7", "7,8", "7,8,9", "7,,true"] {
            assert_eq!(Told::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_process_that_has_been_waited_for_is_not_alive() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        assert!(is_alive(child.id()), "it is there until it is waited for");
        child.wait().unwrap();
        assert!(!is_alive(child.id()));
        assert!(is_alive(std::process::id()));
    }
}
