//! Seeded random input; every failure prints the seed.

pub(crate) use rheos::connectors::Random;

/// Keys and values: many keys or few, with repetitions.
pub(crate) fn pairs(seed: u64, count: usize, keys: u64) -> Vec<(u64, i64)> {
    let mut random = Random::new(seed);
    (0..count).map(|_| (random.below(keys), random.below(2_000) as i64 - 1_000)).collect()
}
