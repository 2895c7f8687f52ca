//! Tests of the checkpoint folder of a job that runs.

use std::sync::Arc;

use crate::ErrorKind;
use crate::checkpoint::CheckpointId;
use crate::checkpoint::choose::{Decision, Duplicates, Restore};
use crate::checkpoint::disk::Disk;
use crate::checkpoint::forgetful::{ForgetfulDisk, Troubles};
use crate::checkpoint::names::StateName;
use crate::checkpoint::scenario::{self, Run, check_whole};
use crate::checkpoint::store::Store;
use crate::supervisor::StartedBy;

fn names(disk: &ForgetfulDisk) -> Vec<String> {
    disk.list().unwrap().into_iter().map(|(name, _)| name).collect()
}

fn publish(run: &mut Run) -> CheckpointId {
    run.checkpoint().unwrap()
}

#[test]
fn a_job_goes_on_where_its_last_checkpoint_was() {
    let disk = ForgetfulDisk::default();
    let mut run = Run::start(Arc::new(disk.clone())).unwrap();
    assert_eq!(run.from, None);
    assert_eq!((publish(&mut run), publish(&mut run)), (CheckpointId(1), CheckpointId(2)));
    assert_eq!(run.store.facts().unwrap().latest, Some(Ok(CheckpointId(2))));
    // The third is not completed.
    run.capture().unwrap();
    drop(run);
    assert!(names(&disk).contains(&"state-00000003-001-000".to_owned()));
    let mut run = Run::start(Arc::new(disk.clone())).unwrap();
    assert_eq!(run.from, Some(CheckpointId(2)));
    assert!(!names(&disk).iter().any(|name| name.starts_with("state-00000003")), "is of no use");
    check_whole(&run.store, CheckpointId(2)).unwrap();
    assert_eq!(publish(&mut run), CheckpointId(4), "numbers are not used again");
    run.store.remove_old(1).unwrap();
    let run_two = "state-00000004-002-000";
    let left = ["job", "latest", "manifest-00000004", run_two, "state-00000004-002-001"];
    assert_eq!(names(&disk), left);
}

#[test]
fn only_one_job_uses_a_folder_and_only_its_own() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("checkpoints");
    let mut first = Store::open(&folder, "one").unwrap();
    let facts = first.facts().unwrap();
    first.begin_run(&facts, &Decision::Begin { notice: None }).unwrap();
    let error = Store::open(&folder, "one").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::External);
    let text = error.to_string();
    assert!(text.contains("checkpoints") && text.contains("another job is running"), "{text}");
    drop(first);
    let error = Store::open(&folder, "two").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("belongs to the job `one`"), "{error}");
    Store::open(&folder, "one").unwrap();
}

#[test]
fn a_folder_whose_job_is_unknown_is_refused() {
    let disk = ForgetfulDisk::default();
    let mut run = Run::start(Arc::new(disk.clone())).unwrap();
    publish(&mut run);
    drop(run);
    disk.remove("job").unwrap();
    let error = Run::start(Arc::new(disk.clone())).err().unwrap();
    assert!(error.to_string().contains("memory/job: the file is missing"), "{error}");
}

#[test]
fn a_job_that_went_back_does_not_return_by_itself() {
    let disk = ForgetfulDisk::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut run = Run::start(shared.clone()).unwrap();
    for _ in 0..3 {
        publish(&mut run);
    }
    drop(run);
    let second = Restore::Id(CheckpointId(2));
    let refused = Run::start_from(shared.clone(), second, Duplicates::Refused);
    assert!(refused.err().unwrap().to_string().contains("--accept-duplicates"));
    let run = Run::start_from(shared.clone(), second, Duplicates::Accepted).unwrap();
    assert_eq!(run.from, Some(CheckpointId(2)));
    drop(run);
    let mut run = Run::start(shared.clone()).unwrap();
    assert_eq!(run.from, Some(CheckpointId(2)), "it was killed before it took another");
    assert_eq!(publish(&mut run), CheckpointId(4));
    run.store.remove_old(9).unwrap();
    drop(run);
    assert!(!names(&disk).contains(&"manifest-00000003".to_owned()), "it was replaced");
    let run = Run::start_from(shared.clone(), Restore::None, Duplicates::Refused).unwrap();
    assert_eq!(run.from, None);
    drop(run);
    let mut run = Run::start(shared.clone()).unwrap();
    assert_eq!(run.from, None, "it was killed before it took another");
    assert_eq!(publish(&mut run), CheckpointId(5));
    drop(run);
    assert_eq!(Run::start(shared).unwrap().from, Some(CheckpointId(5)));
}

