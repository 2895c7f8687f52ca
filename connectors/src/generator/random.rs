//! A small pseudo-random generator, one for each record that a seeded generator makes.
//!
//! Used by closures given to [`Generator::seeded`](crate::Generator::seeded). The numbers are the
//! same on every machine and in every release. It is not for secrets.

/// SplitMix64, a pseudo-random generator with 64 bits of state.
///
/// The formula is from G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014, with the constants of S. Vigna's reference implementation
/// (<https://prng.di.unimi.it/splitmix64.c>).
///
/// ```
/// use rheos_connectors::Random;
/// let mut random = Random::new(42);
/// let die = 1 + random.below(6);
/// assert!((1..=6).contains(&die));
/// assert_eq!(1 + Random::new(42).below(6), die);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random {
    state: u64,
}

/// 2^64 divided by the golden ratio, made odd: the step of the state.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// A generator that starts at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The generator of the record with this index. Its start is two rounds of the mixing function
    /// away from seed and index, so neighbouring records do not see shifted copies of one sequence.
    #[must_use]
    pub fn for_record(seed: u64, index: u64) -> Self {
        Self { state: mix(mix(seed).wrapping_add(index)) }
    }

    /// The next number, all 64 bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// A number from 0 to `bound - 1`, all equally likely.
    ///
    /// Multiplies and shifts, and draws again where that would favour some numbers (D. Lemire,
    /// "Fast random integer generation in an interval", ACM TOMACS 29, 2019).
    ///
    /// # Panics
    /// When `bound` is zero.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below zero");
        let unfair = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= unfair {
                return (product >> 64) as u64;
            }
        }
    }

    /// A number from 0 up to, but not, 1: a multiple of 2^-53.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability; always from 1 on, never at 0 or below.
    #[inline]
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of the items, all equally likely.
    ///
    /// # Panics
    /// When there are none.
    #[inline]
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }
}

/// The output function of SplitMix64: a bijection that spreads every bit.
#[inline]
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_reference_implementation() {
        let mut random = Random::new(1_234_567);
        let numbers: Vec<u64> = (0..5).map(|_| random.next_u64()).collect();
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821
            ]
        );
    }

    #[test]
    fn every_face_of_a_die_comes_up_about_equally_often() {
        let mut random = Random::new(7);
        let mut faces = [0_u32; 6];
        for _ in 0..60_000 {
            faces[random.below(6) as usize] += 1;
        }
        assert!(faces.iter().all(|count| (9_500..10_500).contains(count)), "{faces:?}");
    }

    #[test]
    fn neighbouring_records_share_no_numbers() {
        let mut seen = std::collections::HashSet::new();
        for index in 0..1_000 {
            let mut random = Random::for_record(1, index);
            assert!((0..8).all(|_| seen.insert(random.next_u64())), "record {index}");
        }
    }

    #[test]
    fn bounds_of_unit_chance_and_pick_hold() {
        let mut random = Random::new(3);
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&random.unit())));
        assert!((0..100).all(|_| random.chance(1.0) && !random.chance(0.0)));
        assert_eq!(random.pick(&["only"]), &"only");
        assert_eq!(random.below(1), 0);
    }
}
