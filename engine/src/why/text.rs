//! Says to people why nothing comes out.

use std::fmt;
use std::time::Duration;

use super::{Holder, Why};
use crate::{EventTime, Holdings};

/// From here on a pause is worth a word.
const SILENCE: Duration = Duration::from_secs(1);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ", self.step)?;
        match self.watermark {
            None => f.write_str("does not wait for event time, or has seen none of it yet")?,
            Some(EventTime::MAX) => f.write_str("has seen the end of its input")?,
            Some(EventTime::MIN) => f.write_str("waits for its first watermark")?,
            Some(watermark) => write!(f, "waits at {watermark}")?,
        }
        if let Some(holder) = &self.holder {
            write!(f, ": {holder}")?;
        }
        let Holdings { keys, windows, timers, records, .. } = self.holdings;
        match (windows, keys) {
            (0, 0) => {}
            (0, keys) => write!(f, "; it remembers {}", many(keys as u64, "key"))?,
            (1, 0 | 1) => f.write_str("; 1 window is pending")?,
            (windows, 0) => write!(f, "; {windows} windows are pending")?,
            (windows, keys) => {
                let (windows, keys) = (many(windows as u64, "window"), many(keys as u64, "key"));
                write!(f, "; {windows} of {keys} are pending")?;
            }
        }
        if timers > 0 {
            write!(f, "; {}", were(timers as u64, "timer", "is set", "are set"))?;
        }
        if records > 0 && windows == 0 {
            write!(f, "; it holds {}", many(records as u64, "record"))?;
        }
        if self.late_records > 0 {
            write!(f, "; {}", were(self.late_records, "record", "was late", "were late"))?;
        }
        if self.future_records > 0 {
            let (one, more) = ("claimed to be from the future", "claimed to be from the future");
            write!(f, "; {}", were(self.future_records, "record", one, more))?;
        }
        Ok(())
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Split { source, split, silent_for, is_idle: true, .. } => write!(
                f,
                "all splits are silent, split `{split}` of source `{source}` for {}; the next \
                 record of any of them moves it on",
                Length(*silent_for)
            ),
            Holder::Split { source, split, silent_for, watermark, .. } => {
                write!(f, "split `{split}` of source `{source}` ")?;
                behind(f, *watermark, *silent_for)
            }
            Holder::Unopened { source, splits, worker } => write!(
                f,
                "worker {worker} has not opened {} of source `{source}` yet, because it reads \
                 others first",
                many(*splits as u64, "split")
            ),
            Holder::Mixed { step, worker, silent_for, is_idle: true, .. } => write!(
                f,
                "all records are silent, those that `{step}` gets on worker {worker} for {}; the \
                 next one moves it on",
                Length(*silent_for)
            ),
            Holder::Mixed { step, worker, silent_for, watermark, .. } => {
                write!(f, "worker {worker} of step `{step}` ")?;
                behind(f, *watermark, *silent_for)
            }
            Holder::Operator { step, worker, output, .. } if *output == EventTime::MIN => write!(
                f,
                "step `{step}` has not said on worker {worker} how far it has come: it may still \
                 send something with any time"
            ),
            Holder::Operator { step, worker, output, .. } => write!(
                f,
                "step `{step}` may still send something with a time from {output} on, on worker \
                 {worker}"
            ),
            Holder::Silent { step, worker } => {
                write!(f, "step `{step}` has not finished anything yet on worker {worker}")
            }
            Holder::Elsewhere { worker } => {
                write!(f, "it waits for worker {worker}, in another process, which can say more")
            }
        }
    }
}

/// What is behind all others: for want of records, or for their times.
fn behind(f: &mut fmt::Formatter<'_>, watermark: EventTime, silent: Duration) -> fmt::Result {
    match (watermark, silent >= SILENCE) {
        (EventTime::MIN, true) => write!(f, "has had no record for {}", Length(silent)),
        (EventTime::MIN, false) => f.write_str("has promised nothing yet"),
        (_, true) => write!(f, "has said nothing for {}", Length(silent)),
        (_, false) => f.write_str("is the furthest behind, though its records come"),
    }
}

/// "1 record", "2 records".
fn many(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// "1 record was late", "2 records were late".
fn were(number: u64, what: &str, one: &str, more: &str) -> String {
    format!("{} {}", many(number, what), if number == 1 { one } else { more })
}

/// A duration for people, in at most two units.
pub(crate) struct Length(pub(crate) Duration);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0 => write!(f, "{} ms", self.0.as_millis()),
            1..10 => write!(f, "{} s", (self.0.as_secs_f64() * 10.0).round() / 10.0),
            10..120 => write!(f, "{seconds} s"),
            120..7_200 => write!(f, "{} min", seconds / 60),
            7_200..172_800 => write!(f, "{} h", seconds / 3_600),
            172_800..63_072_000 => write!(f, "{} days", seconds / 86_400),
            _ => write!(f, "{} years", seconds / 31_536_000),
        }
    }
}
