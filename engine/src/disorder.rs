//! A sketch of disorder: by how much records come behind the latest one before them.
//!
//! A histogram with four buckets for each power of two of milliseconds. It answers which bound
//! would have kept a share of the records, at most a quarter too large and never too small.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Buckets for each power of two.
const STEPS: usize = 4;

/// Delays of 2^63 ms and more do not exist.
const BUCKETS: usize = 64 * STEPS;

/// By how much records come behind the latest one before them.
///
/// ```
/// use std::time::Duration;
/// use rheos_engine::Disorder;
/// let mut disorder = Disorder::default();
/// (0..999).for_each(|_| disorder.add(3));
/// disorder.add(60_000);
/// assert_eq!(disorder.bound_for(0.999), Duration::from_millis(3));
/// assert!(disorder.bound_for(1.0) >= Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disorder {
    /// Records by bucket, as far as there are any.
    buckets: Vec<u64>,
    records: u64,
}

impl Disorder {
    /// Adds a record that came so many milliseconds of event time behind the latest one before
    /// it; zero for one that was in order.
    #[inline]
    pub fn add(&mut self, millis: u64) {
        self.add_many(millis, 1);
    }

    /// Adds so many records of the same delay.
    pub fn add_many(&mut self, millis: u64, records: u64) {
        let bucket = bucket(millis);
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += records;
        self.records += records;
    }

    /// Adds what another worker saw.
    pub fn merge(&mut self, other: &Self) {
        if other.buckets.len() > self.buckets.len() {
            self.buckets.resize(other.buckets.len().min(BUCKETS), 0);
        }
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.records += other.records;
    }

    /// The records so far.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The bound on disorder with which at least this share of the records, from 0 to 1, would
    /// not have been late. Zero when there were none.
    #[must_use]
    pub fn bound_for(&self, share: f64) -> Duration {
        let wanted = (self.records as f64 * share.clamp(0.0, 1.0)).ceil() as u64;
        let mut seen = 0;
        for (bucket, records) in self.buckets.iter().enumerate() {
            seen += records;
            if seen >= wanted {
                return Duration::from_millis(largest_in(bucket));
            }
        }
        Duration::ZERO
    }
}

/// The bucket of a delay: exact up to 7 ms, then four for each power of two.
fn bucket(millis: u64) -> usize {
    if millis < 2 * STEPS as u64 {
        return millis as usize;
    }
    let power = millis.ilog2() as usize;
    let step = (millis >> (power - 2)) as usize & (STEPS - 1);
    (power - 1) * STEPS + step
}

/// The largest delay in a bucket.
fn largest_in(bucket: usize) -> u64 {
    if bucket < 2 * STEPS {
        return bucket as u64;
    }
    let power = bucket / STEPS + 1;
    let step = (bucket % STEPS) as u64;
    let lowest = (1u64 << power) + (step << (power - 2));
    lowest + ((1u64 << (power - 2)) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_delay_lies_in_its_bucket_and_no_bucket_is_wide() {
        let mut last = None;
        for millis in (0..5_000u64).chain((13..60).flat_map(|p| [1u64 << p, (1 << p) + 123])) {
            let at = bucket(millis);
            assert!(at < BUCKETS && largest_in(at) >= millis, "{millis}");
            assert!(largest_in(at) <= millis + millis / 4, "{millis}: {}", largest_in(at));
            assert!(last.is_none_or(|last| last <= at), "{millis}");
            last = Some(at);
        }
    }

    #[test]
    fn merged_sketches_count_all_records() {
        let (mut one, mut other) = (Disorder::default(), Disorder::default());
        one.add_many(0, 10);
        other.add_many(100, 90);
        one.merge(&other);
        assert_eq!(one.records(), 100);
        assert_eq!(one.bound_for(0.1), Duration::ZERO);
        assert!(one.bound_for(0.11) >= Duration::from_millis(100));
        assert_eq!(Disorder::default().bound_for(0.999), Duration::ZERO);
    }
}
