//! A histogram of durations whose buckets grow with what is in them.
//!
//! Each power of two is cut into 128 buckets of equal width, so a value is known to less than a
//! hundredth of itself, from a nanosecond to centuries, in 60 KiB. (The idea is that of G. Tene's
//! HdrHistogram, <https://hdrhistogram.github.io/HdrHistogram/>.)

use std::time::Duration;

/// The bits of a value behind its first that choose the bucket.
const BITS: u32 = 7;
/// Buckets in a power of two.
const WIDTH: usize = 1 << BITS;
/// Buckets for all nanoseconds of 64 bits.
const BUCKETS: usize = (u64::BITS - BITS + 1) as usize * WIDTH;

/// How often durations occurred.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    longest: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, longest: 0 }
    }
}

/// The bucket of a value.
#[inline]
fn bucket(nanoseconds: u64) -> usize {
    // Below twice the width each value has a bucket of its own.
    let shift = (u64::BITS - 1 - BITS).saturating_sub(nanoseconds.leading_zeros());
    shift as usize * WIDTH + (nanoseconds >> shift) as usize
}

/// The largest value of a bucket.
fn largest(bucket: usize) -> u64 {
    let shift = (bucket / WIDTH).saturating_sub(1);
    let leading = (bucket - shift * WIDTH) as u64;
    (leading << shift) | ((1 << shift) - 1)
}

impl Histogram {
    /// Counts a duration in nanoseconds.
    #[inline]
    pub(crate) fn record(&mut self, nanoseconds: u64) {
        self.counts[bucket(nanoseconds)] += 1;
        self.total += 1;
        self.longest = self.longest.max(nanoseconds);
    }

    /// Counts what another one has counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.total += other.total;
        self.longest = self.longest.max(other.longest);
    }

    /// How many durations were counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The duration that this share of all does not exceed; the longest of all at 1.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let wanted = ((self.total as f64 * share).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        Duration::from_nanos(found.map_or(0, largest).min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        assert_eq!(bucket(0), 0);
        for bucket_before in 0..BUCKETS - 1 {
            let last = largest(bucket_before);
            assert_eq!((bucket(last), bucket(last + 1)), (bucket_before, bucket_before + 1));
        }
        assert_eq!((bucket(u64::MAX), largest(BUCKETS - 1)), (BUCKETS - 1, u64::MAX));
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_values_to_a_hundredth() {
        let mut random = rheos::prelude::Random::new(1);
        let mut values: Vec<u64> =
            (0..10_000).map(|_| 10f64.powf(random.unit() * 9.0) as u64).collect();
        let (mut all, mut first, mut second) = Default::default();
        values[..3_000].iter().for_each(|value| Histogram::record(&mut first, *value));
        values[3_000..].iter().for_each(|value| Histogram::record(&mut second, *value));
        Histogram::merge(&mut all, &first);
        all.merge(&second);
        values.sort_unstable();
        for (share, at) in [(0.0, 0), (0.5, 4_999), (0.99, 9_899), (0.999, 9_989), (1.0, 9_999)] {
            let (found, right) = (all.quantile(share).as_nanos() as u64, values[at]);
            assert!(found >= right && found - right <= right / 100, "{share}: {found}, {right}");
        }
        assert_eq!(all.quantile(1.0).as_nanos() as u64, values[9_999]);
        assert_eq!(all.total(), 10_000);
        assert_eq!(Histogram::default().quantile(0.5), Duration::ZERO);
    }
}
