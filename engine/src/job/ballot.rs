//! How the workers of a job agree that it is over.
//!
//! A frontier that advances is not a vote: a dropped capability looks like the end of the input.
//! So every worker says explicitly that it has finished, and how; only when all workers of all
//! processes have, may any sink commit.

use std::sync::{Mutex, PoisonError};

/// What one worker, or all workers of a process together, found at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Vote {
    /// The input has ended, everything is processed, every writer is prepared.
    Ended,
    /// The job was asked to stop; everything that was read is processed.
    Stopped,
}

/// What all workers together decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every worker saw the end of the input: commit.
    Commit,
    /// At least one worker stopped before it: flush, publish nothing that waits for the end.
    Stop,
}

#[derive(Debug, Default)]
struct Count {
    ended: usize,
    stopped: usize,
}

impl Count {
    fn add(&mut self, vote: Vote) {
        match vote {
            Vote::Ended => self.ended += 1,
            Vote::Stopped => self.stopped += 1,
        }
    }

    /// The common vote once `voters` have voted: one that stopped makes all stop.
    fn result(&self, voters: usize) -> Option<Vote> {
        assert!(self.ended + self.stopped <= voters, "every voter votes once");
        match (self.ended + self.stopped == voters, self.stopped) {
            (false, _) => None,
            (true, 0) => Some(Vote::Ended),
            (true, _) => Some(Vote::Stopped),
        }
    }
}

/// Counts the votes of the local workers, then those of the processes.
pub(crate) struct Ballot {
    workers: usize,
    processes: usize,
    local: Mutex<Count>,
    all: Mutex<Count>,
}

impl Ballot {
    /// A ballot of `workers` workers in this process, one of `processes`.
    pub(crate) fn new(workers: usize, processes: usize) -> Self {
        assert!(workers > 0 && processes > 0, "a job has workers");
        Self { workers, processes, local: Mutex::default(), all: Mutex::default() }
    }

    /// Counts the vote of a local worker. Gives the vote of the process when it was the last.
    pub(crate) fn cast(&self, vote: Vote) -> Option<Vote> {
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        local.add(vote);
        let of_process = local.result(self.workers)?;
        drop(local);
        self.count_process(of_process);
        Some(of_process)
    }

    /// Counts the vote of a process.
    pub(crate) fn count_process(&self, vote: Vote) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).add(vote);
    }

    /// The decision, once every process has voted.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        Some(match all.result(self.processes)? {
            Vote::Ended => Verdict::Commit,
            Vote::Stopped => Verdict::Stop,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_decided_before_the_last_vote() {
        let ballot = Ballot::new(2, 2);
        assert_eq!(ballot.cast(Vote::Ended), None);
        assert_eq!(ballot.verdict(), None);
        assert_eq!(ballot.cast(Vote::Ended), Some(Vote::Ended));
        assert_eq!(ballot.verdict(), None);
        ballot.count_process(Vote::Ended);
        assert_eq!(ballot.verdict(), Some(Verdict::Commit));
    }

    #[test]
    fn one_that_stopped_keeps_all_from_committing() {
        for stopped in 0..3 {
            let ballot = Ballot::new(2, 2);
            let votes: Vec<Vote> =
                (0..3).map(|n| if n == stopped { Vote::Stopped } else { Vote::Ended }).collect();
            ballot.cast(votes[0]);
            ballot.cast(votes[1]);
            ballot.count_process(votes[2]);
            assert_eq!(ballot.verdict(), Some(Verdict::Stop));
        }
    }
}
