//! Whether combining is worth its while: a pure decision over counts.

/// Records after which a combiner is judged.
pub(crate) const TRIAL_RECORDS: u64 = 1 << 14;

/// Records that a combiner lets pass after it was found useless, before it is tried again.
pub(crate) const ASIDE_RECORDS: u64 = 1 << 18;

/// A combiner steps aside when more than two of three records are of a new key.
const USELESS: (u64, u64) = (2, 3);

/// Judges a combiner by how many of its records were of keys that it did not hold.
///
/// ```text
///            more than two of three are new
///   Trial ------------------------------------> Aside
///     ^                                           |
///     +-------------------------------------------+
///               ASIDE_RECORDS have passed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduction {
    /// Combining, and counting what comes of it.
    Trial { records: u64, new_keys: u64 },
    /// Letting records pass.
    Aside { left: u64 },
}

impl Default for Reduction {
    fn default() -> Self {
        Self::Trial { records: 0, new_keys: 0 }
    }
}

impl Reduction {
    /// Whether records should be combined.
    pub(crate) fn combines(self) -> bool {
        matches!(self, Self::Trial { .. })
    }

    /// Takes note of a batch that was combined.
    #[must_use]
    pub(crate) fn combined(self, batch: usize, of_new_keys: usize) -> Self {
        let Self::Trial { records, new_keys } = self else { return self };
        let (records, new_keys) = (records + batch as u64, new_keys + of_new_keys as u64);
        if records < TRIAL_RECORDS {
            return Self::Trial { records, new_keys };
        }
        if new_keys * USELESS.1 > records * USELESS.0 {
            return Self::Aside { left: ASIDE_RECORDS };
        }
        Self::default()
    }

    /// Takes note of a batch that was let pass.
    #[must_use]
    pub(crate) fn passed(self, batch: usize) -> Self {
        match self {
            Self::Aside { left } if left > batch as u64 => {
                Self::Aside { left: left - batch as u64 }
            }
            Self::Aside { .. } | Self::Trial { .. } => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Combines a whole trial of records of which so many in a hundred are of new keys.
    fn after_trial(new_in_hundred: usize) -> Reduction {
        let mut reduction = Reduction::default();
        let mut records = 0;
        while records < TRIAL_RECORDS {
            assert!(reduction.combines(), "not judged before {TRIAL_RECORDS} records");
            reduction = reduction.combined(100, new_in_hundred);
            records += 100;
        }
        reduction
    }

    #[test]
    fn steps_aside_when_more_than_two_thirds_are_new() {
        for (new_in_hundred, combines) in
            [(0, true), (50, true), (66, true), (67, false), (100, false)]
        {
            assert_eq!(after_trial(new_in_hundred).combines(), combines, "{new_in_hundred} %");
        }
    }

    #[test]
    fn tries_again_when_enough_has_passed() {
        let mut reduction = after_trial(100);
        let mut passed = 0;
        while !reduction.combines() {
            reduction = reduction.passed(1000);
            passed += 1000;
        }
        assert!((ASIDE_RECORDS..ASIDE_RECORDS + 1000).contains(&passed), "{passed}");
        assert_eq!(reduction, Reduction::default());
    }
}
