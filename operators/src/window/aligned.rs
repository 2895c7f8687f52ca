//! Where windows of a fixed size lie: pure arithmetic on milliseconds.
//!
//! Sliding windows overlap, and a record belongs to many of them. So it is not put into windows
//! but into the one *slice* that holds its time: slices are as long as the greatest common divisor
//! of size and slide, every window is a run of whole slices, and what is known of a slice is
//! shared by all windows over it (Krishnamurthy, Wu, Franklin: On-the-fly sharing for streamed
//! aggregation, 2006; Li and others: No pane, no gain, 2005).

use std::fmt;

use rheos_engine::EventTime;

/// Windows of one size, one every `slide`, shifted by `offset` against the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aligned {
    size: i64,
    slide: i64,
    offset: i64,
    slice: i64,
}

/// The longest that a window lasts or waits: 36 million years. More is taken for as much.
pub(crate) const LONGEST: i64 = 1 << 60;

/// How far from the Unix epoch windows lie: times that are further away belong to the windows
/// there. So every window has a beginning and an end, and arithmetic on them does not overflow.
const FURTHEST: i64 = 1 << 61;

/// A watermark further away than this is before or behind all windows.
const BEHIND_ALL: i64 = 1 << 62;

/// The moment by which a record with a time is placed.
#[inline]
pub(crate) fn placed(time: EventTime) -> i64 {
    time.as_millis().clamp(-FURTHEST, FURTHEST)
}

/// A watermark, within the bounds of arithmetic.
fn bounded(watermark: i64) -> i64 {
    watermark.clamp(-BEHIND_ALL, BEHIND_ALL)
}

