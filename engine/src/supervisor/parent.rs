//! The parent: starts children, passes signals on to them, and ends as the last one did.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{IsTerminal, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use super::child::{self, Place, SUPERVISOR, Told};
use super::decision::{Ended, Next, Ran, Restarts};
use crate::{Error, ErrorKind};

/// Signals that wait to be looked at; more wait in the operating system, each kind once.
const WAITING_SIGNALS: usize = 16;

/// Returns in the process that is to run the job. In the parent it does not return: the process
/// ends here, with the code of its last child.
///
/// # Errors
/// When signals cannot be watched or the program cannot be started again.
pub(crate) fn supervise(restarts: Restarts) -> Result<(), Error> {
    match child::place() {
        Place::Child { parent } => child::end_with(parent),
        Place::Copy => Ok(()),
        Place::Orphan => child::end_at_once(),
        Place::Parent => {
            let code = Parent::new(restarts)?.run()?;
            std::process::exit(code)
        }
    }
}

struct Parent {
    restarts: Restarts,
    /// Chosen at random: children of different parents tell their checkpoints apart by it.
    number: u64,
    signals: Receiver<i32>,
    /// Whether a signal has asked for the end.
    asked_to_end: bool,
}

impl Parent {
    fn new(restarts: Restarts) -> Result<Self, Error> {
        let number = RandomState::new().build_hasher().finish();
        Ok(Self { restarts, number, signals: watch_signals()?, asked_to_end: false })
    }

    /// Runs children until one ends that is the last; says with which code.
    fn run(mut self) -> Result<i32, Error> {
        let attempted = "find this program to start it again";
        let program = std::env::current_exe().map_err(|cause| Error::io(attempted, cause))?;
        let mut so_far = 0;
        let mut is_restart = false;
        loop {
            let ran = self.run_child(&program, is_restart)?;
            is_restart = true;
            match self.restarts.after(&ran, so_far) {
                Next::Restart { restart, after } => {
                    let most = self.restarts.most;
                    say(&format!("restart {restart} of {most} in {after:?}: {}", ran.ended));
                    if self.is_asked_to_end_before(Instant::now() + after) {
                        // Its failure is the last that is known of the job.
                        return Ok(ran.ended.code());
                    }
                    so_far = restart;
                }
                Next::End(code) => {
                    if ran.ended.may_go_better() && !ran.asked_to_end {
                        say(&format!("no restart is left: {}", ran.ended));
                    }
                    return Ok(code);
                }
            }
        }
    }

    /// Starts a child and waits for its end.
    fn run_child(&mut self, program: &Path, is_restart: bool) -> Result<Ran, Error> {
        let began = Instant::now();
        let process = std::process::id();
        let mut child = start(program, &Told { process, parent: self.number, is_restart })?;
        loop {
            let status = child
                .try_wait()
                .map_err(|cause| Error::io("wait for the process of the job", cause))?;
            if let Some(status) = status {
                let (ended, ran_for) = (Ended::from(status), began.elapsed());
                return Ok(Ran { ended, ran_for, asked_to_end: self.asked_to_end });
            }
            // The end of a child is a signal too.
            let signal = self.signals.recv().map_err(|_| unwatched())?;
            self.pass_on(signal, &child);
        }
    }

    fn pass_on(&mut self, signal: i32, child: &Child) {
        let named = match signal {
            SIGINT => Signal::INT,
            SIGTERM => Signal::TERM,
            SIGUSR1 => Signal::USR1,
            _ => return,
        };
        self.asked_to_end |= signal != SIGUSR1;
        if signal == SIGINT && shares_terminal() {
            // The terminal has sent it to the child as well, to which a second one is a command
            // to leave everything as it is.
            return;
        }
        // The child has not been waited for, so the number is its own still.
        if let Err(cause) = kill_process(Pid::from_child(child), named) {
            tracing::warn!(signal, %cause, "a signal could not be passed on to the job");
        }
    }

    /// Waits until it is time for the next child, or says that none is wanted.
    fn is_asked_to_end_before(&mut self, due: Instant) -> bool {
        loop {
            match self.signals.recv_deadline(due) {
                Ok(SIGINT | SIGTERM) => return true,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return false,
                // The next child reports that nobody watches.
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}

/// Starts the program again with the arguments of this process. It reads and writes where this one
/// does.
fn start(program: &Path, told: &Told) -> Result<Child, Error> {
    let mut command = Command::new(program);
    command.args(std::env::args_os().skip(1)).env(SUPERVISOR, told.to_string());
    if !shares_terminal() {
        // In a group of its own it hears a signal once: from here.
        command.process_group(0);
    }
    command.spawn().map_err(|cause| Error::io("start this program again", cause))
}

/// Whether parent and child are one group to a terminal, which sends both the signals of its keys.
/// A child in a group of its own could not read from the terminal.
fn shares_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Hears of signals to this process from now on, the ends of children among them.
fn watch_signals() -> Result<Receiver<i32>, Error> {
    let failed = |cause| Error::io("watch signals for the job", cause);
    let (send, signals) = crossbeam_channel::bounded(WAITING_SIGNALS);
    let mut arriving = Signals::new([SIGCHLD, SIGINT, SIGTERM, SIGUSR1]).map_err(failed)?;
    std::thread::Builder::new()
        .name("rheos signals".into())
        .spawn(move || arriving.forever().try_for_each(|signal| send.send(signal)))
        .map_err(failed)?;
    Ok(signals)
}

fn unwatched() -> Error {
    Error::new(ErrorKind::Internal, "watch signals for the job", "their thread has ended")
}

/// A line on standard error, where the job itself writes too.
fn say(line: &str) {
    // A parent whose standard error is gone goes on.
    let _ = std::io::stderr().lock().write_all(format!("rheos: {line}\n").as_bytes());
}
