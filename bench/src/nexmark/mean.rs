//! An average in integers, rounded toward zero.

use rheos::prelude::Aggregate;

/// The average of prices.
#[derive(Clone)]
pub(crate) struct Mean;

impl Aggregate for Mean {
    type In = u32;
    /// Their sum and how many they are.
    type Acc = (i64, i64);
    type Out = i64;

    fn create(&self) -> (i64, i64) {
        (0, 0)
    }

    fn add(&self, (sum, count): &mut (i64, i64), price: u32) {
        *sum += i64::from(price);
        *count += 1;
    }

    fn merge(&self, (sum, count): &mut (i64, i64), other: (i64, i64)) {
        *sum += other.0;
        *count += other.1;
    }

    fn finish(&self, (sum, count): &(i64, i64)) -> i64 {
        sum / count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_an_aggregate() {
        rheos::operators::check_aggregate(&Mean, &[7, 8, 100, u32::MAX]);
    }
}
