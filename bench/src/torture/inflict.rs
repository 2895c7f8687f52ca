//! One start of a job: waits for the moment, does what is to be done, waits for the end.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::fault::{Ending, Fault, Sight, Whom};
use super::feeder::Arrived;
use super::finding::{Findings, Kind};
use super::phase::{Phase, Sighting, is_committed};
use super::probe::running_mark;
use super::process::{Launch, PEER_TIMEOUT, Process, Running};
use super::reader::PartCount;
use super::script::Episode;

/// A job that publishes nothing, writes nothing into its checkpoint folder and does not end for so
/// long hangs.
const PROGRESS_WITHIN: Duration = Duration::from_secs(30);
/// No start of a job lasts longer, whatever it is busy with.
const ENDS_WITHIN: Duration = Duration::from_secs(180);
/// A fault that waits for something that does not come becomes a kill after so long.
const COMES_WITHIN: Duration = Duration::from_millis(1_500);

/// What has arrived is seen by a job that runs within so long.
const SEEN_WITHIN: Duration = Duration::from_secs(1);

/// A job that was disturbed and not killed goes on for so long before it is.
const GOES_ON_FOR: Duration = Duration::from_millis(300);
/// A second job on a folder is refused within this.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

const LOOKS_EVERY: Duration = Duration::from_millis(2);
/// The files of a checkpoint come and go within a few milliseconds.
const LOOKS_CLOSELY_EVERY: Duration = Duration::from_micros(100);

/// What came of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    Happened,
    Ended(Ending),
    Hung,
}

/// A start of a job.
pub(super) struct Attempt<'a> {
    launch: Launch<'a>,
    episode: &'a Episode,
    running: Running,
    checkpoints: PathBuf,
    /// What the checkpoint folder held before.
    before: Sighting,
    mark: PathBuf,
    parts: PartCount,
    has_all_arrived: Arrived,
    began: Instant,
    progress: Progress,
    was_inflicted: bool,
    died: Option<Instant>,
    /// Processes that are stopped and whose job goes on, or ends, without them.
    frozen: Vec<Process>,
    findings: Findings,
}

/// The last that was seen of a job that moves.
struct Progress {
    seen: (Sighting, u64, bool),
    at: Instant,
}

impl<'a> Attempt<'a> {
    /// Starts the job.
    pub(super) fn new(
        launch: Launch<'a>,
        (parts, has_all_arrived): (PartCount, Arrived),
    ) -> anyhow::Result<Self> {
        let before = Sighting::of(&launch.task.checkpoints());
        let running = launch.start()?;
        let began = Instant::now();
        Ok(Self {
            episode: launch.episode,
            running,
            checkpoints: launch.task.checkpoints(),
            before,
            mark: running_mark(&launch.task.marks(), launch.number as u64),
            launch,
            parts,
            has_all_arrived,
            began,
            progress: Progress { seen: Default::default(), at: began },
            was_inflicted: false,
            died: None,
            frozen: Vec::new(),
            findings: Findings::default(),
        })
    }

    /// Waits until the job has seen a record, or until it is to be killed before that.
    pub(super) fn until_running(&mut self) -> anyhow::Result<Waited> {
        match self.episode.fault {
            Fault::KillRestoring { after } => self.until(LOOKS_EVERY, |job| job.has_lasted(after)),
            // What happens at a place may happen before the first record.
            Fault::Place(_) => self.until(LOOKS_EVERY, |job| job.has_begun() || job.is_frozen()),
            _ => self.until(LOOKS_EVERY, Self::has_begun),
        }
    }

    /// Does what is to be done and waits for the end.
    pub(super) fn inflict(&mut self) -> anyhow::Result<Waited> {
        let waited = match self.episode.fault {
            Fault::Nothing | Fault::Drain | Fault::Panic { .. } => Waited::Happened,
            Fault::SmallFiles { .. } => self.after(COMES_WITHIN, Self::kill)?,
            Fault::Rival { after } => self.stand_a_rival(after)?,
            Fault::Supervised { after } => self.kill_with_parent(after)?,
            Fault::Kill { whom, after } => self.after(after, |job| job.kill_whom(whom))?,
            Fault::KillRestoring { .. } => self.after(Duration::ZERO, Self::kill)?,
            Fault::KillAtCut { whom, sight, after } => self.kill_at_cut(whom, sight, after)?,
            Fault::Place(_) => self.wait_for_place()?,
            Fault::Freeze { whom, after, length } => self.freeze(whom, after, length)?,
            Fault::Stop { after } => self.after(after, Self::tell_to_stop)?,
        };
        let waited = match waited {
            Waited::Happened if self.episode.fault.needs_end() => self.end()?,
            waited => waited,
        };
        match waited {
            Waited::Happened => self.until(LOOKS_EVERY, |_| false),
            ended => Ok(ended),
        }
    }

    /// Ends a job that is fed, once all has arrived; others end by themselves.
    fn end(&mut self) -> anyhow::Result<Waited> {
        match self.until(LOOKS_EVERY, |job| job.has_all_arrived.get())? {
            Waited::Happened => self.after(SEEN_WITHIN, Self::tell_to_stop),
            ended => Ok(ended),
        }
    }

