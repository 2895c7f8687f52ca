//! A run: starts a job again after each fault until it comes to its end, and judges what it
//! published.

use std::time::{Duration, Instant};

use super::fault::{Ending, Fault};
use super::feeder::Feeder;
use super::finding::{Findings, Kind};
use super::inflict::{Attempt, Waited};
use super::phase::Phase;
use super::probe::Ended;
use super::process::{Launch, Process};
use super::reader::Reader;
use super::script::{Episode, Script};
use super::task::Task;

/// Processes of a job that has ended are gone within this.
const LEAVES_WITHIN: Duration = Duration::from_secs(10);

/// What happened in a run.
#[derive(Debug, Default)]
pub(super) struct Life {
    pub(super) starts: u64,
    /// What was done, as far as it came to it.
    pub(super) faults: Vec<&'static str>,
    /// How far the protocol had come at each kill.
    pub(super) kills: Vec<Phase>,
    /// The named places at which something happened.
    pub(super) places: Vec<String>,
    /// From a kill to the first record of the next start.
    pub(super) recoveries: Vec<Duration>,
    pub(super) findings: Findings,
    /// What happened, a line a start.
    pub(super) story: Vec<String>,
}

/// The parts of a run that all its starts share.
pub(super) struct Stage<'a> {
    pub(super) script: &'a Script,
    pub(super) task: Task,
    pub(super) reader: Reader,
    feeder: Feeder,
    broken: Option<&'a str>,
    life: Life,
    /// When the last start was killed, if it was.
    died: Option<Instant>,
    /// Processes of earlier starts that may be there still.
    left: Vec<Process>,
    /// Those of them that are stopped.
    frozen: Vec<Process>,
}

/// How a start ended.
enum Verdict {
    /// The job has come to its end.
    Finished,
    /// It has to be started again.
    Again,
    /// It makes no sense to go on.
    GiveUp,
}

/// Lives the run that a script says, with the engine broken on purpose if it says how.
pub(super) fn live(script: &Script, task: Task, broken: Option<&str>) -> anyhow::Result<Life> {
    task.make_folders()?;
    (script.workload.write_input)(&task)?;
    let reader = Reader::watch(task.output());
    let feeder = Feeder::start(script.workload.feed, &task);
    let (life, left, frozen) = Default::default();
    let mut stage = Stage { script, task, reader, feeder, broken, life, died: None, left, frozen };
    let mut is_finished = false;
    for (number, episode) in script.episodes.iter().enumerate() {
        match stage.start(number, episode)? {
            // Whatever comes after the end finds nothing to do.
            Verdict::Finished if script.starts_after_its_end => is_finished = true,
            Verdict::Finished => {
                is_finished = true;
                break;
            }
            Verdict::Again => {}
            Verdict::GiveUp => {
                is_finished = false;
                break;
            }
        }
    }
    stage.see_all_leave();
    let Stage { script, task, reader, feeder, mut life, .. } = stage;
    feeder.finish()?;
    let (published, findings) = reader.finish()?;
    life.findings.extend(findings);
    if is_finished {
        life.findings.extend(script.workload.judge(&task, &published));
    } else if life.findings.is_empty() {
        life.findings.add(Kind::Failed, || "it never came to its end".to_owned());
    }
    Ok(life)
}

impl Stage<'_> {
    fn start(&mut self, number: usize, episode: &Episode) -> anyhow::Result<Verdict> {
        self.life.starts += 1;
        let task = Task { repaired: episode.is_repaired, ..self.task.clone() };
        let name = self.script.workload.name;
        let launch = Launch { number, workload: name, task, episode, broken: self.broken };
        let around = (self.reader.parts(), self.feeder.arrived());
        let mut attempt = Attempt::new(launch, around)?;
        let waited = attempt.until_running()?;
        if waited == Waited::Happened && attempt.is_running() {
            self.life.recoveries.extend(self.died.take().map(|died| died.elapsed()));
            // Somebody who was stopped wakes up when others have taken over.
            self.frozen.drain(..).for_each(|process| process.signal("CONT"));
        }
        let waited = match waited {
            Waited::Happened => attempt.inflict()?,
            other => other,
        };
        let Waited::Ended(ending) = waited else {
            return self.hung(number, attempt);
        };
        self.frozen.extend(attempt.frozen());
        self.take_down(number, episode, &mut attempt, ending);
        let ended = Ended::read(&self.task.marks(), number as u64);
        Ok(self.verdict(number, episode, ending, ended, &attempt.log()))
    }

    /// Takes down what was done, and how far the job had come.
    fn take_down(
        &mut self,
        number: usize,
        episode: &Episode,
        attempt: &mut Attempt<'_>,
        ending: Ending,
    ) {
        self.left.extend(attempt.others());
        let places = attempt.places();
        self.life.findings.extend(attempt.findings());
        if attempt.was_inflicted(ending) {
            self.life.faults.push(episode.fault.kind());
        }
        self.life.places.extend(places);
        let phase = attempt.was_killed(ending).then(|| attempt.phase());
        self.life.kills.extend(phase);
        self.died = phase.map(|_| attempt.died());
        let phase = phase.map_or_else(String::new, |phase| format!(", {phase}"));
        self.life.story.push(format!("start {number}: {}: {ending:?}{phase}", episode.fault));
    }

    fn verdict(
        &mut self,
        number: usize,
        episode: &Episode,
        ending: Ending,
        ended: Option<Ended>,
        log: &str,
    ) -> Verdict {
        let is_poisoned = !episode.is_repaired && ending == Ending::Code(4);
        let is_stopped = matches!(episode.fault, Fault::Stop { .. });
        match (ending, ended) {
            (Ending::SUCCESS, Some(Ended::Finished)) => return Verdict::Finished,
            (Ending::SUCCESS, Some(Ended::Stopped)) if is_stopped => return Verdict::Again,
            (Ending::SUCCESS, _) => {}
            _ if is_poisoned || episode.fault.explains(ending) => return Verdict::Again,
            _ => {}
        }
        self.life.findings.add(Kind::Failed, || {
            let last = log.lines().rev().take(3).collect::<Vec<_>>().join(" | ");
            format!("start {number}, {}: {ending:?}, {ended:?}: {last}", episode.fault)
        });
        Verdict::GiveUp
    }

    fn hung(&mut self, number: usize, mut attempt: Attempt<'_>) -> anyhow::Result<Verdict> {
        self.life.findings.add(Kind::Hung, || format!("start {number}: no progress"));
        self.left.extend(attempt.others());
        attempt.kill()?;
        Ok(Verdict::GiveUp)
    }

    /// All processes of the run end by themselves, also those that nobody has killed.
    fn see_all_leave(&mut self) {
        self.frozen.drain(..).for_each(|process| process.signal("CONT"));
        let deadline = Instant::now() + LEAVES_WITHIN;
        let is_there = |left: &[Process]| left.iter().any(|process| process.is_running());
        while is_there(&self.left) && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        for process in self.left.drain(..).filter(|process| process.is_running()) {
            self.life.findings.add(Kind::Hung, || format!("{process:?} outlived its job"));
            process.signal("KILL");
        }
    }
}