/// The largest multiple of `step` from `offset` on that is at most `time`.
fn floor(time: i64, step: i64, offset: i64) -> i64 {
    time - (time - offset).rem_euclid(step)
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

impl Aligned {
    /// Windows of `size` ms every `slide` ms.
    ///
    /// # Panics
    /// When either is not positive.
    pub(crate) fn new(size: i64, slide: i64, offset: i64) -> Self {
        assert!(size > 0 && slide > 0, "windows have a size and move on");
        let (size, slide) = (size.min(LONGEST), slide.min(LONGEST));
        let offset = offset.rem_euclid(slide);
        Self { size, slide, offset, slice: greatest_common_divisor(size, slide) }
    }

    /// The same windows, shifted by `offset` against the Unix epoch.
    pub(crate) fn shifted(self, offset: i64) -> Self {
        Self::new(self.size, self.slide, offset)
    }

    /// The length of a slice.
    pub(crate) fn slice(&self) -> i64 {
        self.slice
    }

    /// Slices in a window.
    pub(crate) fn slices_a_window(&self) -> i64 {
        self.size / self.slice
    }

    /// The beginning of the slice that holds a moment.
    pub(crate) fn slice_of(&self, time: i64) -> i64 {
        floor(time, self.slice, self.offset)
    }

    /// The number of the slice that begins at `start`, counted from the offset.
    pub(crate) fn number_of(&self, start: i64) -> i64 {
        (start - self.offset).div_euclid(self.slice)
    }

    /// The beginning of the slice with a number.
    pub(crate) fn start_of_number(&self, number: i64) -> i64 {
        number * self.slice + self.offset
    }

    /// The end of the last window over the slice that begins at `slice`; at most `slice` when
    /// there is none, because windows leave gaps.
    pub(crate) fn last_end(&self, slice: i64) -> i64 {
        floor(slice, self.slide, self.offset) + self.size
    }

    /// Whether windows leave gaps between them.
    pub(crate) fn has_gaps(&self) -> bool {
        self.slide > self.size
    }

    /// Whether any window lies over the slice that begins at `slice`.
    pub(crate) fn is_covered(&self, slice: i64) -> bool {
        self.last_end(slice) > slice
    }

    /// The end of the first window that lies over the slice that begins at `slice` and ends after
    /// `after`.
    pub(crate) fn first_end(&self, slice: i64, after: i64) -> i64 {
        // A window over the slice begins after `slice - size`.
        let earliest = slice - self.size + self.slice;
        let start = earliest.max(bounded(after) - self.size + 1);
        // The first start that is not before `start`.
        floor(start - 1, self.slide, self.offset) + self.slide + self.size
    }

    /// The first moment from which on every window ends after `over`.
    pub(crate) fn open_from(&self, over: i64) -> i64 {
        floor(bounded(over) - self.size, self.slide, self.offset) + self.slide
    }

    /// The beginning of the window that ends at `end`.
    pub(crate) fn start_of(&self, end: i64) -> i64 {
        end - self.size
    }

    /// All windows that hold a moment, as starts and ends, the earliest first.
    pub(crate) fn windows_of(&self, time: i64) -> impl Iterator<Item = (i64, i64)> + use<> {
        let Self { size, slide, .. } = *self;
        let last = floor(time, slide, self.offset);
        let overlaps = (size + slide - 1) / slide;
        let starts = (0..overlaps).rev().map(move |n| last - n * slide);
        starts.map(move |start| (start, start + size)).filter(move |(_, end)| *end > time)
    }
}

impl fmt::Display for Aligned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, slide, offset, slice } = self;
        match size == slide {
            true => write!(f, "tumbling windows of {size} ms")?,
            false => write!(
                f,
                "windows of {size} ms every {slide} ms, each of {} shared slices of {slice} ms",
                size / slice
            )?,
        }
        if *offset != 0 {
            write!(f, ", shifted by {offset} ms")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_and_windows_agree_with_counting() {
        for (size, slide, offset) in
            [(10, 10, 0), (10, 2, 0), (10, 4, 3), (7, 3, 1), (6, 9, 2), (1, 1, 0), (5, 5, -12)]
        {
            let aligned = Aligned::new(size, slide, offset);
            let context = format!("{size} by {slide} from {offset}");
            for time in -40..40i64 {
                // Windows written down one by one.
                let starts = (-60..60).map(|n| n * slide + offset);
                let mut windows: Vec<_> = starts
                    .map(|start| (start, start + size))
                    .filter(|(start, end)| (*start..*end).contains(&time))
                    .collect();
                windows.sort_unstable();
                let got: Vec<_> = aligned.windows_of(time).collect();
                assert_eq!(got, windows, "{context}: windows of {time}");
                let slice = aligned.slice_of(time);
                assert!((slice..slice + aligned.slice()).contains(&time), "{context}: {time}");
                assert_eq!(aligned.is_covered(slice), !windows.is_empty(), "{context}: {time}");
                for over in -20..20 {
                    let is_open = windows.iter().any(|(_, end)| *end > over);
                    let open_from = aligned.open_from(over);
                    assert!(!is_open || time >= open_from, "{context}: {time} open at {over}");
                    let is_over = !windows.is_empty() && !is_open;
                    assert!(!is_over || time < open_from, "{context}: {time} over at {over}");
                }
                if let (Some(first), Some(last)) = (windows.first(), windows.last()) {
                    assert_eq!(aligned.last_end(slice), last.1, "{context}: last of {time}");
                    assert_eq!(aligned.first_end(slice, i64::MIN), first.1, "{context}: {time}");
                    for after in slice..last.1 {
                        let next = windows.iter().find(|(_, end)| *end > after).unwrap();
                        assert_eq!(aligned.first_end(slice, after), next.1, "{context}: {time}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for (size, slide, offset) in
            [(1000, 100, 50), (i64::MAX, 7, 3), (7, i64::MAX, i64::MAX), (i64::MAX, i64::MAX, 1)]
        {
            let aligned = Aligned::new(size, slide, offset);
            let context = format!("{size} by {slide} from {offset}");
            for time in [EventTime::MIN, EventTime::from_millis(0), EventTime::MAX].map(placed) {
                let slice = aligned.slice_of(time);
                assert!((slice..slice + aligned.slice()).contains(&time), "{context}: {time}");
                for at in [i64::MIN, -BEHIND_ALL, time, BEHIND_ALL, i64::MAX] {
                    let (next, open_from) = (aligned.first_end(slice, at), aligned.open_from(at));
                    assert!(next > bounded(at), "{context}: {next} is the next end after {at}");
                    assert_eq!(time >= open_from, open_from <= slice, "{context}: {open_from}");
                }
                assert!(aligned.open_from(i64::MIN) <= slice, "{context}: all is open at first");
                assert!(aligned.open_from(i64::MAX) > time, "{context}: all is over in the end");
                let first = aligned.windows_of(time).next();
                let is_one = |(start, end): (i64, i64)| start <= time && time < end;
                assert!(first.is_none_or(is_one), "{context}: {first:?} of {time}");
            }
        }
    }
}
