//! Tests of what a job goes on from, as a table.

use std::collections::BTreeMap;

use crate::checkpoint::CheckpointId;
use crate::checkpoint::choose::{Decision, Duplicates, Restore, choose};
use crate::checkpoint::damage::Damage;
use crate::checkpoint::facts::Facts;
use crate::checkpoint::job_file::{Abandoned, JobFile};
use crate::checkpoint::manifest::Manifest;

/// A manifest in a table: its number, the one before it (0 for none), and whether it is damaged.
type Row = (u64, u64, bool);

struct Folder {
    /// What `latest` says: 0 when there is none, `DAMAGED` when it is damaged.
    latest: u64,
    manifests: &'static [Row],
    abandoned: Option<(u64, u64)>,
}

const DAMAGED: u64 = u64::MAX;

impl Folder {
    const fn new(latest: u64, manifests: &'static [Row]) -> Self {
        Self { latest, manifests, abandoned: None }
    }

    const fn left_behind(self, after: u64, until: u64) -> Self {
        Self { abandoned: Some((after, until)), ..self }
    }

    fn facts(&self) -> Facts {
        let some = |id: u64| Some(CheckpointId(id)).filter(|id| id.0 > 0);
        let manifest = |(id, previous, is_damaged): &Row| {
            let manifest = match is_damaged {
                true => Err(Damage::new(format!("manifest {id}"), "it is torn")),
                false => Ok(Manifest { previous: some(*previous), ..Manifest::default() }),
            };
            (CheckpointId(*id), manifest)
        };
        let abandoned = self.abandoned.map(|(after, until)| Abandoned {
            after: CheckpointId(after),
            until: CheckpointId(until),
        });
        Facts {
            job: JobFile { abandoned, ..JobFile::new("test") },
            latest: match self.latest {
                DAMAGED => Some(Err(Damage::new("latest", "it is torn"))),
                id => some(id).map(Ok),
            },
            manifests: self.manifests.iter().map(manifest).collect(),
            state_files: BTreeMap::new(),
            unfinished: Vec::new(),
        }
    }
}

/// What comes of a decision, in short.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Begin,
    /// The job goes on from this checkpoint, with nothing to say.
    From(u64),
    /// The job goes on from this checkpoint and says that output may come twice.
    Again(u64),
    /// It is refused, with this in the reason.
    Refused(&'static str),
}

use Outcome::{Again, Begin, From as GoOn, Refused};

fn check(folder: &Folder, wish: Restore, strict: &Outcome, lenient: &Outcome) {
    let facts = folder.facts();
    for (duplicates, expected) in [(Duplicates::Refused, strict), (Duplicates::Accepted, lenient)] {
        let decided = choose(&facts, wish, duplicates);
        let about = format!(
            "latest {}, manifests {:?}, left behind {:?}, wish {wish}, {duplicates:?}: {decided:?}",
            folder.latest, folder.manifests, folder.abandoned
        );
        match (decided, expected) {
            (Ok(Decision::Begin { .. }), Begin) => {}
            (Ok(Decision::Restore { id, notice: None }), GoOn(expected)) if id.0 == *expected => {}
            (Ok(Decision::Restore { id, notice: Some(notice) }), Again(expected)) => {
                assert_eq!(id.0, *expected, "{about}");
                assert!(notice.contains("published again"), "{about}");
            }
            (Err(error), Refused(part)) => {
                assert!(error.to_string().contains(part), "{about}");
                assert!(!error.kind().can_retry(), "{about}");
            }
            _ => panic!("{expected:?} expected: {about}"),
        }
    }
}

const WHOLE: bool = false;
const TORN: bool = true;

#[test]
fn the_latest_durable_checkpoint_is_restored() {
    let table = [
        // Nothing has ever become durable.
        (Folder::new(0, &[]), Begin, Begin),
        // The usual case, and a kill between manifest and note.
        (Folder::new(3, &[(2, 1, WHOLE), (3, 2, WHOLE)]), GoOn(3), GoOn(3)),
        (Folder::new(2, &[(2, 1, WHOLE), (3, 2, WHOLE)]), GoOn(3), GoOn(3)),
        (Folder::new(0, &[(1, 0, WHOLE)]), GoOn(1), GoOn(1)),
        // The first ones failed, so the first durable one has another number.
        (Folder::new(0, &[(4, 0, WHOLE)]), GoOn(4), GoOn(4)),
        // 3 was written and not confirmed, and the job took it for failed.
        (Folder::new(2, &[(2, 1, WHOLE), (3, 2, WHOLE), (4, 2, WHOLE)]), GoOn(4), GoOn(4)),
        (Folder::new(3, &[(2, 1, WHOLE), (3, 2, WHOLE), (4, 2, WHOLE)]), GoOn(4), GoOn(4)),
        // Old damage does not matter.
        (Folder::new(3, &[(2, 1, TORN), (3, 2, WHOLE)]), GoOn(3), GoOn(3)),
        // The newest is damaged or missing.
        (Folder::new(3, &[(2, 1, WHOLE), (3, 2, TORN)]), Refused("it is torn"), Again(2)),
        (Folder::new(2, &[(2, 1, WHOLE), (3, 2, TORN)]), Refused("it is torn"), Again(2)),
        (Folder::new(3, &[(2, 1, WHOLE)]), Refused("manifest-00000003 is missing"), Again(2)),
        (Folder::new(3, &[(3, 2, TORN)]), Refused("it is torn"), Refused("no other")),
        (Folder::new(3, &[]), Refused("manifest-00000003 is missing"), Refused("no other")),
        // The note is damaged, missing, or of an older time.
        (Folder::new(DAMAGED, &[(3, 2, WHOLE)]), Refused("latest: it is torn"), Again(3)),
        (Folder::new(DAMAGED, &[]), Refused("latest: it is torn"), Refused("no other")),
        (Folder::new(0, &[(3, 2, WHOLE)]), Refused("files are missing or old"), Again(3)),
        (Folder::new(1, &[(3, 2, WHOLE)]), Refused("files are missing or old"), Again(3)),
    ];
    for (folder, strict, lenient) in &table {
        check(folder, Restore::Latest, strict, lenient);
    }
}

