//! Slices are captured as they are at the cut, whatever happens to them meanwhile.

use std::collections::BTreeMap;

use rheos_engine::harness::Harness;
use rheos_engine::{Error, Extent, Operator, Output, Snapshot, StateParts, hash_key};

use super::aligned::Aligned;
use super::slices::Slices;
use super::tests::{Numbers, WithInverse};
use crate::Aggregate;
use crate::random::Random;

/// What is done to slices.
#[derive(Clone, Copy)]
enum Command {
    /// A number comes for a key at a time.
    Add(i64, u64, u64),
    /// The window that ends here answers, and those before `over` are over.
    Answer { end: i64, over: i64 },
    /// All slices are asked what they have come to.
    Say,
}

/// Slices, and nothing else, as an operator.
struct Held<A: Aggregate> {
    slices: Slices<u64, A>,
    aligned: Aligned,
}

/// Numbers of a key, by the end of a window and the key.
type Contents = BTreeMap<(i64, u64), Vec<u64>>;

/// Where windows end that are asked for, and their keys.
const ENDS: std::ops::Range<i64> = 0..250;
const KEYS: u64 = 12;

impl<A: Aggregate<In = u64, Acc = Vec<u64>>> Operator for Held<A> {
    type In = Command;
    type Out = ((i64, u64), Vec<u64>);

    fn on_batch(
        &mut self,
        batch: &mut Vec<Command>,
        out: &mut Output<'_, Self::Out>,
    ) -> Result<(), Error> {
        for command in batch.drain(..) {
            match command {
                Command::Add(time, key, number) => {
                    self.slices.add(time, hash_key(&key), key, vec![number]);
                }
                Command::Answer { end, over } => {
                    self.slices.cool();
                    match self.aligned.slices_a_window() == 1 && end == over {
                        true => drop(self.slices.take(self.aligned.start_of(end))),
                        false => drop(self.slices.window(end)),
                    }
                    self.slices.forget_before(over);
                }
                Command::Say => {
                    self.slices.cool();
                    let all = ENDS.flat_map(|end| (0..KEYS).map(move |key| (end, key)));
                    for (end, key) in all {
                        let numbers = self.slices.of_key(end, hash_key(&key), &key);
                        out.extend(numbers.map(|numbers| ((end, key), Numbers.finish(&numbers))));
                    }
                }
            }
        }
        Ok(())
    }

    fn state(&mut self, parts: &mut dyn StateParts) -> Result<(), Error> {
        parts.singleton("kept from", self.slices.kept_from_mut())?;
        parts.keyed("slices", &mut self.slices)
    }

    fn restored(&mut self) {
        self.slices.restored();
    }
}

/// What the records that are kept come to, slice by slice.
fn reference(records: &[(i64, u64, u64)], aligned: Aligned, over: i64) -> Contents {
    let kept_from = aligned.open_from(over);
    let mut contents = Contents::new();
    for end in ENDS {
        for &(time, key, number) in records {
            let slice = aligned.slice_of(time);
            if slice >= kept_from && (aligned.start_of(end)..end).contains(&slice) {
                contents.entry((end, key)).or_default().push(number);
            }
        }
    }
    contents.values_mut().for_each(|numbers| numbers.sort_unstable());
    contents
}

/// Commands as windows give them: some records, then sometimes the next window answers.
fn commands(
    random: &mut Random,
    state: &mut (i64, u64),
    aligned: Aligned,
    lateness: i64,
) -> Command {
    let (end, number) = state;
    if random.below(12) == 0 {
        *end = aligned.first_end(aligned.slice_of(*end), *end);
        return Command::Answer { end: *end, over: *end - lateness };
    }
    *number += 1;
    let from = aligned.open_from(*end - lateness);
    let time = from + random.below((*end + 25 - from) as u64) as i64;
    Command::Add(time, random.below(KEYS), *number)
}

fn check<A>(aggregate: &A, aligned: Aligned, lateness: i64, seed: u64)
where
    A: Aggregate<In = u64, Acc = Vec<u64>>,
{
    let make = || Harness::new(Held { slices: Slices::new(aggregate.clone(), aligned), aligned });
    let (random, mut job) = (&mut Random::new(seed), make());
    let (mut state, mut records, mut over) = ((20, 0), Vec::new(), 20 - lateness);
    let mut chain = Snapshot::default();
    for cut in 0..6 {
        let is_whole = cut == 0 || random.below(4) == 0;
        if is_whole {
            chain = Snapshot::default();
        }
        let expected = reference(&records, aligned, over);
        job.begin_capture(0, if is_whole { Extent::Whole } else { Extent::Changes }).unwrap();
        for _ in 0..random.below(80) {
            let command = commands(random, &mut state, aligned, lateness);
            match command {
                Command::Add(time, key, number) => records.push((time, key, number)),
                Command::Answer { over: now, .. } => over = now,
                Command::Say => {}
            }
            job.batch(vec![command]).unwrap();
            if random.below(3) > 0 {
                job.capture(random.below(30) as usize, &mut chain).unwrap();
            }
        }
        while !job.capture(1, &mut chain).unwrap() {}
        let mut restored = make();
        restored.restore(0, 1, &chain).unwrap();
        let said: Contents = restored.batch(vec![Command::Say]).unwrap().into_iter().collect();
        assert_eq!(said, expected, "seed {seed}, {aligned:?}, lateness {lateness}, cut {cut}");
    }
}

#[test]
fn captures_of_slices_that_go_on_changing_are_the_slices_at_the_cut() {
    for seed in 0..48 {
        let (size, slide) = [(10, 10), (20, 5), (14, 4), (12, 6)][seed as usize % 4];
        let (aligned, lateness) = (Aligned::new(size, slide, 0), [0, 15][seed as usize / 4 % 2]);
        check(&Numbers, aligned, lateness, seed);
        check(&WithInverse, aligned, lateness, seed);
    }
}
