//! Timers: positions in a [`KeyedState`](crate::KeyedState) by the moment at which they are due.
//!
//! A timer is a reminder and no more: whoever is reminded looks at the entry, which may have been
//! forgotten meanwhile, be another key's, or be due later. So a timer that is not wanted any more
//! need not be found and deleted, and a moment that is put off again and again (a session that
//! goes on) costs one reminder, not one for each time.

use std::collections::BTreeMap;

/// Reminders by time, in milliseconds.
#[derive(Debug, Default)]
pub struct Timers {
    due: BTreeMap<i64, Vec<u32>>,
    count: usize,
}

impl Timers {
    /// Reminds of the entry at a position at `time`.
    ///
    /// # Panics
    /// When the position is not one of a keyed state: 2^32 or more.
    pub fn set(&mut self, time: i64, at: usize) {
        let at = u32::try_from(at).expect("keyed state has fewer than 2^32 positions");
        self.due.entry(time).or_default().push(at);
        self.count += 1;
    }

    /// Takes a reminder for `now` or earlier, the earliest first.
    pub fn pop(&mut self, now: i64) -> Option<(i64, usize)> {
        let mut first = self.due.first_entry()?;
        let time = *first.key();
        if time > now {
            return None;
        }
        let at = first.get_mut().pop().expect("a moment without reminders is removed");
        if first.get().is_empty() {
            first.remove();
        }
        self.count -= 1;
        Some((time, at as usize))
    }

    /// When the first reminder is due.
    #[must_use]
    pub fn next(&self) -> Option<i64> {
        self.due.keys().next().copied()
    }

    /// How many reminders are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets all reminders.
    pub fn clear(&mut self) {
        self.due.clear();
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminders_come_when_they_are_due_and_in_order() {
        let mut timers = Timers::default();
        for (time, at) in [(30, 1), (10, 2), (20, 3), (10, 4)] {
            timers.set(time, at);
        }
        assert_eq!((timers.next(), timers.len()), (Some(10), 4));
        assert_eq!(timers.pop(9), None);
        let mut first = [timers.pop(20), timers.pop(20)].map(Option::unwrap);
        first.sort_unstable();
        assert_eq!(first, [(10, 2), (10, 4)]);
        assert_eq!(timers.pop(20), Some((20, 3)));
        assert_eq!(timers.pop(20), None);
        assert_eq!((timers.next(), timers.len()), (Some(30), 1));
    }
}
