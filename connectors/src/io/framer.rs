//! Cuts blocks into lines.
//!
//! A [`LineFramer`] hands out lines as slices of the block, without copying, and carries over what
//! lies on the border of two blocks. It never holds more than one line of the largest allowed
//! size, whatever comes in, and never loses a byte of a line that is not over that size.

use memchr::memchr;

use super::Block;
use crate::format::Framing;

/// A line, as the framing wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// All of it, or a piece of it where the framing passes on pieces.
    Whole(&'a [u8]),
    /// The beginning of a line that is longer than the limit.
    TooLong(&'a [u8]),
}

/// Where lines are cut out of blocks.
pub(crate) struct LineFramer {
    framing: Framing,
    /// Bytes of a line at the most, without its end.
    max: usize,
    block: Option<Block>,
    /// Up to where the block has been taken.
    at: usize,
    /// What earlier blocks held of the open line, at the most one byte over `max`.
    carry: Vec<u8>,
    /// What earlier blocks held of the open line, with what was too much to carry.
    carried: u64,
    /// The carry was handed out as a line.
    carry_is_out: bool,
    /// Behind the last line handed out.
    offset: u64,
    /// Where the last line handed out starts.
    line_start: u64,
    /// Where the counting of lines started.
    began_at: u64,
    /// The number of the last line handed out, counted from one.
    line: u64,
}

impl LineFramer {
    /// A framer that begins at offset zero.
    pub(crate) fn new(framing: Framing, max: usize) -> Self {
        assert!(max > 0, "a line may hold at least one byte");
        Self {
            framing,
            max,
            block: None,
            at: 0,
            carry: Vec::new(),
            carried: 0,
            carry_is_out: false,
            offset: 0,
            line_start: 0,
            began_at: 0,
            line: 0,
        }
    }

    /// Takes the next block and gives back the last, which has been handed out completely.
    pub(crate) fn feed(&mut self, block: Block) -> Option<Block> {
        debug_assert!(self.at == self.block.as_ref().map_or(0, |block| block.filled().len()));
        self.at = 0;
        self.block.replace(block)
    }

    /// The next line; `None` when another block is needed.
    #[inline]
    pub(crate) fn next_line(&mut self) -> Option<Line<'_>> {
        match self.framing {
            Framing::Lines => self.next_without_end(),
            Framing::RawLines => self.next_raw(),
        }
    }

    /// The last line, if it had no end.
    pub(crate) fn finish(&mut self) -> Option<Line<'_>> {
        self.forget_carry();
        if self.carried == 0 {
            return None;
        }
        self.advance(self.carried);
        self.carried = 0;
        self.carry_is_out = true;
        Some(match self.framing {
            Framing::Lines => judge(&self.carry, self.max),
            Framing::RawLines => Line::Whole(&self.carry),
        })
    }

    /// What follows lies at `offset` of something else. Call [`finish`](Self::finish) first.
    pub(crate) fn begin(&mut self, offset: u64) {
        assert_eq!(self.carried, 0, "an open line was finished before something else begins");
        (self.offset, self.line_start, self.began_at, self.line) = (offset, offset, offset, 0);
    }

    /// Behind the last line handed out.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Where the last line handed out is, for people.
    pub(crate) fn place(&self) -> String {
        if self.began_at == 0 {
            format!("line {}", self.line)
        } else {
            format!("byte {}", self.line_start)
        }
    }

    #[inline]
    fn next_without_end(&mut self) -> Option<Line<'_>> {
        self.forget_carry();
        let Some(length) = memchr(b'\n', self.rest()?) else {
            self.carry_rest();
            return None;
        };
        if self.carried > 0 {
            return Some(self.end_carried_line(length));
        }
        let start = self.at;
        self.at += length + 1;
        self.advance(length as u64 + 1);
        let line = &self.block.as_ref()?.filled()[start..start + length];
        Some(judge(strip_return(line), self.max))
    }

    #[cold]
    fn end_carried_line(&mut self, length: usize) -> Line<'_> {
        self.carry(length);
        self.at += 1;
        let total = std::mem::take(&mut self.carried);
        self.advance(total + 1);
        self.carry_is_out = true;
        // Of a line that was cut, the last byte carried is not the last byte.
        let is_whole = total == self.carry.len() as u64;
        judge(if is_whole { strip_return(&self.carry) } else { &self.carry }, self.max)
    }

    fn next_raw(&mut self) -> Option<Line<'_>> {
        self.forget_carry();
        let rest = self.rest()?;
        let room = self.max - self.carry.len();
        let within = &rest[..rest.len().min(room)];
        let length = match memchr(b'\n', within) {
            Some(end) => end + 1,
            None if within.len() == room => room,
            None => {
                self.carry_rest();
                return None;
            }
        };
        if self.carried > 0 {
            self.carry(length);
            let total = std::mem::take(&mut self.carried);
            self.advance(total);
            self.carry_is_out = true;
            return Some(Line::Whole(&self.carry));
        }
        let start = self.at;
        self.at += length;
        self.advance(length as u64);
        Some(Line::Whole(&self.block.as_ref()?.filled()[start..start + length]))
    }

    /// What is left of the block.
    #[inline]
    fn rest(&self) -> Option<&[u8]> {
        Some(&self.block.as_ref()?.filled()[self.at..])
    }

    #[inline]
    fn forget_carry(&mut self) {
        if self.carry_is_out {
            self.carry.clear();
            self.carry_is_out = false;
        }
    }

    fn carry_rest(&mut self) {
        self.carry(self.rest().map_or(0, <[u8]>::len));
    }

    /// Takes `count` bytes off the block into the carry, as far as they are wanted: one byte more
    /// than a line may have, because that may be the `\r` of its end.
    fn carry(&mut self, count: usize) {
        if let Some(block) = &self.block {
            let wanted = count.min((self.max + 1).saturating_sub(self.carry.len()));
            self.carry.extend_from_slice(&block.filled()[self.at..self.at + wanted]);
        }
        self.at += count;
        self.carried += count as u64;
    }

    /// Moves behind a line of `length` bytes.
    fn advance(&mut self, length: u64) {
        self.line_start = self.offset;
        self.offset += length;
        self.line += 1;
    }
}

