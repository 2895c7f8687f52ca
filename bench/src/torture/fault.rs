//! What can be done to a job, and how it may end because of it.

use std::fmt;
use std::time::Duration;

/// What is done to a job. Times count from the first record of the start, unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing: it runs to its end.
    Nothing,
    /// It is told that its input is over once all has arrived: it has no end of its own.
    Drain,
    /// Processes are killed.
    Kill { whom: Whom, after: Duration },
    /// They are killed so long after a file of a checkpoint was seen.
    KillAtCut { whom: Whom, sight: Sight, after: Duration },
    /// All are killed so long after the start.
    KillRestoring { after: Duration },
    /// Something happens at a named place of the protocol.
    Place(Place),
    /// A process is stopped for a while, as by somebody who debugs it.
    Freeze { whom: Whom, after: Duration, length: Duration },
    /// User code panics at a record.
    Panic { record: u64 },
    /// No file can grow beyond this, as on a disk that is full: in blocks of 512 bytes.
    SmallFiles { blocks: u64 },
    /// The same job is started a second time on the same folder.
    Rival { after: Duration },
    /// The job has a parent that starts it again: the job is killed, and then its parent.
    Supervised { after: Duration },
    /// The job is told to stop by SIGTERM.
    Stop { after: Duration },
}

/// Which processes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// All at the same time.
    Everybody,
    /// The one that decides; the others find out.
    First,
    /// One of the others, if there are any.
    Other,
}

/// What is seen in the checkpoint folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// The state of a worker is being written: a checkpoint has begun.
    State,
    /// The manifest has its name: the checkpoint is decided.
    Manifest,
    /// `latest` names it.
    Latest,
}

/// Something that happens at a named place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: String,
    /// At which time of coming there, from 1.
    pub(super) time: u64,
    pub(super) action: Action,
    /// In which process of the job.
    pub(super) process: usize,
}

/// What happens at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Kill,
    Error,
    Full,
    Panic,
    Pause,
}

impl Action {
    pub(super) const ALL: [Self; 5] =
        [Action::Kill, Action::Error, Action::Full, Action::Panic, Action::Pause];

    /// As the engine's switch is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Action::Kill => "kill",
            Action::Error => "error",
            Action::Full => "full",
            Action::Panic => "panic",
            Action::Pause => "pause",
        }
    }
}

/// How the first process of a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Code(i32),
    Signal(i32),
}

impl Ending {
    pub(super) const SUCCESS: Self = Ending::Code(0);
    /// User code failed.
    const USER_CODE: Self = Ending::Code(4);
    /// Something outside failed, a disk for example.
    const EXTERNAL: Self = Ending::Code(5);
    /// Another process of the job failed.
    const PEER: Self = Ending::Code(6);
    const KILLED: Self = Ending::Signal(9);
}

impl Fault {
    /// Whether a job may end in this way because of the fault. It may always end well: the fault
    /// may have come too late.
    pub(super) fn explains(&self, ending: Ending) -> bool {
        let explained: &[Ending] = match self {
            Fault::Nothing | Fault::Drain | Fault::Stop { .. } => &[],
            // A process that is not the first takes the job with it.
            Fault::Kill { whom: Whom::Other, .. } | Fault::KillAtCut { whom: Whom::Other, .. } => {
                &[Ending::PEER, Ending::KILLED]
            }
            Fault::Kill { .. } | Fault::KillAtCut { .. } | Fault::KillRestoring { .. } => {
                // Others may be killed a moment earlier than the first.
                &[Ending::KILLED, Ending::PEER]
            }
            Fault::Place(place) => match place.action {
                Action::Kill => &[Ending::KILLED, Ending::PEER],
                Action::Error | Action::Full => &[Ending::EXTERNAL, Ending::PEER, Ending::KILLED],
                Action::Panic => {
                    // 101 is that of a panic in the program's own thread, while it starts a job.
                    const IN_MAIN: Ending = Ending::Code(101);
                    &[Ending::USER_CODE, Ending::PEER, Ending::KILLED, Ending::Code(70), IN_MAIN]
                }
                Action::Pause => &[Ending::PEER, Ending::KILLED],
            },
            Fault::Freeze { .. } => &[Ending::PEER, Ending::KILLED],
            Fault::SmallFiles { .. } => &[Ending::EXTERNAL, Ending::PEER, Ending::KILLED],
            Fault::Rival { .. } | Fault::Supervised { .. } => &[Ending::KILLED],
            Fault::Panic { .. } => &[Ending::USER_CODE],
        };
        ending == Ending::SUCCESS || explained.contains(&ending)
    }

