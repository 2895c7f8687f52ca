//! The check itself: a chain of captures, restored at every cut.

use std::collections::BTreeMap;
use std::fmt::Debug;

use rheos_engine::{Extent, SectionKind, Snapshot};

use super::driven::{Driven, Step, To};
use super::job::Job;

/// Numbers of workers before the interruption, and those onto which each is restored.
const RESCALED: [(usize, &[usize]); 3] = [(1, &[1, 2, 3]), (2, &[1, 3]), (3, &[2])];

/// Runs `steps` on one worker without a break. Then runs them on several, and at every place
/// between two epochs begins a capture, a whole one or of what changed, which is taken in the
/// smallest slices while the next epoch is processed. What was captured up to there is restored
/// onto other numbers of workers, which go on with the rest of the steps.
///
/// `make` makes the operator of a worker, given its number and how many there are.
///
/// # Panics
/// When an interrupted run differs from the undisturbed one, or what was captured from the state
/// at the cut; the message names `seed`.
pub(crate) fn check_recovery<H>(
    seed: u64,
    steps: &[Step<H::In>],
    make: impl Fn(usize, usize) -> H,
    route: impl Fn(&H::In, usize) -> To,
) where
    H: Driven,
    H::In: Clone,
    H::Out: Debug,
{
    let mut undisturbed = Job::new(1, &make, &route);
    let mut expected: Vec<_> = steps.iter().map(|step| undisturbed.step(step)).collect();
    expected.push(undisturbed.end_input());
    for (before, afters) in RESCALED {
        let mut job = Job::new(before, &make, &route);
        // Goes the same way, with all of its state captured at once.
        let mut reference = Job::new(before, &make, &route);
        let mut chain = Snapshot::default();
        for cut in 0..=steps.len() {
            let context = format!("seed {seed}, cut after {cut} epochs, {before} workers");
            let extent = match cut == 0 || (seed + cut as u64).is_multiple_of(4) {
                true => Extent::Whole,
                false => Extent::Changes,
            };
            if extent == Extent::Whole {
                chain = Snapshot::default();
            }
            job.begin_capture(extent, chain);
            assert_eq!(job.next(steps, cut), expected[cut], "{context}");
            chain = job.complete_capture();
            let whole = reference.snapshot();
            for &after in afters {
                let context = format!("{context}, to {after}");
                let mut job = Job::restored(after, &make, &route, &chain);
                let of_chain = job.snapshot();
                let of_whole = Job::restored(after, &make, &route, &whole).snapshot();
                assert_eq!(contents(&of_chain), contents(&of_whole), "captured, {context}");
                assert_eq!(of_whole.parts(), whole.parts(), "parts of the state, {context}");
                job.hear_again(steps[..cut].last(), &context);
                for (rest, expected) in (cut..).zip(&expected[cut..]) {
                    assert_eq!(job.next(steps, rest), *expected, "{context}");
                }
                let late = reference.late() + job.late();
                assert_eq!(late, undisturbed.late(), "late records, {context}");
                assert_eq!(job.held(), undisturbed.held(), "held in the end, {context}");
            }
            let _ = reference.next(steps, cut);
        }
    }
}

/// A snapshot without the order in which entries lie: of each group the number of entries and the
/// sorted bytes.
fn contents(snapshot: &Snapshot) -> BTreeMap<(&str, SectionKind), (u64, Vec<u8>)> {
    let sections = snapshot.sections().iter().map(|section| {
        let mut bytes = section.bytes.clone();
        bytes.sort_unstable();
        ((section.part.as_str(), section.kind), (section.entries, bytes))
    });
    sections.collect()
}
