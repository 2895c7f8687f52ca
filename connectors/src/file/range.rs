//! The lines that start in a range of a file.
//!
//! A range owns the lines that start in it, up to their end, even if that lies behind the range.
//! So ranges that together cover a file together hold each of its lines exactly once, wherever
//! they are cut.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use memchr::memchr;

/// Where the first line starts that starts at `start` or later; leaves the input there. May lie
/// behind `end`, when no line starts before it: how far behind is not looked at.
pub(crate) fn seek_to_line(file: &mut (impl Read + Seek), start: u64, end: u64) -> io::Result<u64> {
    if start == 0 {
        return file.rewind().map(|()| 0);
    }
    // A line starts at `start` if the byte before ends one.
    let mut at = start - 1;
    file.seek(SeekFrom::Start(at))?;
    let mut input = BufReader::new(&mut *file);
    while at < end {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        if let Some(line_end) = memchr(b'\n', bytes) {
            at += line_end as u64 + 1;
            break;
        }
        let count = bytes.len();
        at += count as u64;
        input.consume(count);
    }
    file.seek(SeekFrom::Start(at))
}

/// Reads from the start of a line to the end of the last line that starts before `end`.
pub(crate) struct LineRange<R> {
    read: R,
    /// Where the next byte lies.
    at: u64,
    end: u64,
    is_done: bool,
}

impl<R: Read> LineRange<R> {
    /// `read` stands at `at`, where a line starts.
    pub(crate) fn new(read: R, at: u64, end: u64) -> Self {
        Self { read, at, end, is_done: at >= end }
    }
}

impl<R: Read> Read for LineRange<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_done || into.is_empty() {
            return Ok(0);
        }
        let count = self.read.read(into)?;
        if count == 0 && self.at < self.end {
            let (at, end) = (self.at, self.end);
            let reason =
                format!("it ended at byte {at}, before {end}: it was cut while it was read");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
        }
        let behind = self.at + count as u64;
        if count == 0 || behind < self.end {
            self.at = behind;
            return Ok(count);
        }
        // The line that holds the byte before `end` is the last: it ends at that byte or later.
        let from = usize::try_from((self.end - 1).saturating_sub(self.at)).unwrap_or(count);
        let count = match memchr(b'\n', &into[from..count]) {
            Some(line_end) => {
                self.is_done = true;
                from + line_end + 1
            }
            None => count,
        };
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::Random;

    fn lines_in(text: &[u8], start: u64, end: u64) -> Vec<u8> {
        let mut file = Cursor::new(text);
        let at = seek_to_line(&mut file, start, end).unwrap();
        let mut lines = Vec::new();
        LineRange::new(file, at, end).read_to_end(&mut lines).unwrap();
        lines
    }

    #[test]
    fn any_cutting_gives_every_line_once() {
        for seed in 0..2_000 {
            let mut random = Random::new(seed);
            let text: Vec<u8> =
                (0..1 + random.below(40)).map(|_| *random.pick(b"ab\n\r")).collect();
            let mut cuts: Vec<u64> =
                (0..random.below(6)).map(|_| random.below(text.len() as u64)).collect();
            cuts.extend([0, text.len() as u64]);
            cuts.sort_unstable();
            cuts.dedup();
            let mut put_together = Vec::new();
            for range in cuts.windows(2) {
                let lines = lines_in(&text, range[0], range[1]);
                let is_cut = !lines.is_empty() && !lines.ends_with(b"\n");
                assert!(!is_cut || range[1] == text.len() as u64 || text.ends_with(&lines));
                put_together.extend(lines);
            }
            assert_eq!(put_together, text, "seed {seed}, cuts {cuts:?}");
        }
    }

    #[test]
    fn a_file_that_is_shorter_than_its_range_is_an_error() {
        let mut lines = Vec::new();
        let error = LineRange::new(&b"abc\n"[..], 0, 9).read_to_end(&mut lines).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
