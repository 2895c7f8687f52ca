//! What a source on one worker has read that is not finished everywhere.

use std::collections::VecDeque;

use crate::Epoch;

/// What is in flight, by epoch.
#[derive(Default)]
pub(super) struct InFlight {
    by_epoch: VecDeque<(Epoch, usize)>,
    bytes: usize,
}

impl InFlight {
    /// So many bytes more in an epoch, which is not before the last one.
    pub(super) fn add(&mut self, epoch: Epoch, bytes: usize) {
        self.bytes += bytes;
        match self.by_epoch.back_mut() {
            Some((last, sum)) if *last == epoch => *sum += bytes,
            _ => self.by_epoch.push_back((epoch, bytes)),
        }
    }

    /// The bytes of all epochs together.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether anything of an epoch before `epoch` is in flight.
    pub(super) fn is_before(&self, epoch: Epoch) -> bool {
        self.by_epoch.front().is_some_and(|(first, _)| *first < epoch)
    }

    /// All epochs before `epoch` are finished.
    pub(super) fn finish_before(&mut self, epoch: Epoch) {
        while let Some((first, bytes)) = self.by_epoch.front().copied() {
            if first >= epoch {
                break;
            }
            self.bytes -= bytes;
            self.by_epoch.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_with_their_epochs() {
        let mut in_flight = InFlight::default();
        for (epoch, bytes) in [(1, 10), (1, 20), (3, 5)] {
            in_flight.add(Epoch(epoch), bytes);
        }
        assert_eq!((in_flight.bytes(), in_flight.is_before(Epoch(1))), (35, false));
        assert!(in_flight.is_before(Epoch(2)));
        in_flight.finish_before(Epoch(2));
        assert_eq!((in_flight.bytes(), in_flight.is_before(Epoch(3))), (5, false));
    }
}
