//! Checks a transactional sink against a model, through checkpoints that fail, commits that are
//! cut off, crashes and recoveries that are cut off.

use rheos_engine::{CheckpointId, Epoch, Finish, Recovery, Sink, Waker, Writer, WriterContext};

use super::sink::prepare;
use super::wait;
use crate::Random;

/// When what a sink commits can be seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appears {
    /// At each checkpoint; every worker writes.
    AtCheckpoints,
    /// When the job has ended; one worker writes.
    AtEnd,
}

/// How a sink under test is looked at and broken off from outside.
pub(crate) trait Outside<T> {
    /// A record that holds a number.
    fn record(&self, number: u64) -> T;

    /// The numbers of all records that a reader sees.
    fn visible(&self) -> Vec<u64>;

    /// Does the first steps of a recovery.
    fn recover_partly(&self, recovery: &Recovery<'_>, steps: usize);

    /// Leaves the target as it is now, whatever `end` does to it: as if the process were killed.
    fn killed(&self, end: &mut dyn FnMut());
}

/// Drives the sink through a random history and compares all that can be seen with the model after
/// each step.
pub(crate) fn check_transactional_sink<S: Sink>(
    sink: &S,
    appears: Appears,
    outside: &impl Outside<S::Record>,
    seed: u64,
) {
    let mut history = History {
        sink,
        appears,
        outside,
        random: Random::new(seed),
        seed,
        run: 0,
        cut: 0,
        number: 0,
        writers: Vec::new(),
        late: Vec::new(),
        committed: Vec::new(),
        durable: None,
    };
    sink.prepare_target().unwrap();
    history.open();
    for _ in 0..12 {
        match history.random.below(9) {
            0..4 => history.write_somewhere(),
            4..7 => history.checkpoint(),
            7 => history.crash(),
            _ => history.wake_late(),
        }
        history.check("in between");
    }
    history.end();
}

struct History<'a, S: Sink, O> {
    sink: &'a S,
    appears: Appears,
    outside: &'a O,
    random: Random,
    seed: u64,
    run: u32,
    cut: u64,
    number: u64,
    writers: Vec<Writing<S::Record>>,
    /// Writers of runs that were given up and do not know it yet.
    late: Vec<Box<dyn Writer<S::Record>>>,
    /// What all writers have committed.
    committed: Vec<u64>,
    durable: Option<Durable>,
}

struct Writing<T> {
    writer: Box<dyn Writer<T>>,
    /// Written and not committed.
    pending: Vec<u64>,
    /// How many of these lie before the cut.
    before_cut: usize,
}

/// A checkpoint that counts.
#[derive(Clone)]
struct Durable {
    prepared: Vec<Vec<u8>>,
    /// What is committed with it.
    content: Vec<u64>,
    is_end: bool,
}

