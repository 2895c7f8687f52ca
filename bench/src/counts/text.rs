//! A text in memory, made before the clock starts: lines of ten words, frequent ones short.
//!
//! Words are drawn by Zipf's law. A line is a place in the text with a time; the lines are dealt to
//! the workers in turn, so that the text never depends on their number.

use std::sync::Arc;

use rheos::prelude::*;

/// Different words at the most.
const VOCABULARY: f64 = 100_000.0;
/// Words in a line.
const WORDS_A_LINE: usize = 10;
/// Words in a second of event time.
const WORDS_A_SECOND: usize = 100_000;

/// Some words of the text, and when they were said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Milliseconds of event time.
    pub(crate) time: i64,
    start: u32,
    length: u32,
}

/// Lines in order of time, dealt to shares.
#[derive(Clone)]
pub(crate) struct Text {
    letters: Arc<str>,
    pub(crate) shares: Vec<Arc<[Line]>>,
}

impl Text {
    /// A text of so many words, in so many shares; the same letters whatever their number.
    pub(crate) fn of(words: usize, shares: usize) -> anyhow::Result<Self> {
        let mut random = Random::new(5);
        let mut letters = String::with_capacity(words * 6);
        let mut dealt = vec![Vec::new(); shares];
        for (number, first) in (0..words).step_by(WORDS_A_LINE).enumerate() {
            let start = letters.len();
            for _ in first..words.min(first + WORDS_A_LINE) {
                // Equally likely logarithms: a rank is as likely as one over it says.
                push_word(&mut letters, VOCABULARY.powf(random.unit()) as usize);
            }
            let time = (first * 1_000 / WORDS_A_SECOND) as i64;
            let length = (letters.len() - start) as u32;
            dealt[number % shares].push(Line { time, start: u32::try_from(start)?, length });
        }
        Ok(Self { letters: letters.into(), shares: dealt.into_iter().map(Arc::from).collect() })
    }

    /// The words of a line.
    #[inline]
    pub(crate) fn words(&self, line: Line) -> impl Iterator<Item = &str> {
        let start = line.start as usize;
        self.letters[start..start + line.length as usize].split_ascii_whitespace()
    }

    /// All lines, share by share.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line> {
        self.shares.iter().flat_map(|share| share.iter().copied())
    }
}

/// The word of a rank, a syllable for two digits of it, and a blank.
fn push_word(letters: &mut String, rank: usize) {
    const CONSONANTS: &[u8; 20] = b"bcdfghjklmnpqrstvwxz";
    const VOWELS: &[u8; 5] = b"aeiou";
    let mut left = rank;
    loop {
        let syllable = left % 100;
        letters.push(CONSONANTS[syllable / 5] as char);
        letters.push(VOWELS[syllable % 5] as char);
        left /= 100;
        if left == 0 {
            break;
        }
    }
    letters.push(' ');
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn counts(text: &Text) -> HashMap<&str, u64> {
        let mut counts = HashMap::new();
        text.lines().for_each(|line| {
            text.words(line).for_each(|word| *counts.entry(word).or_default() += 1);
        });
        counts
    }

    #[test]
    fn the_words_do_not_depend_on_the_number_of_shares() {
        let (one, three) = (Text::of(1_005, 1).unwrap(), Text::of(1_005, 3).unwrap());
        assert_eq!(counts(&one), counts(&three));
        assert_eq!(counts(&one).values().sum::<u64>(), 1_005);
        assert!(three.shares.iter().all(|share| share.is_sorted_by_key(|line| line.time)));
    }

    #[test]
    fn frequent_words_are_as_frequent_as_zipf_says() {
        let text = Text::of(100_000, 1).unwrap();
        let counts = counts(&text);
        // The share of a rank is the logarithm of its next over it, over that of the vocabulary.
        let most = (100_000.0 * 2f64.ln() / VOCABULARY.ln()) as u64;
        let found = counts["be"];
        assert!(found.abs_diff(most) < most / 10, "{found} instead of {most}");
        assert!(counts.len() > 10_000, "{}", counts.len());
    }
}