#[test]
fn what_a_job_is_told_to_restore_holds_for_the_first_start_by_its_parent() {
    let shared: Arc<dyn Disk> = Arc::new(ForgetfulDisk::default());
    let mut run = Run::start(shared.clone()).unwrap();
    for _ in 0..3 {
        publish(&mut run);
    }
    drop(run);
    let first = Restore::Id(CheckpointId(1));
    let started = |told: Restore, parent, is_restart, checkpoints| {
        let by = StartedBy { parent, is_restart };
        let store = Store::over(shared.clone(), scenario::NAME).unwrap();
        let wish = store.wish(&store.facts().unwrap(), told, Some(by)).unwrap();
        drop(store);
        let mut run = Run::start_from(shared.clone(), wish, Duplicates::Accepted).unwrap();
        run.store.note_parent(by).unwrap();
        for _ in 0..checkpoints {
            publish(&mut run);
        }
        run.from.map(|id| id.0)
    };
    // The first start fails before it begins a run, the next before it takes a checkpoint.
    assert_eq!(started(first, 7, true, 0), Some(1));
    assert_eq!(started(first, 7, true, 2), Some(1));
    assert_eq!(started(first, 7, true, 0), Some(5), "what it has published since stays");
    assert_eq!(started(first, 7, true, 1), Some(5));
    assert_eq!(started(Restore::None, 7, true, 0), Some(6));
    // Another parent is told by another person.
    assert_eq!(started(Restore::Id(CheckpointId(5)), 8, false, 0), Some(5));
    assert_eq!(started(Restore::None, 8, true, 1), None);
    assert_eq!(started(Restore::None, 8, true, 0), Some(7));
    assert_eq!(started(Restore::None, 8, false, 0), None, "a start by a person");
}

#[test]
fn a_full_disk_fails_a_checkpoint_and_the_next_one_succeeds() {
    let undisturbed = ForgetfulDisk::default();
    let mut run = Run::start(Arc::new(undisturbed.clone())).unwrap();
    let before = undisturbed.done().writes;
    publish(&mut run);
    for full_at in before..undisturbed.done().writes {
        let disk = ForgetfulDisk::with(Troubles { full_at: Some(full_at), ..Troubles::default() });
        let mut run = Run::start(Arc::new(disk.clone())).unwrap();
        assert_eq!(run.checkpoint().unwrap_err().kind(), ErrorKind::External, "write {full_at}");
        let id = publish(&mut run);
        assert_eq!(id, CheckpointId(2));
        run.store.remove_old(2).unwrap();
        drop(run);
        let run = Run::start(Arc::new(disk)).unwrap();
        assert_eq!(run.from, Some(id), "write {full_at}");
        check_whole(&run.store, id).unwrap();
    }
}

#[test]
fn a_checkpoint_is_deleted_with_what_only_it_needs() {
    let disk = ForgetfulDisk::default();
    let mut run = Run::start(Arc::new(disk.clone())).unwrap();
    for _ in 0..4 {
        publish(&mut run);
    }
    let error = run.store.delete(CheckpointId(4)).unwrap_err();
    assert!(error.to_string().contains("the job goes on from it"), "{error}");
    let error = run.store.delete(CheckpointId(9)).unwrap_err();
    assert!(error.to_string().contains("no such checkpoint"), "{error}");
    // 4 begins a chain of its own; 3 has the files of 1 and 2.
    assert_eq!(run.store.delete(CheckpointId(2)).unwrap().state_files, []);
    let gone = run.store.delete(CheckpointId(3)).unwrap().state_files;
    let of =
        |checkpoint, worker| StateName { checkpoint: CheckpointId(checkpoint), run: 1, worker };
    assert_eq!(gone, [of(2, 0), of(2, 1), of(3, 0), of(3, 1)]);
    check_whole(&run.store, CheckpointId(1)).unwrap();
    check_whole(&run.store, CheckpointId(4)).unwrap();
}

#[test]
#[should_panic(expected = "a manifest of this job")]
fn a_manifest_of_another_job_is_a_bug() {
    let mut run = Run::start(Arc::new(ForgetfulDisk::default())).unwrap();
    let _ = run.store.publish(scenario::example());
}
