//! Tests of the scribe: what comes of a cut, on disks that have trouble.

use std::sync::Mutex;
use std::time::Duration;

use super::super::coordinate::Rules;
use super::*;
use crate::checkpoint::forgetful::ForgetfulDisk;
use crate::checkpoint::{Decision, LocalDisk, StateFile};
use crate::plan::Graph;
use crate::{Limits, SectionKind, SystemClock};

/// The scribe of a process that is not the first, and what it says to the others.
fn scribe(folder: &std::path::Path) -> (Scribe, Arc<Mutex<Vec<Word>>>) {
    let limits = Arc::new(Limits::default());
    let shared = Arc::new(Shared::new(limits, Arc::new(SystemClock), 1, 2, 2));
    let said = Arc::<Mutex<Vec<Word>>>::default();
    let saying = Arc::clone(&said);
    shared.set_herald(Box::new(move |news| {
        if let News::Checkpoint(notice) = news {
            saying.lock().unwrap().push(notice.word);
        }
    }));
    let (desk, _hear) = Desk::new((1, 3), 2, 2);
    let disk = Arc::new(LocalDisk::create(folder).unwrap());
    let files = Files { disk, job: 17, run: 1 };
    let steps = vec!["count".to_owned()];
    (Scribe::new(shared, Arc::new(desk), files, steps, (1, 2..4), None), said)
}

fn captured(worker: usize, cut: Cut) -> Said {
    let kind = SectionKind::Keyed { group: 7 };
    let bytes = cut.id.0.to_le_bytes().to_vec();
    let section = Section { part: "keys".to_owned(), kind, entries: 1, bytes };
    Said::Captured { worker, cut, step: StepId(0), sections: vec![section] }
}

fn done(worker: usize, cut: Cut) -> Said {
    Said::Done { worker, cut, extent: Extent::Whole, facts: Box::default() }
}

#[test]
fn what_comes_late_for_a_cut_that_was_given_up_takes_nothing_from_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scribe, said) = scribe(folder.path());
    let [void, next] =
        [4, 5].map(|id| Cut { id: CheckpointId(id), before: Epoch(10 * id), base: None });
    // Worker 2 has heard of the next cut before worker 3 has.
    let late = [captured(3, void), done(3, void)];
    let on_time = [done(2, next), captured(3, next), done(3, next)];
    scribe.hear(captured(2, void));
    scribe.hear(captured(2, next));
    late.into_iter().chain(on_time).for_each(|said| scribe.hear(said));
    let said = said.lock().unwrap();
    let [Word::Voted { id: CheckpointId(5), votes }] = &said[..] else {
        panic!("{said:?}");
    };
    for vote in votes {
        let [file] = &vote.chain[..] else { panic!("worker {}: {vote:?}", vote.worker) };
        let file = StateFile::open(&*scribe.files.disk, file, 17).unwrap();
        let [entry] = file.sections("count") else { panic!("one section") };
        assert_eq!(file.read(entry).unwrap(), 5u64.to_le_bytes());
    }
    assert_eq!(votes.len(), 2);
}

#[test]
fn changes_of_which_nobody_knows_the_beginning_are_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scribe, said) = scribe(folder.path());
    let cut = Cut { id: CheckpointId(4), before: Epoch(40), base: Some(CheckpointId(3)) };
    for worker in [2, 3] {
        scribe.hear(captured(worker, cut));
        let (extent, facts) = (Extent::Changes, Box::default());
        scribe.hear(Said::Done { worker, cut, extent, facts });
    }
    let said = said.lock().unwrap();
    let [Word::Failed { id: CheckpointId(4), reason }] = &said[..] else { panic!("{said:?}") };
    assert!(reason.contains("worker 2 wrote what has changed"), "{reason}");
}

/// The scribe of the only process of a job with two workers.
fn only_scribe(disk: &ForgetfulDisk) -> Scribe {
    let limits = Arc::new(Limits::default());
    let shared = Arc::new(Shared::new(limits, Arc::new(SystemClock), 1, 2, 1));
    let mut store = Store::over(Arc::new(disk.clone()), "job").unwrap();
    let start =
        store.begin_run(&store.facts().unwrap(), &Decision::Begin { notice: None }).unwrap();
    let (every, timeout) = (Duration::from_secs(3_600), Duration::from_secs(600));
    let rules = Rules { every, timeout, failures_in_a_row: 10, processes: 1 };
    let files = Files { disk: store.disk(), job: store.job(), run: start.run };
    let hub = Hub {
        coordinator: Coordinator::new(rules, start.first, Instant::now()),
        job: JobFacts::of(store.job(), &Graph::new("job").take(), 2).unwrap(),
        keep: 1,
        store,
    };
    let (desk, _hear) = Desk::new((start.run, 1), 0, 2);
    let steps = vec!["count".to_owned()];
    Scribe::new(shared, Arc::new(desk), files, steps, (0, 0..2), Some(hub))
}

#[test]
fn checkpoints_that_fail_on_a_full_disk_do_not_keep_it_full() {
    let disk = ForgetfulDisk::default();
    let mut scribe = only_scribe(&disk);
    let mut take = || {
        scribe.hear(Said::Wanted);
        let cut = scribe.desk.take_due(Epoch(7)).unwrap();
        for worker in [0, 1] {
            scribe.hear(captured(worker, cut));
            scribe.hear(done(worker, cut));
        }
        scribe.hub.as_ref().unwrap().store.facts().unwrap().latest.unwrap().ok()
    };
    let lengths = || disk.list().unwrap().into_iter();
    let used = || lengths().map(|(_, bytes)| bytes).sum::<u64>() as usize;
    let state = |name: &str| lengths().find(|(there, _)| there == name).unwrap().1 as usize;
    assert_eq!(take(), Some(CheckpointId(1)));
    let (before, taken) = (disk.list().unwrap(), used());
    let of_worker = state("state-00000001-001-000");
    // Room for what worker 0 captures, and for a part of what worker 1 does.
    disk.give_room(taken + of_worker * 3 / 2);
    for failed in 2..6 {
        assert_eq!(take(), Some(CheckpointId(1)), "checkpoint {failed}");
        assert_eq!(disk.list().unwrap(), before, "after checkpoint {failed}");
    }
    // Room for a checkpoint, and for nothing beside it.
    disk.give_room(taken * 2);
    assert_eq!(take(), Some(CheckpointId(6)));
}
