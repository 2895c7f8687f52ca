//! Sets of positions, one bit each.

/// A set of positions in a table.
#[derive(Debug, Default)]
pub(super) struct Marks {
    words: Vec<u64>,
}

/// The word of a position, and its bit there.
#[inline]
pub(super) fn place(at: usize) -> (usize, u64) {
    (at / 64, 1 << (at % 64))
}

impl Marks {
    /// All positions below `end`.
    pub(super) fn below(end: usize) -> Self {
        let (full, rest) = place(end);
        let mut words = vec![u64::MAX; full];
        words.extend((rest > 1).then_some(rest - 1));
        Self { words }
    }

    /// Takes a position out; says whether it was in.
    pub(super) fn remove(&mut self, at: usize) -> bool {
        let (word, bit) = place(at);
        let Some(word) = self.words.get_mut(word) else { return false };
        let was_in = *word & bit != 0;
        *word &= !bit;
        was_in
    }

    /// Adds positions by their word's number and their bits.
    pub(super) fn add(&mut self, word: usize, bits: u64) {
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= bits;
    }

    /// The positions, 64 in each word.
    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(marks: &Marks) -> Vec<usize> {
        let bit = |(number, word): (usize, &u64)| {
            let word = *word;
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| number * 64 + bit)
        };
        marks.words().iter().enumerate().flat_map(bit).collect()
    }

    #[test]
    fn all_below_an_end_less_and_more() {
        for end in [0, 1, 63, 64, 65, 128, 200] {
            let mut marks = Marks::below(end);
            assert_eq!(positions(&marks), (0..end).collect::<Vec<_>>());
            assert_eq!(marks.remove(64), end > 64);
            assert!(!marks.remove(64) && !marks.remove(1_000));
            let (word, bit) = place(300);
            marks.add(word, bit);
            let less = (0..end).filter(|at| *at != 64);
            assert_eq!(positions(&marks), less.chain([300]).collect::<Vec<_>>());
        }
    }
}
