//! Named places in the protocol at which tests make a job fail; nothing without the cargo feature
//! `failpoints`.
//!
//! `RHEOS_FAILPOINT="manifest-before-rename@2=kill"` ends the process when it comes to the place
//! for the second time; without `@2` it is the first. `RHEOS_FAILPOINT_PROCESS=1` means only the
//! process that has this number in its job. `RHEOS_BROKEN="commit-early,skip-sync-manifest"` names
//! variants of the protocol that are wrong on purpose, which the tests must notice.

use crate::Error;

/// All places that there are.
#[cfg(any(test, feature = "failpoints"))]
#[cfg_attr(not(feature = "failpoints"), allow(unreachable_pub, reason = "public with it"))]
pub const FAILPOINTS: &[&str] = &[
    "job-before-write",
    "job-before-sync",
    "job-before-rename",
    "job-before-folder-sync",
    "job-after",
    "recover-before",
    "recover-after",
    "restore-before",
    "restore-after",
    "capture-before",
    "vote-before",
    "vote-after",
    "commit-before",
    "commit-after",
    "end-before",
    "finish-before",
    "finish-after",
    "state-before-write",
    "state-before-sync",
    "state-before-folder-sync",
    "state-after",
    "manifest-before-write",
    "manifest-before-sync",
    "manifest-before-rename",
    "manifest-before-folder-sync",
    "manifest-after",
    "latest-before-write",
    "latest-before-sync",
    "latest-before-rename",
    "latest-before-folder-sync",
    "latest-after",
    "remove-before",
    "remove-between",
    "remove-after",
];

/// The job is at the place `name`.
///
/// # Errors
/// When a test wants the place to fail.
#[cfg(feature = "failpoints")]
pub(crate) fn hit(name: &str) -> Result<(), Error> {
    active::hit(name)
}

/// The job is at the place `name`: nothing happens.
#[cfg(not(feature = "failpoints"))]
#[allow(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
#[inline]
pub(crate) fn hit(_name: &str) -> Result<(), Error> {
    Ok(())
}

/// The job is at the place `step` of what `place` names: [`hit`] of both, joined.
///
/// # Errors
/// When a test wants the place to fail.
#[inline]
pub(crate) fn hit_at(place: &str, step: &str) -> Result<(), Error> {
    if cfg!(feature = "failpoints") { hit(&format!("{place}-{step}")) } else { Ok(()) }
}

/// Whether a test wants the protocol to be wrong in the way that `variant` names.
#[inline]
pub(crate) fn is_broken(variant: &str) -> bool {
    #[cfg(feature = "failpoints")]
    let is_broken = active::is_broken(variant);
    #[cfg(not(feature = "failpoints"))]
    let is_broken = {
        let _ = variant;
        false
    };
    is_broken
}

/// Whether a test wants `variant` to be wrong at `place`.
#[inline]
pub(crate) fn is_broken_at(variant: &str, place: &str) -> bool {
    cfg!(feature = "failpoints") && is_broken(&format!("{variant}-{place}"))
}

/// Says which process of its job this one is; before that it counts as process 0.
#[inline]
pub(crate) fn set_process(process: usize) {
    #[cfg(feature = "failpoints")]
    active::set_process(process);
    #[cfg(not(feature = "failpoints"))]
    let _ = process;
}

/// What a test wants, as text.
#[cfg(any(test, feature = "failpoints"))]
mod wish {
    /// What happens at a place.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Action {
        /// The process is killed, as by SIGKILL.
        Kill,
        /// The process exits with code 1.
        Exit,
        /// The place gives an error that a retry may help.
        Error,
        /// The place panics.
        Panic,
        /// The place gives the error of a disk without room.
        Full,
        /// The process stops, as by SIGSTOP, until somebody continues it.
        Pause,
    }

    /// Where something happens, at which time of coming there, and what.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) struct Wish {
        pub(super) name: String,
        pub(super) at: u64,
        pub(super) action: Action,
    }

    impl Wish {
        /// Reads `name=action` or `name@n=action`.
        pub(super) fn parse(text: &str) -> Result<Self, String> {
            let not_understood = |what: &str| format!("{what} in `{text}`: write name@n=action");
            let (place, action) =
                text.split_once('=').ok_or_else(|| not_understood("there is no `=`"))?;
            let (name, at) = match place.split_once('@') {
                None => (place, 1),
                Some((name, at)) => (name, at.parse().map_err(|_| not_understood("no number"))?),
            };
            let action = match action {
                "kill" => Action::Kill,
                "exit" => Action::Exit,
                "error" => Action::Error,
                "panic" => Action::Panic,
                "full" => Action::Full,
                "pause" => Action::Pause,
                _ => return Err(not_understood("an unknown action")),
            };
            if !super::FAILPOINTS.contains(&name) {
                return Err(not_understood("an unknown place"));
            }
            if at == 0 {
                return Err(not_understood("the first time is 1"));
            }
            Ok(Self { name: name.to_owned(), at, action })
        }
    }
}

