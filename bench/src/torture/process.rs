//! The processes of a job under torture: started, watched, signalled and ended, by their numbers.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::fault::{Ending, Fault};
use super::probe::{PANIC_AT, PROCESSES, START};
use super::script::Episode;
use super::task::Task;

/// The hidden command of this program that runs the job of a workload.
pub(crate) const JOB_COMMAND: &str = "torture-job";

/// How long a process may be silent before the others give it up: on a busy machine a process that is
/// well is not scheduled for a second.
pub(super) const PEER_TIMEOUT: Duration = Duration::from_secs(3);

/// The numbers of rivals begin here.
const RIVALS: usize = 1_000;

/// A process that somebody started, known by its number and the moment of its start: a number alone
/// may be given to another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    id: u32,
    began: u64,
}

impl Process {
    /// The process that has this number now.
    fn find(id: u32) -> Option<Self> {
        Some(Self { id, began: stat(id)?.began })
    }

    /// The processes that it has started and that are there.
    pub(super) fn children(self) -> Vec<Self> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id)).into_iter().flatten();
        let list = |task: fs::DirEntry| fs::read_to_string(task.path().join("children"));
        let lists: Vec<String> = tasks.flatten().filter_map(|task| list(task).ok()).collect();
        let ids = lists.iter().flat_map(|list| list.split_whitespace());
        ids.filter_map(|id| Process::find(id.parse().ok()?)).collect()
    }

    /// What is known of it; `None` once it is gone.
    fn stat(self) -> Option<Stat> {
        stat(self.id).filter(|stat| stat.began == self.began)
    }

    /// Whether it is there. One whose first thread has ended still holds its files and locks while
    /// others have not.
    pub(super) fn is_running(self) -> bool {
        self.stat().is_some_and(|stat| stat.state != 'Z' || stat.threads > 1)
    }

    /// Whether it is stopped, as by SIGSTOP.
    pub(super) fn is_stopped(self) -> bool {
        self.stat().is_some_and(|stat| stat.state == 'T')
    }

    /// Sends a signal by name, if it is still there.
    pub(super) fn signal(self, name: &str) {
        if self.is_running() {
            // It may end just now, and then nobody is there to be told.
            let _ = Command::new("kill")
                .args([&format!("-{name}"), &self.id.to_string()])
                .stderr(Stdio::null())
                .status();
        }
    }
}

struct Stat {
    /// What it is doing, as a letter of the kernel's.
    state: char,
    threads: u64,
    began: u64,
}

fn stat(id: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // Behind the command's name, which may hold spaces: the state is field 3, the number of threads
    // field 20, the start field 22.
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    let threads = fields.nth(16)?.parse().ok()?;
    Some(Stat { state, threads, began: fields.nth(1)?.parse().ok()? })
}

/// A start of a job.
pub(super) struct Launch<'a> {
    pub(super) number: usize,
    pub(super) workload: &'a str,
    pub(super) task: Task,
    pub(super) episode: &'a Episode,
    /// How the engine is broken on purpose.
    pub(super) broken: Option<&'a str>,
}

impl Launch<'_> {
    /// Starts the job.
    pub(super) fn start(&self) -> anyhow::Result<Running> {
        self.start_as(self.number)
    }

    /// Starts the same job beside it.
    pub(super) fn start_rival(&self) -> anyhow::Result<Running> {
        self.start_as(self.number + RIVALS)
    }

    fn start_as(&self, number: usize) -> anyhow::Result<Running> {
        let Self { workload, task, episode, broken, .. } = self;
        let log = task.folder.join(format!("log-{number}.txt"));
        let mut command = program(&episode.fault)?;
        command.arg(JOB_COMMAND).arg(workload).args(task.arguments());
        command.args([
            format!("--workers={}", episode.layout.workers),
            format!("--processes={}", episode.layout.processes),
            format!("--peer-timeout={}ms", PEER_TIMEOUT.as_millis()),
            format!("--checkpoint-every={}ms", episode.interval.as_millis()),
            "--no-progress".to_owned(),
            "--checkpoint-dir".to_owned(),
        ]);
        command.arg(task.checkpoints());
        command.env(START, number.to_string());
        command.env(PROCESSES, episode.layout.processes.to_string());
        prepare(&mut command, &episode.fault);
        if let Some(variant) = broken {
            command.env("RHEOS_BROKEN", variant);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(File::create(&log)?))
            .spawn()?;
        // It cannot be gone: nobody has waited for it yet.
        let first = Process::find(child.id())
            .ok_or_else(|| anyhow::anyhow!("process {} is not there", child.id()))?;
        Ok(Running { child, first, others: Vec::new(), log })
    }
}

