//! The check passes an operator that restores everything and finds one that does not.

use rheos_engine::harness::Harness;
use rheos_engine::{
    EpochEnd, Error, EventTime, Keyed, KeyedState, Operator, Output, ProcessingTime, StateParts,
    Timers, Turn,
};

use super::{Step, check_recovery, to_owner};
use crate::Untimed;
use crate::random::Random;

/// Says each key once more when the watermark has passed ten times its number of records.
#[derive(Default)]
struct Echo {
    keys: KeyedState<u64, i64>,
    timers: Timers,
    forgets_timers: bool,
}

impl Operator for Echo {
    type In = Keyed<u64, i64>;
    type Out = u64;

    fn on_batch(
        &mut self,
        batch: &mut Vec<Self::In>,
        _out: &mut Output<'_, u64>,
    ) -> Result<(), Error> {
        for Keyed { hash, key, .. } in batch.drain(..) {
            let at = self.keys.find_or_insert(hash, key, || 0);
            self.keys.entry_mut(at).state += 10;
            self.timers.set(self.keys.entry(at).state, at);
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, end: EpochEnd, out: &mut Output<'_, u64>) -> Result<Turn, Error> {
        while let Some((time, at)) = self.timers.pop(end.watermark.as_millis()) {
            if self.keys.at(at).is_some_and(|entry| entry.state == time) {
                out.push(self.keys.remove_at(at).key);
            }
        }
        Ok(Turn::Done)
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.keyed("keys", &mut self.keys)
    }

    fn restored(&mut self) {
        for at in (0..self.keys.positions()).filter(|_| !self.forgets_timers) {
            self.keys.at(at).into_iter().for_each(|entry| self.timers.set(entry.state, at));
        }
    }
}

fn check(seed: u64, forgets_timers: bool) {
    let mut random = Random::new(seed);
    let mut watermark = 0;
    let epochs = random.epochs().into_iter().take(4).enumerate();
    let steps: Vec<_> = epochs
        .map(|(epoch, records)| {
            watermark += random.below(50) as i64;
            Step {
                records: records.into_iter().map(|(k, v)| Keyed::new(k, v)).collect(),
                watermark: EventTime::from_millis(watermark),
                now: ProcessingTime(epoch as u64),
            }
        })
        .collect();
    let make = |_, _| Harness::new(Echo { forgets_timers, ..Echo::default() });
    check_recovery(seed, &steps, make, to_owner::<_, _, Untimed>);
}

#[test]
fn an_operator_that_restores_all_passes() {
    (0..5).for_each(|seed| check(seed, false));
}

#[test]
#[should_panic(expected = "seed 1")]
fn one_that_forgets_its_timers_is_found() {
    check(1, true);
}