#[test]
fn an_older_checkpoint_needs_consent() {
    let older = || Refused("published again");
    let folder = Folder::new(3, &[(1, 0, TORN), (2, 1, WHOLE), (3, 2, WHOLE)]);
    let torn = Folder::new(3, &[(2, 1, WHOLE), (3, 2, TORN)]);
    let lost = Folder::new(3, &[(2, 1, WHOLE)]);
    let table = [
        (&folder, 3, GoOn(3), GoOn(3)),
        (&folder, 2, older(), Again(2)),
        (&folder, 1, Refused("it is torn"), Refused("it is torn")),
        (&folder, 4, Refused("no such checkpoint"), Refused("there are: 1, 2, 3")),
        (&torn, 2, older(), Again(2)),
        (&torn, 3, Refused("it is torn"), Refused("it is torn")),
        (&lost, 2, Refused("manifest-00000003 is missing"), Again(2)),
        (&lost, 3, Refused("manifest-00000003 is missing"), Refused("no such checkpoint")),
    ];
    for (folder, id, strict, lenient) in &table {
        check(folder, Restore::Id(CheckpointId(*id)), strict, lenient);
    }
}

#[test]
fn what_was_left_behind_stays_there() {
    // The job went back to 1 and was killed before it took another checkpoint.
    let rows = &[(1, 0, WHOLE), (2, 1, WHOLE), (3, 2, WHOLE)];
    for latest in [1, 3] {
        let folder = Folder::new(latest, rows).left_behind(1, 3);
        check(&folder, Restore::Latest, &GoOn(1), &GoOn(1));
        check(&folder, Restore::Id(CheckpointId(1)), &GoOn(1), &GoOn(1));
        check(&folder, Restore::Id(CheckpointId(3)), &Refused("published again"), &Again(3));
    }
    // It has taken one since.
    let rows = &[(1, 0, WHOLE), (3, 2, WHOLE), (4, 1, WHOLE)];
    for latest in [1, 3, 4] {
        let folder = Folder::new(latest, rows).left_behind(1, 3);
        check(&folder, Restore::Latest, &GoOn(4), &GoOn(4));
    }
    // It began anew.
    for latest in [0, 3] {
        let folder = Folder::new(latest, &[(2, 1, WHOLE), (3, 2, WHOLE)]).left_behind(0, 3);
        check(&folder, Restore::Latest, &Begin, &Begin);
    }
    // What it went back to is gone.
    let folder = Folder::new(3, &[(2, 1, WHOLE), (3, 2, WHOLE)]).left_behind(1, 3);
    check(&folder, Restore::Latest, &Refused("manifest-00000001"), &Refused("no other"));
}

#[test]
fn a_job_can_always_begin_anew_and_says_what_it_leaves() {
    for folder in [
        Folder::new(0, &[]),
        Folder::new(3, &[(3, 2, WHOLE)]),
        Folder::new(DAMAGED, &[(3, 2, TORN)]),
        Folder::new(3, &[]),
    ] {
        check(&folder, Restore::None, &Begin, &Begin);
        let decided = choose(&folder.facts(), Restore::None, Duplicates::Refused).unwrap();
        let Decision::Begin { notice } = decided else { panic!("{decided:?}") };
        assert_eq!(notice.is_some(), !folder.manifests.is_empty());
    }
}

#[test]
fn wishes_are_read_from_the_command_line() {
    for wish in [Restore::Latest, Restore::None, Restore::Id(CheckpointId(12))] {
        assert_eq!(wish.to_string().parse(), Ok(wish));
    }
    assert!("newest".parse::<Restore>().unwrap_err().contains("neither `latest`"));
}
