//! Sets of positions, one bit each.

/// A set of positions in a table.
#[derive(Debug, Default)]
pub(super) struct Marks {
    words: Vec<u64>,
}

/// The word of a position, and its bit there.
#[inline]
fn place(at: usize) -> (usize, u64) {
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

    #[inline]
    pub(super) fn contains(&self, at: usize) -> bool {
        let (word, bit) = place(at);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(super) fn insert(&mut self, at: usize) {
        let (word, bit) = place(at);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= bit;
    }

    /// Takes a position out; says whether it was in.
    pub(super) fn remove(&mut self, at: usize) -> bool {
        let (word, bit) = place(at);
        let Some(word) = self.words.get_mut(word) else { return false };
        let was_in = *word & bit != 0;
        *word &= !bit;
        was_in
    }

    /// Takes the first position out of those that are not before word number `cursor`, which
    /// moves on to where it was.
    #[inline]
    pub(super) fn pop(&mut self, cursor: &mut usize) -> Option<usize> {
        while let Some(word) = self.words.get_mut(*cursor) {
            if *word != 0 {
                let bit = word.trailing_zeros() as usize;
                *word &= *word - 1;
                return Some(*cursor * 64 + bit);
            }
            *cursor += 1;
        }
        None
    }

    /// Adds all of `others`.
    pub(super) fn add(&mut self, others: &Marks) {
        if self.words.len() < others.words.len() {
            self.words.resize(others.words.len(), 0);
        }
        self.words.iter_mut().zip(&others.words).for_each(|(word, other)| *word |= other);
    }

    /// Takes all positions out, and keeps the room for them.
    pub(super) fn clear(&mut self) {
        self.words.fill(0);
    }

    pub(super) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn popped(mut marks: Marks) -> Vec<usize> {
        let mut cursor = 0;
        std::iter::from_fn(|| marks.pop(&mut cursor)).collect()
    }

    #[test]
    fn positions_come_out_once_and_in_order() {
        let mut marks = Marks::default();
        [130, 0, 63, 64, 0].into_iter().for_each(|at| marks.insert(at));
        assert!(marks.contains(63) && !marks.contains(62) && !marks.contains(1_000));
        assert!(marks.remove(63) && !marks.remove(63) && !marks.remove(1_000));
        assert_eq!(marks.len(), 3);
        assert_eq!(popped(marks), [0, 64, 130]);
    }

    #[test]
    fn all_below_an_end_and_sums() {
        for end in [0, 1, 63, 64, 65, 128, 200] {
            let mut marks = Marks::below(end);
            assert_eq!(marks.len(), end);
            assert!(!marks.contains(end));
            marks.add(&Marks::below(100));
            assert_eq!(popped(marks), (0..end.max(100)).collect::<Vec<_>>());
        }
    }
}