    /// Waits a while and does something then.
    fn after(
        &mut self,
        after: Duration,
        act: impl FnOnce(&mut Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<Waited> {
        let due = Instant::now() + after;
        let waited = self.until(LOOKS_CLOSELY_EVERY.max(after / 100), |_| Instant::now() >= due)?;
        if waited == Waited::Happened {
            act(self)?;
            self.was_inflicted = true;
        }
        Ok(waited)
    }

    fn kill_at_cut(&mut self, whom: Whom, sight: Sight, after: Duration) -> anyhow::Result<Waited> {
        let before = Sighting::of(&self.checkpoints);
        let deadline = Instant::now() + COMES_WITHIN;
        // They cannot be looked for in the moment that counts.
        self.running.others();
        let waited = self.until(LOOKS_CLOSELY_EVERY, |job| {
            Sighting::of(&job.checkpoints).shows(sight, &before) || Instant::now() >= deadline
        })?;
        match waited {
            Waited::Happened => self.after(after, |job| job.kill_whom(whom)),
            ended => Ok(ended),
        }
    }

    /// Something happens at a place, or nobody comes there, and then the job is killed.
    fn wait_for_place(&mut self) -> anyhow::Result<Waited> {
        let deadline = Instant::now() + COMES_WITHIN;
        // At the end something happens at the end.
        let is_at_end = self.episode.fault.needs_end();
        let mut waited = self.until(LOOKS_EVERY, |job| {
            let is_over =
                if is_at_end { job.has_all_arrived.get() } else { Instant::now() >= deadline };
            is_over || job.is_frozen()
        })?;
        if is_at_end && waited == Waited::Happened && !self.is_frozen() {
            self.after(SEEN_WITHIN, Self::tell_to_stop)?;
            waited = self.until(LOOKS_EVERY, Self::is_frozen)?;
        }
        match waited {
            Waited::Happened if self.is_frozen() => {
                let stopped = self.stopped();
                self.thaw_after(stopped, 2 * PEER_TIMEOUT)
            }
            Waited::Happened => self.after(Duration::ZERO, Self::kill),
            ended => Ok(ended),
        }
    }

    fn freeze(&mut self, whom: Whom, after: Duration, length: Duration) -> anyhow::Result<Waited> {
        let chosen = match whom {
            Whom::Other => self.running.others().first().copied(),
            _ => None,
        };
        let process = chosen.unwrap_or(self.running.first());
        let waited = self.after(after, |_| {
            process.signal("STOP");
            Ok(())
        })?;
        match waited {
            Waited::Happened => self.thaw_after(vec![process], length),
            ended => Ok(ended),
        }
    }

    /// Lets stopped processes go on after a while, and the job go on with them. If it ends before
    /// that they stay as they are, to wake up when it has been started again.
    fn thaw_after(&mut self, stopped: Vec<Process>, length: Duration) -> anyhow::Result<Waited> {
        let due = Instant::now() + length;
        let waited = self.until(LOOKS_EVERY, |_| Instant::now() >= due)?;
        if waited != Waited::Happened {
            self.frozen = stopped;
            return Ok(waited);
        }
        stopped.iter().for_each(|process| process.signal("CONT"));
        // It has to show that it is well.
        self.after(GOES_ON_FOR, Self::kill)
    }

    /// Starts the same job a second time, which must be refused and change nothing.
    fn stand_a_rival(&mut self, after: Duration) -> anyhow::Result<Waited> {
        let waited = self.after(after, |_| Ok(()))?;
        if waited != Waited::Happened {
            return Ok(waited);
        }
        let mut rival = self.launch.start_rival()?;
        let deadline = Instant::now() + REFUSED_WITHIN;
        let mut ended = None;
        let waited = self.until(LOOKS_EVERY, |_| {
            ended = rival.ended().ok().flatten();
            ended.is_some() || Instant::now() >= deadline
        })?;
        // Where the job has come to its end meanwhile, there was nothing to refuse.
        if waited == Waited::Happened && !matches!(ended, Some(Ending::Code(2 | 5))) {
            self.findings.add(Kind::Failed, || format!("a second job was not refused: {ended:?}"));
        }
        match waited {
            Waited::Happened => self.after(GOES_ON_FOR, Self::kill),
            ended => Ok(ended),
        }
    }

    /// Kills the job, which its parent starts again, and then the parent, with whom the job ends.
    fn kill_with_parent(&mut self, after: Duration) -> anyhow::Result<Waited> {
        let parent = self.running.first();
        let first = parent.children();
        let waited = self.after(after, |_| {
            first.iter().for_each(|job| job.signal("KILL"));
            Ok(())
        })?;
        if waited != Waited::Happened {
            return Ok(waited);
        }
        let is_new = |job: &Process| !first.contains(job);
        match self.until(LOOKS_EVERY, |_| parent.children().iter().any(is_new))? {
            Waited::Happened => {}
            ended => return Ok(ended),
        }
        let waited = self.after(GOES_ON_FOR, |job| {
            // So that it starts nobody while it is looked at.
            parent.signal("STOP");
            job.running.kill_first()
        })?;
        // Whoever takes over at once finds the folder locked.
        let deadline = Instant::now() + REFUSED_WITHIN;
        while waited == Waited::Happened
            && self.running.others().iter().any(|process| process.is_running())
            && Instant::now() < deadline
        {
            std::thread::park_timeout(LOOKS_EVERY);
        }
        Ok(waited)
    }

    fn tell_to_stop(&mut self) -> anyhow::Result<()> {
        self.running.first().signal("TERM");
        Ok(())
    }

    fn kill_whom(&mut self, whom: Whom) -> anyhow::Result<()> {
        match whom {
            Whom::Everybody => self.kill(),
            Whom::First => self.running.kill_first(),
            Whom::Other => match self.running.others().last().copied() {
                Some(other) => {
                    other.signal("KILL");
                    Ok(())
                }
                None => self.running.kill_first(),
            },
        }
    }

    /// Kills all processes.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.was_inflicted = true;
        self.running.kill_all()
    }

    fn until(
        &mut self,
        every: Duration,
        mut condition: impl FnMut(&mut Self) -> bool,
    ) -> anyhow::Result<Waited> {
        loop {
            if let Some(ending) = self.running.ended()? {
                self.died.get_or_insert_with(Instant::now);
                return Ok(Waited::Ended(ending));
            }
            if condition(self) {
                return Ok(Waited::Happened);
            }
            if self.is_hanging() {
                return Ok(Waited::Hung);
            }
            std::thread::park_timeout(every);
        }
    }

    fn is_hanging(&mut self) -> bool {
        // Looking costs, and so is not done at every turn.
        if self.progress.at.elapsed() > PROGRESS_WITHIN / 10 {
            let seen = (Sighting::of(&self.checkpoints), self.parts.get(), self.is_running());
            if seen != self.progress.seen {
                self.progress = Progress { seen, at: Instant::now() };
            }
        }
        self.progress.at.elapsed() > PROGRESS_WITHIN || self.began.elapsed() > ENDS_WITHIN
    }

    fn has_lasted(&self, length: Duration) -> bool {
        self.began.elapsed() >= length
    }

    /// Whether the job has seen a record, or will see none because nothing is left.
    fn has_begun(&mut self) -> bool {
        self.is_running() || self.has_all_arrived.get() && self.has_lasted(SEEN_WITHIN)
    }

    /// Whether the job has seen a record.
    pub(super) fn is_running(&self) -> bool {
        self.mark.exists()
    }

    fn is_frozen(&mut self) -> bool {
        !self.stopped().is_empty()
    }

    /// The processes that are stopped now.
    fn stopped(&mut self) -> Vec<Process> {
        let first = self.running.first();
        let all = self.running.others().iter().copied().chain([first]);
        all.filter(|process| process.is_stopped()).collect()
    }

    /// Whether what was to be done was done.
    pub(super) fn was_inflicted(&self, ending: Ending) -> bool {
        match self.episode.fault {
            Fault::Panic { .. } => ending != Ending::SUCCESS,
            Fault::Place(_) => !self.places().is_empty(),
            _ => self.was_inflicted,
        }
    }

    /// How far the job has come with its checkpoints.
    pub(super) fn phase(&self) -> Phase {
        let is_committed = is_committed(&self.launch.task.output());
        match Sighting::of(&self.checkpoints).phase(&self.before, is_committed) {
            Phase::Between if !self.is_running() => Phase::Starting,
            phase => phase,
        }
    }

    /// What was wrong besides the output.
    pub(super) fn findings(&mut self) -> Findings {
        std::mem::take(&mut self.findings)
    }

    /// Whether a process was killed: by the campaign, or by itself at a place.
    pub(super) fn was_killed(&self, ending: Ending) -> bool {
        let kills = matches!(
            self.episode.fault,
            Fault::Kill { .. } | Fault::KillAtCut { .. } | Fault::KillRestoring { .. }
        );
        ending == Ending::Signal(9) || kills && self.was_inflicted && ending != Ending::SUCCESS
    }

    /// When the first process was seen to have ended.
    pub(super) fn died(&self) -> Instant {
        self.died.unwrap_or(self.began)
    }

    /// The processes besides the first.
    pub(super) fn others(&mut self) -> Vec<Process> {
        self.running.others().to_vec()
    }

    /// The processes that are stopped still.
    pub(super) fn frozen(&mut self) -> Vec<Process> {
        std::mem::take(&mut self.frozen)
    }

    /// What the job has said on standard error.
    pub(super) fn log(&self) -> String {
        self.running.log()
    }

    /// The places at which something happened.
    pub(super) fn places(&self) -> Vec<String> {
        let log = self.log();
        let named = log.lines().filter_map(|line| line.strip_prefix("failpoint "));
        named.filter_map(|rest| Some(rest.split(',').next()?.to_owned())).collect()
    }
}