#[cfg(feature = "failpoints")]
mod active {
    use std::env;
    use std::io::{self, Write};
    use std::process::{Command, abort, exit, id};
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use super::wish::{Action, Wish};
    use crate::Error;

    static PROCESS: AtomicUsize = AtomicUsize::new(0);
    static HITS: AtomicU64 = AtomicU64::new(0);

    static WISH: LazyLock<Option<Wish>> = LazyLock::new(|| {
        let text = env::var("RHEOS_FAILPOINT").ok().filter(|text| !text.is_empty())?;
        match Wish::parse(&text) {
            Ok(wish) => Some(wish),
            // A test that asks for nothing would pass.
            Err(reason) => panic!("RHEOS_FAILPOINT is not understood: {reason}"),
        }
    });
    static ONLY_PROCESS: LazyLock<Option<usize>> =
        LazyLock::new(|| env::var("RHEOS_FAILPOINT_PROCESS").ok()?.parse().ok());
    static BROKEN: LazyLock<String> =
        LazyLock::new(|| env::var("RHEOS_BROKEN").unwrap_or_default());

    pub(super) fn set_process(process: usize) {
        PROCESS.store(process, Ordering::Relaxed);
    }

    pub(super) fn is_broken(variant: &str) -> bool {
        BROKEN.split(',').any(|broken| broken.trim() == variant)
    }

    pub(super) fn hit(name: &str) -> Result<(), Error> {
        debug_assert!(super::FAILPOINTS.contains(&name), "the place {name} is not in the list");
        let Some(wish) = WISH.as_ref().filter(|wish| wish.name == name) else { return Ok(()) };
        let process = PROCESS.load(Ordering::Relaxed);
        if ONLY_PROCESS.is_some_and(|only| only != process) {
            return Ok(());
        }
        if HITS.fetch_add(1, Ordering::Relaxed) + 1 != wish.at {
            return Ok(());
        }
        let _ = writeln!(
            io::stderr(),
            "failpoint {name}, time {}, in process {process}: {:?}",
            wish.at,
            wish.action
        );
        let attempt = || format!("pass the failpoint {name}");
        match wish.action {
            Action::Kill => {
                signal("KILL");
                // Nobody to send the signal: as sudden.
                abort()
            }
            Action::Exit => exit(1),
            Action::Error => Err(Error::io(attempt(), io::Error::other("a test wants it to fail"))),
            Action::Panic => panic!("the failpoint {name} panics because a test wants it to"),
            Action::Full => Err(Error::io(attempt(), io::Error::from(io::ErrorKind::StorageFull))),
            Action::Pause => {
                signal("STOP");
                Ok(())
            }
        }
    }

    /// Sends a signal to this process.
    fn signal(name: &str) {
        let _ = Command::new("kill").args([&format!("-{name}"), &id().to_string()]).status();
    }
}

#[cfg(test)]
mod tests {
    use super::FAILPOINTS;
    use super::wish::{Action, Wish};

    #[test]
    fn wishes_are_read_and_mistakes_are_named() {
        let read = |text: &str| Wish::parse(text).map(|wish| (wish.name, wish.at, wish.action));
        let name = "manifest-before-rename".to_owned();
        assert_eq!(read("manifest-before-rename=kill"), Ok((name.clone(), 1, Action::Kill)));
        assert_eq!(read("manifest-before-rename@3=pause"), Ok((name, 3, Action::Pause)));
        let actions = [
            ("exit", Action::Exit),
            ("error", Action::Error),
            ("panic", Action::Panic),
            ("full", Action::Full),
        ];
        for (text, action) in actions {
            let wish = read(&format!("state-after={text}"));
            assert_eq!(wish, Ok(("state-after".to_owned(), 1, action)));
        }
        for (text, part) in [
            ("manifest-before-rename", "no `=`"),
            ("manifest-before-rename@x=kill", "no number"),
            ("manifest-before-rename@0=kill", "first time is 1"),
            ("manifest-before-rename=explode", "unknown action"),
            ("manifest-before-lunch=kill", "unknown place"),
        ] {
            let reason = read(text).unwrap_err();
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }

    #[test]
    fn no_place_is_listed_twice() {
        let mut names = FAILPOINTS.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAILPOINTS.len());
    }
}
