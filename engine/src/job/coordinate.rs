//! When a job is cut, and what becomes of a cut: decided in process 0, from facts alone.
//!
//! One cut at a time. It is durable when every process has said that all its workers have done
//! their part and the manifest is written; what one process could not do makes it void, and its
//! changes go into the next one, which takes everything. The end of the input and the stop of a job
//! are decided here, too, because each needs a manifest before anything is committed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::{CheckpointId, Error, ErrorKind};

/// How a process takes part in a cut, or in the end of the input: one vote for all its workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Vote<V> {
    /// It has done its part.
    Done(V),
    /// It could not, and why.
    Failed(String),
}

/// What is to be done next.
#[derive(Debug)]
pub(crate) enum Act<V> {
    /// Cut the job.
    Cut { id: CheckpointId, base: Option<CheckpointId> },
    /// Every process has done its part: write the manifest, then say how it went.
    Write { id: CheckpointId, votes: Vec<V>, is_end: bool },
    /// Tell everybody that the checkpoint is durable.
    Announce { id: CheckpointId, is_end: bool, is_last: bool },
    /// Nothing comes of the checkpoint.
    Void { id: CheckpointId, reason: String },
    /// Leave the job as the last durable checkpoint has it.
    Leave,
    /// The job fails.
    Fail(Error),
}

/// How cuts are taken.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
    pub(crate) failures_in_a_row: u32,
    pub(crate) processes: usize,
}

#[derive(Debug)]
struct Running<V> {
    id: CheckpointId,
    since: Instant,
    votes: BTreeMap<usize, V>,
    is_last: bool,
}

/// Decides about the cuts of a job; `V` is what a process has to say of one.
#[derive(Debug)]
pub(crate) struct Coordinator<V> {
    rules: Rules,
    next: CheckpointId,
    /// The last checkpoint of this run that is durable, unless a later one came to nothing.
    base: Option<CheckpointId>,
    /// When the last cut was begun, or the job.
    last_begun: Instant,
    running: Option<Running<V>>,
    failures: u32,
    ended: BTreeMap<usize, V>,
    end: Option<CheckpointId>,
    is_stopped: bool,
    /// No cut is begun any more: only the end of the input can come.
    is_closed: bool,
}

impl<V> Coordinator<V> {
    /// For a job that begins now and whose first checkpoint has the number `next`.
    pub(crate) fn new(rules: Rules, next: CheckpointId, now: Instant) -> Self {
        Self {
            rules,
            next,
            base: None,
            last_begun: now,
            running: None,
            failures: 0,
            ended: BTreeMap::new(),
            end: None,
            is_stopped: false,
            is_closed: false,
        }
    }

    /// No cut can be taken any more, because every source has said that it has ended: one that
    /// was not announced yet, `pending`, never will be.
    pub(crate) fn close(&mut self, pending: Option<CheckpointId>) {
        self.is_closed = true;
        self.running.take_if(|running| Some(running.id) == pending);
    }

    /// A source has been told to say that its input ends here. That is true only together with
    /// the end of everything else: a cut in between would hold it for ever.
    pub(crate) fn drain(&mut self) {
        self.is_closed = true;
        self.running = None;
    }