impl<S: Sink, O: Outside<S::Record>> History<'_, S, O> {
    fn open(&mut self) {
        self.run += 1;
        let workers = match self.appears {
            Appears::AtCheckpoints => 1 + self.random.below(3),
            Appears::AtEnd => 1,
        };
        self.writers = (0..workers)
            .map(|worker| {
                let mut context = WriterContext::for_test(Waker::current_thread());
                context.worker = usize::try_from(worker).unwrap();
                context.run = self.run;
                context.checkpoints = true;
                let writer = self.sink.open(context).unwrap();
                Writing { writer, pending: Vec::new(), before_cut: 0 }
            })
            .collect();
    }

    fn write_somewhere(&mut self) {
        let to = usize::try_from(self.random.below(self.writers.len() as u64)).unwrap();
        let count = self.random.below(4);
        let numbers: Vec<_> = (self.number..self.number + count).collect();
        self.number += count;
        let writing = &mut self.writers[to];
        while !writing.writer.ready().unwrap() {
            wait();
        }
        let mut batch = numbers.iter().map(|number| self.outside.record(*number)).collect();
        writing.writer.write(&mut batch).unwrap();
        writing.writer.end_epoch(Epoch(self.number)).unwrap();
        writing.pending.extend(numbers);
    }

    /// All writers prepare; what is written meanwhile comes later.
    fn prepare(&mut self, cut: CheckpointId) -> Durable {
        let mut answers: Vec<_> = self
            .writers
            .iter_mut()
            .map(|writing| {
                writing.before_cut = writing.pending.len();
                writing.writer.prepare(cut).unwrap()
            })
            .collect();
        for (at, answer) in answers.iter_mut().enumerate() {
            if cut != CheckpointId::END && self.random.below(2) == 0 {
                self.write_somewhere();
            }
            if answer.is_none() {
                *answer = Some(prepare(&mut *self.writers[at].writer, cut).unwrap());
            }
        }
        let mut content = self.committed.clone();
        for writing in &self.writers {
            content.extend(&writing.pending[..writing.before_cut]);
        }
        Durable {
            prepared: answers.into_iter().flatten().collect(),
            content,
            is_end: cut == CheckpointId::END,
        }
    }

    fn checkpoint(&mut self) {
        self.cut += 1;
        let cut = CheckpointId(self.cut);
        let prepared = self.prepare(cut);
        self.check("prepared");
        match self.random.below(4) {
            // It does not become durable: the job goes on without it.
            0 => {}
            1 => {
                self.durable = Some(prepared);
                let commits = self.random.below(self.writers.len() as u64 + 1);
                self.commit(cut, usize::try_from(commits).unwrap());
                self.crash();
            }
            _ => {
                self.durable = Some(prepared);
                let all = self.writers.len();
                self.commit(cut, all);
                self.commit(cut, all);
            }
        }
    }

    /// The first writers commit.
    fn commit(&mut self, cut: CheckpointId, writers: usize) {
        for writing in &mut self.writers[..writers] {
            writing.writer.commit(cut).unwrap();
            let before = std::mem::take(&mut writing.before_cut);
            self.committed.extend(writing.pending.drain(..before));
        }
        self.check("committed");
    }

    /// The job dies and is restored from the checkpoint that counts.
    fn crash(&mut self) {
        let mut writers = Some(std::mem::take(&mut self.writers));
        match self.random.below(3) {
            0 => drop(writers.take()),
            // Its process hangs, and another takes its place.
            1 => {
                let hanging = writers.take().unwrap_or_default();
                self.late.extend(hanging.into_iter().map(|writing| writing.writer));
            }
            _ => self.outside.killed(&mut || drop(writers.take())),
        }
        let Some(durable) = self.durable.clone() else {
            // Nothing was committed, so the job begins again.
            self.committed.clear();
            self.sink.prepare_target().unwrap();
            return self.open();
        };
        while self.random.below(2) == 0 {
            let recovery = Recovery { prepared: &durable.prepared, run: self.run + 1 };
            let steps = usize::try_from(self.random.below(4)).unwrap();
            self.outside.recover_partly(&recovery, steps);
            // The attempt that was broken off was a run, too.
            self.run += 1;
        }
        for _ in 0..2 {
            let recovery = Recovery { prepared: &durable.prepared, run: self.run + 1 };
            self.sink.recover(&recovery).unwrap();
        }
        self.committed.clone_from(&durable.content);
        if !durable.is_end {
            self.check("recovered");
            self.open();
        }
    }

    /// Writers of earlier runs go on as if nothing had happened. They may fail, and must not
    /// change what is seen.
    fn wake_late(&mut self) {
        for mut writer in std::mem::take(&mut self.late) {
            match self.random.below(3) {
                0 => drop(writer.commit(CheckpointId(self.cut))),
                1 => drop(writer.commit(CheckpointId::END)),
                _ => {}
            }
            self.check("committed late");
            match self.random.below(3) {
                0 => drop(writer.finish(Finish::Commit)),
                1 => drop(writer.finish(Finish::Stop)),
                _ => drop(writer),
            }
            self.check("finished late");
        }
    }

    fn end(&mut self) {
        self.wake_late();
        let prepared = self.prepare(CheckpointId::END);
        self.check("prepared at the end");
        self.durable = Some(prepared.clone());
        if self.random.below(2) == 0 {
            self.crash();
        } else {
            for writing in self.writers.drain(..) {
                writing.writer.finish(Finish::Commit).unwrap();
            }
        }
        // A job that has ended can be restored once more, and has nothing left to do.
        let recovery = Recovery { prepared: &prepared.prepared, run: self.run + 1 };
        self.sink.recover(&recovery).unwrap();
        self.compare(prepared.content, "at the end");
    }

    /// What is seen is what was committed.
    fn check(&self, when: &str) {
        match self.appears {
            Appears::AtCheckpoints => self.compare(self.committed.clone(), when),
            Appears::AtEnd => self.compare(Vec::new(), when),
        }
    }

    fn compare(&self, mut expected: Vec<u64>, when: &str) {
        let mut visible = self.outside.visible();
        if self.appears == Appears::AtCheckpoints {
            visible.sort_unstable();
            expected.sort_unstable();
        }
        assert_eq!(visible, expected, "{when}, seed {}", self.seed);
    }
}