#[inline]
fn strip_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether a line is within the limit. Of a line that was cut, `held` is over it by one byte.
#[inline]
fn judge(held: &[u8], max: usize) -> Line<'_> {
    if held.len() <= max { Line::Whole(held) } else { Line::TooLong(&held[..max]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames `input` in blocks of `size` bytes.
    fn frame(framing: Framing, max: usize, input: &[u8], size: usize) -> Vec<(String, bool, u64)> {
        let mut framer = LineFramer::new(framing, max);
        let mut lines = Vec::new();
        let mut keep = |line: Line<'_>| match line {
            Line::Whole(bytes) => (String::from_utf8_lossy(bytes).into_owned(), true),
            Line::TooLong(bytes) => (String::from_utf8_lossy(bytes).into_owned(), false),
        };
        for block in input.chunks(size) {
            framer.feed(Block::from(block));
            while let Some((text, whole)) = framer.next_line().map(&mut keep) {
                lines.push((text, whole, framer.offset()));
            }
            assert!(framer.carry.capacity() <= 2 * (max + 1).max(8), "the carry is bounded");
        }
        if let Some((text, whole)) = framer.finish().map(&mut keep) {
            lines.push((text, whole, framer.offset()));
        }
        assert!(framer.finish().is_none());
        lines
    }

    fn check(framing: Framing, max: usize, input: &str, expected: &[(&str, bool, u64)]) {
        for size in 1..=input.len().max(1) {
            let found = frame(framing, max, input.as_bytes(), size);
            let found: Vec<_> =
                found.iter().map(|(text, whole, at)| (&**text, *whole, *at)).collect();
            assert_eq!(found, expected, "{input:?} in blocks of {size}");
        }
    }

    #[test]
    fn lines_are_cut_wherever_blocks_end() {
        check(Framing::Lines, 9, "", &[]);
        check(Framing::Lines, 9, "\n", &[("", true, 1)]);
        check(
            Framing::Lines,
            9,
            "a\nbc\r\n\nd",
            &[("a", true, 2), ("bc", true, 6), ("", true, 7), ("d", true, 8)],
        );
        check(Framing::Lines, 9, "a\rb\nc\r", &[("a\rb", true, 4), ("c\r", true, 6)]);
    }

    #[test]
    fn a_line_over_the_limit_is_cut_and_the_next_is_whole() {
        check(
            Framing::Lines,
            3,
            "abc\r\nabcd\nx\n",
            &[("abc", true, 5), ("abc", false, 10), ("x", true, 12)],
        );
        check(Framing::Lines, 3, "abcdefghijk\r\nx", &[("abc", false, 13), ("x", true, 14)]);
        check(Framing::Lines, 3, "abc\rd\nabcd", &[("abc", false, 6), ("abc", false, 10)]);
    }

    #[test]
    fn raw_lines_keep_every_byte_and_come_in_pieces() {
        check(
            Framing::RawLines,
            3,
            "ab\r\nabcdefg\n\nx",
            &[
                ("ab\r", true, 3),
                ("\n", true, 4),
                ("abc", true, 7),
                ("def", true, 10),
                ("g\n", true, 12),
                ("\n", true, 13),
                ("x", true, 14),
            ],
        );
    }
}
