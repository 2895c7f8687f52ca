//! Seeded random input for tests (SplitMix64): the same numbers for a seed, always.

/// A sequence of random numbers. Tests name the seed when they fail.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Epochs of pairs: keys below 20, values around 0. Some epochs are empty.
    pub(crate) fn epochs(&mut self) -> Vec<Vec<(u64, i64)>> {
        let epochs = 1 + self.below(8);
        (0..epochs)
            .map(|_| {
                let records = self.below(4) * self.below(60);
                (0..records).map(|_| (self.below(20), self.below(2001) as i64 - 1000)).collect()
            })
            .collect()
    }

    /// Cuts records into batches of up to 16, some of them empty.
    pub(crate) fn batches<T>(&mut self, records: Vec<T>) -> Vec<Vec<T>> {
        let mut batches = vec![Vec::new()];
        let mut room = 0;
        for record in records {
            if room == 0 {
                batches.push(Vec::new());
                room = 1 + self.below(16);
            }
            room -= 1;
            batches.last_mut().expect("there is a first batch").push(record);
        }
        batches
    }

    /// Deals records over workers.
    pub(crate) fn deal<T>(&mut self, records: Vec<T>, workers: usize) -> Vec<Vec<T>> {
        let mut dealt: Vec<Vec<T>> = (0..workers).map(|_| Vec::new()).collect();
        for record in records {
            dealt[self.below(workers as u64) as usize].push(record);
        }
        dealt
    }
}
