//! Accumulators survive, those of keys and those of a whole stream.

use rheos_engine::Keyed;
use rheos_engine::harness::Harness;

use super::Partials;
use super::keyed::{KeyedAtEnd, KeyedUpdates};
use super::sum::Sum;
use super::whole::{WholeAtEnd, WholeUpdates};
use crate::Untimed;
use crate::recovery::{Step, To, check_recovery, keyed_steps, to_owner};

fn sum() -> Partials<Sum<i64>> {
    Partials(Sum::default())
}

#[test]
fn what_keys_have_come_to_survives() {
    for seed in 0..6 {
        let steps = keyed_steps(seed);
        let updates = |_, _| Harness::new(KeyedUpdates::<u64, _>::new(sum()));
        check_recovery(seed, &steps, updates, to_owner::<_, _, Untimed>);
        let at_end = |_, _| Harness::new(KeyedAtEnd::<u64, _>::new(sum()));
        check_recovery(seed, &steps, at_end, to_owner::<_, _, Untimed>);
    }
}

#[test]
fn what_a_stream_has_come_to_survives() {
    for seed in 0..6 {
        let step = |step: Step<Keyed<u64, i64>>| {
            let records = step.records.into_iter().map(|keyed| keyed.value).collect();
            Step { records, watermark: step.watermark, now: step.now }
        };
        let steps: Vec<_> = keyed_steps(seed).into_iter().map(step).collect();
        let to_first = |_: &i64, _| To::Worker(0);
        check_recovery(seed, &steps, |_, _| Harness::new(WholeUpdates::new(sum())), to_first);
        let at_end = |worker, _| Harness::new(WholeAtEnd::new(sum(), worker == 0));
        check_recovery(seed, &steps, at_end, to_first);
    }
}
