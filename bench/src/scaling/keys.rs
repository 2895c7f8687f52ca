//! Keys of a count, beside one hash map in a loop, which shows what the memory itself costs.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::quality::FixedState;
use rheos::prelude::*;

use super::command::Options;
use super::table::print_table;
use crate::compare::Side;
use crate::memory::Memory;

/// The least keys, and by how many times the next case has more.
const LEAST: u64 = 1_000;
const MORE: u64 = 10;

/// Integers at random below a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    pub(crate) records: u64,
    pub(crate) keys: u64,
}

impl Keys {
    /// The integers, dealt to shares; the same ones whatever the number of shares.
    pub(crate) fn shares(self, shares: usize) -> Vec<Arc<[u64]>> {
        let mut random = Random::new(2);
        let mut dealt = vec![Vec::with_capacity(self.records as usize / shares + 1); shares];
        for record in 0..self.records as usize {
            dealt[record % shares].push(random.below(self.keys));
        }
        dealt.into_iter().map(Arc::from).collect()
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let Options { records, workers, most_keys, rounds, .. } = *options;
    let numbers = std::iter::successors(Some(LEAST), |keys| keys.checked_mul(MORE));
    let cases = numbers.take_while(|keys| *keys <= most_keys);
    let cases = cases.map(|keys| Keys { records, keys });
    let dealt: Vec<_> = cases.map(|keys| (keys, keys.shares(workers))).collect();
    let names = |who: &str| -> Vec<String> {
        dealt.iter().map(|(keys, _)| format!("{} keys, {who}", keys.keys)).collect()
    };
    let (by_rheos, by_hand) = (names("rheos"), names("loop"));
    let sides = dealt.iter().zip(&by_rheos);
    let sides = sides.map(|((keys, shares), name)| Side::new(name, || count(*keys, shares)));
    print_table(&format!("a count, {workers} workers"), records, rounds, sides.collect())?;
    let sides = dealt.iter().zip(&by_hand);
    let sides = sides.map(|((keys, shares), name)| Side::new(name, || by_loop(*keys, shares)));
    print_table("a count by a loop with a hash map", records, rounds, sides.collect())
}

/// Counts each key, a worker a share, and checks the sum of the counts.
pub(crate) fn count(keys: Keys, shares: &[Arc<[u64]>]) -> anyhow::Result<()> {
    let (sink, counted) = collect();
    let job = Job::new("keys");
    job.source(Memory::new(shares))
        .key_by_self()
        .count()
        .at_end()
        .map(|(_, count)| count)
        .sum()
        .at_end()
        .sink(sink);
    job.run(Config::default().workers(shares.len()))?;
    check(keys, counted.into_vec()?.into_iter().sum())
}

fn by_loop(keys: Keys, shares: &[Arc<[u64]>]) -> anyhow::Result<()> {
    let mut counts: HashMap<u64, u64, FixedState> = HashMap::default();
    for key in shares.iter().flat_map(|share| share.iter()) {
        *counts.entry(*key).or_default() += 1;
    }
    check(keys, counts.values().sum())
}

fn check(keys: Keys, counted: u64) -> anyhow::Result<()> {
    anyhow::ensure!(counted == keys.records, "{counted} of {} were counted", keys.records);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_integers_do_not_depend_on_the_number_of_shares() {
        let keys = Keys { records: 1_000, keys: 50 };
        let sorted = |shares| {
            let mut all: Vec<u64> =
                keys.shares(shares).iter().flat_map(|share| share.to_vec()).collect();
            all.sort_unstable();
            all
        };
        assert_eq!(sorted(1), sorted(3));
        assert_eq!(sorted(1).last(), Some(&49));
    }

    #[test]
    fn a_count_that_lost_a_record_is_refused() {
        let keys = Keys { records: 1_000, keys: 50 };
        let shares = keys.shares(2);
        count(keys, &shares).unwrap();
        by_loop(keys, &shares).unwrap();
        assert!(count(Keys { records: 1_001, ..keys }, &shares).is_err());
    }
}