/// This program, in surroundings as a fault wants them.
fn program(fault: &Fault) -> anyhow::Result<Command> {
    let program = std::env::current_exe()?;
    let Fault::SmallFiles { blocks } = fault else { return Ok(Command::new(program)) };
    let mut command = Command::new("sh");
    // A write beyond the limit gives an error instead of a signal that ends the process.
    command.args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &blocks.to_string()]);
    command.arg(program);
    Ok(command)
}

/// Tells a job what it does to itself.
fn prepare(command: &mut Command, fault: &Fault) {
    if fault.needs_end() {
        command.arg("--drain");
    }
    match fault {
        Fault::Panic { record } => {
            command.env(PANIC_AT, record.to_string());
        }
        Fault::Place(place) => {
            let wish = format!("{}@{}={}", place.name, place.time, place.action.name());
            command.env("RHEOS_FAILPOINT", wish);
            command.env("RHEOS_FAILPOINT_PROCESS", place.process.to_string());
        }
        Fault::Supervised { .. } => {
            command.args(["--restarts=3", "--backoff=10ms"]);
        }
        _ => {}
    }
}

/// A job that was started.
pub(super) struct Running {
    child: Child,
    first: Process,
    /// The other processes that were seen.
    others: Vec<Process>,
    log: PathBuf,
}

impl Running {
    /// What it has said on standard error.
    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    pub(super) fn first(&self) -> Process {
        self.first
    }

    /// All processes that descend from the first one: those that were seen at any time.
    pub(super) fn others(&mut self) -> &[Process] {
        let mut parents = vec![self.first];
        while let Some(parent) = parents.pop() {
            for process in parent.children() {
                parents.push(process);
                if !self.others.contains(&process) {
                    self.others.push(process);
                }
            }
        }
        &self.others
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> anyhow::Result<Option<Ending>> {
        let Some(status) = self.child.try_wait()? else { return Ok(None) };
        Ok(Some(match status.code() {
            Some(code) => Ending::Code(code),
            None => Ending::Signal(status.signal().unwrap_or(0)),
        }))
    }

    /// Kills the first process; the others find out.
    pub(super) fn kill_first(&mut self) -> anyhow::Result<()> {
        // They are not to be found once the first is gone.
        self.others();
        Ok(self.child.kill()?)
    }

    /// Kills all processes, as if the machine had gone.
    pub(super) fn kill_all(&mut self) -> anyhow::Result<()> {
        self.kill_first()?;
        self.others.iter().for_each(|process| process.signal("KILL"));
        Ok(())
    }
}

impl Drop for Running {
    /// Leaves no process behind when the campaign gives up.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // It may end just now.
            let _ = self.kill_all();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_told_apart_by_their_start() {
        let here = Process::find(std::process::id()).unwrap();
        assert!(here.is_running() && !here.is_stopped());
        assert!(!Process { began: here.began + 1, ..here }.is_running());
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let process = Process::find(child.id()).unwrap();
        process.signal("STOP");
        while !process.is_stopped() {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        process.signal("KILL");
        assert!(!child.wait().unwrap().success());
        assert!(!process.is_running());
    }
}