    /// Whether it comes with the end of the input, or not at all.
    pub(super) fn needs_end(&self) -> bool {
        match self {
            Fault::Nothing | Fault::Drain | Fault::Panic { .. } => true,
            Fault::Place(Place { name, .. }) => {
                name.starts_with("end-") || name.starts_with("finish-")
            }
            _ => false,
        }
    }

    /// What it is, without its numbers, for a table.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Fault::Nothing => "nothing",
            Fault::Drain => "SIGTERM with --drain",
            Fault::Kill { whom: Whom::Everybody, .. } => "kill of all processes",
            Fault::Kill { whom: Whom::First, .. } => "kill of the first process",
            Fault::Kill { whom: Whom::Other, .. } => "kill of another process",
            Fault::KillAtCut { .. } => "kill aimed at a cut",
            Fault::KillRestoring { .. } => "kill while it restores",
            Fault::Place(place) => match place.action {
                Action::Kill => "kill at a named place",
                Action::Error => "failing disk at a named place",
                Action::Full => "full disk at a named place",
                Action::Panic => "panic at a named place",
                Action::Pause => "SIGSTOP at a named place",
            },
            Fault::Freeze { .. } => "SIGSTOP, SIGCONT",
            Fault::Panic { .. } => "panic in user code",
            Fault::SmallFiles { .. } => "full disk at any write",
            Fault::Rival { .. } => "a second job on the same folder",
            Fault::Supervised { .. } => "kill of a job with a parent, then of that",
            Fault::Stop { .. } => "SIGTERM",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Fault::Nothing | Fault::Drain => f.write_str(kind),
            Fault::Kill { after, .. }
            | Fault::Stop { after }
            | Fault::Rival { after }
            | Fault::Supervised { after } => write!(f, "{kind} after {after:?}"),
            Fault::SmallFiles { blocks } => write!(f, "{kind} beyond {blocks} blocks of a file"),
            Fault::KillRestoring { after } => write!(f, "{kind}, {after:?} after the start"),
            Fault::KillAtCut { whom, sight, after } => {
                write!(f, "{kind}: {whom:?}, {after:?} after the sight of {sight:?}")
            }
            Fault::Place(Place { name, time, process, .. }) => {
                write!(f, "{kind}: {name}, time {time}, process {process}")
            }
            Fault::Freeze { whom, after, length } => {
                write!(f, "{kind}: {whom:?} after {after:?} for {length:?}")
            }
            Fault::Panic { record } => write!(f, "{kind} at record {record}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_needs_an_explanation() {
        let after = Duration::ZERO;
        let kill = |whom| Fault::Kill { whom, after };
        let place =
            |action| Fault::Place(Place { name: "there".to_owned(), time: 1, action, process: 0 });
        for (fault, ending, is_explained) in [
            (Fault::Nothing, Ending::SUCCESS, true),
            (Fault::Nothing, Ending::PEER, false),
            (Fault::Nothing, Ending::KILLED, false),
            (kill(Whom::First), Ending::KILLED, true),
            (kill(Whom::Other), Ending::PEER, true),
            (kill(Whom::Everybody), Ending::Code(70), false),
            (kill(Whom::Everybody), Ending::Code(2), false),
            (Fault::Panic { record: 1 }, Ending::USER_CODE, true),
            (Fault::Panic { record: 1 }, Ending::Signal(6), false),
            (Fault::Stop { after }, Ending::Code(143), false),
            (place(Action::Full), Ending::EXTERNAL, true),
            (place(Action::Full), Ending::Code(70), false),
            (place(Action::Kill), Ending::KILLED, true),
        ] {
            assert_eq!(fault.explains(ending), is_explained, "{fault}: {ending:?}");
        }
    }
}