    /// When to ask again at the latest; never where no time has to come any more.
    pub(crate) fn due(&self) -> Option<Instant> {
        match &self.running {
            // A duration beyond all time is never over.
            Some(running) => running.since.checked_add(self.rules.timeout),
            None if self.is_over() => None,
            None => self.last_begun.checked_add(self.rules.every),
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<Act<V>> {
        match &self.running {
            Some(running) if self.due().is_some_and(|due| now >= due) => {
                let reason = format!("it took longer than {:?}", self.rules.timeout);
                let id = running.id;
                self.fail(id, reason)
            }
            Some(_) => Vec::new(),
            None if self.due().is_some_and(|due| now >= due) => vec![self.begin(now, false)],
            None => Vec::new(),
        }
    }

    /// Somebody wants a cut now, whenever the next one would be due. One that runs will do.
    pub(crate) fn want(&mut self, now: Instant) -> Vec<Act<V>> {
        match self.running.is_some() || self.is_over() {
            true => Vec::new(),
            false => vec![self.begin(now, false)],
        }
    }

    /// All workers have stopped before the end of their input: a last cut is taken.
    pub(crate) fn stop(&mut self, now: Instant) -> Vec<Act<V>> {
        self.is_stopped = true;
        if self.is_closed {
            // What some have said to be the end of their input must not be in a checkpoint.
            return vec![Act::Leave];
        }
        // One that runs may have been cut before the last record; it makes room.
        match &self.running {
            Some(_) => Vec::new(),
            None => vec![self.begin(now, true)],
        }
    }

    /// Whether no ordinary cut is begun any more.
    fn is_over(&self) -> bool {
        self.end.is_some() || self.is_stopped || self.is_closed
    }

    fn begin(&mut self, now: Instant, is_last: bool) -> Act<V> {
        let id = self.next;
        self.next = id.next();
        self.last_begun = now;
        self.running = Some(Running { id, since: now, votes: BTreeMap::new(), is_last });
        Act::Cut { id, base: self.base }
    }

    /// A process has said how it took part in a cut.
    pub(crate) fn vote(&mut self, id: CheckpointId, process: usize, vote: Vote<V>) -> Vec<Act<V>> {
        let Some(running) = self.running.as_mut().filter(|running| running.id == id) else {
            return Vec::new();
        };
        match vote {
            Vote::Failed(reason) => self.fail(id, reason),
            Vote::Done(facts) => {
                running.votes.insert(process, facts);
                if running.votes.len() < self.rules.processes {
                    return Vec::new();
                }
                let votes = std::mem::take(&mut running.votes).into_values().collect();
                vec![Act::Write { id, votes, is_end: false }]
            }
        }
    }

    /// The input of a process has ended.
    pub(crate) fn end(&mut self, process: usize, facts: V) -> Vec<Act<V>> {
        self.ended.insert(process, facts);
        if self.ended.len() < self.rules.processes {
            return Vec::new();
        }
        // Nothing that was cut before it matters any more.
        self.running = None;
        let id = self.next;
        self.next = id.next();
        self.end = Some(id);
        let votes = std::mem::take(&mut self.ended).into_values().collect();
        vec![Act::Write { id, votes, is_end: true }]
    }

    /// The manifest has been written, or could not be.
    pub(crate) fn written(
        &mut self,
        id: CheckpointId,
        result: Result<(), Error>,
        now: Instant,
    ) -> Vec<Act<V>> {
        let is_end = self.end == Some(id);
        match result {
            // Without it nothing may be committed, and there is no later one.
            Err(error) if is_end => vec![Act::Fail(error)],
            Err(error) => self.fail(id, error.to_string()),
            Ok(()) => {
                let is_last = self.running.take().is_some_and(|running| running.is_last);
                self.base = Some(id);
                self.failures = 0;
                let mut acts = vec![Act::Announce { id, is_end, is_last }];
                if self.is_stopped && !is_last && !is_end {
                    acts.push(self.begin(now, true));
                }
                acts
            }
        }
    }

    fn fail(&mut self, id: CheckpointId, reason: String) -> Vec<Act<V>> {
        let is_last = self.running.take().is_some_and(|running| running.is_last);
        self.base = None;
        self.failures += 1;
        let most = self.rules.failures_in_a_row;
        let is_too_often = self.failures >= most || is_last;
        let mut acts = vec![Act::Void { id, reason: reason.clone() }];
        if is_too_often {
            let attempted = match is_last {
                true => format!("take checkpoint {id}, the last before the job stops"),
                false => format!("take checkpoint {id}, after {} that failed", self.failures - 1),
            };
            let advice = "see that the checkpoint folder can be written and has room";
            acts.push(Act::Fail(Error::new(ErrorKind::External, attempted, reason).advise(advice)));
        } else if self.is_stopped {
            acts.push(self.begin(Instant::now(), true));
        }
        acts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(10);

    fn coordinator(processes: usize) -> (Coordinator<&'static str>, Instant) {
        let now = Instant::now();
        let timeout = Duration::from_secs(60);
        let rules = Rules { every: EVERY, timeout, failures_in_a_row: 3, processes };
        (Coordinator::new(rules, CheckpointId(5), now), now)
    }

    fn cut(acts: &[Act<&'static str>]) -> (u64, Option<u64>) {
        match acts {
            [Act::Cut { id, base }] => (id.0, base.map(|base| base.0)),
            _ => panic!("{acts:?} is no cut"),
        }
    }

    #[test]
    fn a_manifest_is_written_only_when_every_process_has_voted() {
        let (mut coordinator, begun) = coordinator(2);
        assert!(coordinator.tick(begun).is_empty());
        assert_eq!(cut(&coordinator.tick(begun + EVERY)), (5, None));
        let id = CheckpointId(5);
        assert!(coordinator.tick(begun + EVERY * 2).is_empty(), "one at a time");
        assert!(coordinator.vote(id, 1, Vote::Done("b")).is_empty());
        assert!(coordinator.vote(id, 1, Vote::Done("b")).is_empty(), "a vote counts once");
        assert!(coordinator.vote(CheckpointId(4), 0, Vote::Done("a")).is_empty(), "of another");
        let acts = coordinator.vote(id, 0, Vote::Done("a"));
        assert!(
            matches!(&acts[..], [Act::Write { id: CheckpointId(5), votes, is_end: false }] if *votes == ["a", "b"])
        );
        let acts = coordinator.written(id, Ok(()), begun + EVERY);
        assert!(matches!(&acts[..], [Act::Announce { is_end: false, is_last: false, .. }]));
        assert_eq!(cut(&coordinator.tick(begun + EVERY * 3)), (6, Some(5)));
    }

    #[test]
    fn a_checkpoint_that_fails_is_void_and_the_next_takes_everything() {
        let (mut coordinator, begun) = coordinator(1);
        coordinator.tick(begun + EVERY);
        let acts = coordinator.vote(CheckpointId(5), 0, Vote::Failed("full".into()));
        assert!(matches!(&acts[..], [Act::Void { id: CheckpointId(5), .. }]));
        assert!(coordinator.vote(CheckpointId(5), 0, Vote::Done("late")).is_empty());
        assert_eq!(cut(&coordinator.tick(begun + EVERY * 2)), (6, None));
        let acts = coordinator.tick(begun + EVERY * 2 + Duration::from_secs(60));
        assert!(matches!(&acts[..], [Act::Void { id: CheckpointId(6), .. }]), "too slow");
        coordinator.tick(begun + EVERY * 20);
        let acts = coordinator.vote(CheckpointId(7), 0, Vote::Failed("full".into()));
        assert!(matches!(&acts[..], [Act::Void { .. }, Act::Fail(_)]), "three in a row: {acts:?}");
    }

    #[test]
    fn a_cut_that_is_wanted_comes_at_once_unless_one_runs() {
        let (mut coordinator, begun) = coordinator(1);
        assert_eq!(cut(&coordinator.want(begun)), (5, None));
        assert!(coordinator.want(begun).is_empty(), "one at a time");
        coordinator.vote(CheckpointId(5), 0, Vote::Done("a"));
        coordinator.written(CheckpointId(5), Ok(()), begun);
        coordinator.end(0, "a");
        assert!(coordinator.want(begun).is_empty(), "no cut behind the end");
    }

    #[test]
    fn nothing_is_cut_any_more_when_nobody_can_announce_it() {
        let (mut coordinator, begun) = coordinator(1);
        coordinator.tick(begun + EVERY);
        coordinator.close(Some(CheckpointId(5)));
        assert!(coordinator.tick(begun + EVERY * 99).is_empty(), "it does not fail for that");
        assert!(coordinator.want(begun).is_empty());
        assert_eq!(coordinator.due(), None);
        let acts = coordinator.end(0, "a");
        assert!(matches!(&acts[..], [Act::Write { id: CheckpointId(6), is_end: true, .. }]));
    }

    #[test]
    fn a_cut_that_was_announced_before_all_sources_ended_is_taken() {
        let (mut coordinator, begun) = coordinator(1);
        coordinator.tick(begun + EVERY);
        coordinator.close(None);
        let acts = coordinator.vote(CheckpointId(5), 0, Vote::Done("a"));
        assert!(matches!(&acts[..], [Act::Write { id: CheckpointId(5), is_end: false, .. }]));
    }

    #[test]
    fn a_job_that_drains_takes_no_cut_but_the_end() {
        let (mut coordinator, begun) = coordinator(1);
        coordinator.tick(begun + EVERY);
        coordinator.drain();
        assert!(coordinator.vote(CheckpointId(5), 0, Vote::Done("a")).is_empty());
        assert!(coordinator.tick(begun + EVERY * 99).is_empty());
        let acts = coordinator.end(0, "a");
        assert!(matches!(&acts[..], [Act::Write { id: CheckpointId(6), is_end: true, .. }]));
    }

    #[test]
    fn a_job_that_is_stopped_while_it_drains_is_left_as_it_was() {
        let (mut coordinator, begun) = coordinator(1);
        coordinator.drain();
        assert!(matches!(&coordinator.stop(begun)[..], [Act::Leave]));
    }

    #[test]
    fn a_duration_beyond_all_time_is_never_over() {
        let now = Instant::now();
        let (every, timeout) = (Duration::MAX, Duration::MAX);
        let rules = Rules { every, timeout, failures_in_a_row: 3, processes: 1 };
        let mut coordinator = Coordinator::<&str>::new(rules, CheckpointId(1), now);
        assert_eq!(coordinator.due(), None);
        assert!(coordinator.tick(now).is_empty());
        assert_eq!(cut(&coordinator.want(now)), (1, None));
        assert!(coordinator.tick(now + EVERY).is_empty());
    }

    #[test]
    fn the_end_needs_a_manifest_of_its_own() {
        let (mut coordinator, begun) = coordinator(2);
        coordinator.tick(begun + EVERY);
        assert!(coordinator.end(0, "a").is_empty());
        let acts = coordinator.end(1, "b");
        assert!(matches!(&acts[..], [Act::Write { id: CheckpointId(6), is_end: true, .. }]));
        assert!(coordinator.tick(begun + EVERY * 9).is_empty(), "no cut behind the end");
        assert_eq!(coordinator.due(), None, "nobody has to look again");
        let acts = coordinator.written(CheckpointId(6), Ok(()), begun);
        assert!(matches!(&acts[..], [Act::Announce { is_end: true, .. }]));
    }

    #[test]
    fn an_end_that_cannot_be_written_fails_the_job() {
        let (mut coordinator, begun) = coordinator(1);
        coordinator.end(0, "a");
        let refused = Error::new(ErrorKind::External, "write", "full");
        let acts = coordinator.written(CheckpointId(5), Err(refused), begun);
        assert!(matches!(&acts[..], [Act::Fail(_)]));
    }

    #[test]
    fn a_job_that_stops_takes_a_last_cut_behind_one_that_runs() {
        let (mut coordinator, begun) = coordinator(1);
        coordinator.tick(begun + EVERY);
        assert!(coordinator.stop(begun + EVERY).is_empty(), "another cut runs");
        coordinator.vote(CheckpointId(5), 0, Vote::Done("a"));
        let acts = coordinator.written(CheckpointId(5), Ok(()), begun + EVERY);
        assert!(matches!(
            &acts[..],
            [Act::Announce { is_last: false, .. }, Act::Cut { id: CheckpointId(6), .. }]
        ));
        coordinator.vote(CheckpointId(6), 0, Vote::Done("a"));
        let acts = coordinator.written(CheckpointId(6), Ok(()), begun + EVERY);
        assert!(matches!(&acts[..], [Act::Announce { is_last: true, .. }]));
        assert!(coordinator.tick(begun + EVERY * 9).is_empty());
    }

    #[test]
    fn a_job_that_cannot_take_its_last_cut_fails() {
        let (mut coordinator, begun) = coordinator(1);
        assert_eq!(cut(&coordinator.stop(begun)), (5, None));
        let acts = coordinator.vote(CheckpointId(5), 0, Vote::Failed("full".into()));
        assert!(matches!(&acts[..], [Act::Void { .. }, Act::Fail(_)]));
    }
}
