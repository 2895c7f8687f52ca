//! Every bound of the engine, with its name and its default, in one place.

use std::time::Duration;

/// The bounds of a running job. All are per process unless they say otherwise.
///
/// ```
/// use rheos_engine::Limits;
/// let limits = Limits { in_flight_bytes: 16 << 20, ..Limits::default() };
/// assert!(limits.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records in one batch at the most; 1,024.
    pub batch_records: usize,
    /// Bytes of records (without what they own on the heap) that fill a batch; 32 KiB.
    pub batch_bytes: usize,
    /// Bytes the sources of a process may be ahead of what all sinks have finished; 64 MiB.
    pub in_flight_bytes: usize,
    /// Bytes that wait before a step, on all workers of a process, before the steps that add to
    /// them pause; 32 MiB.
    pub queued_bytes: usize,
    /// How long an epoch stays open once it holds a record, unless it fills its share of the budget
    /// before; 50 ms.
    pub epoch_interval: Duration,
    /// Epochs that may be unfinished before further ones are made longer instead; 8.
    pub epochs_in_flight: u64,
    /// Batches a source reads before it lets other steps run; 16.
    pub batches_per_turn: usize,
    /// Keys a combiner holds before it gives up what it has; 131,072 a worker.
    pub combiner_keys: usize,
    /// Records that a step which puts them in order of event time holds until the watermark has
    /// passed them; 16,777,216 a worker.
    pub sorted_records: usize,
    /// Attempts to find a pattern that a key may have at the same time; 1,000.
    pub partial_matches: usize,
    /// How long the processes of a job wait for each other at the start; 30 s.
    pub connect_timeout: Duration,
    /// How long a process of the job may be silent before it counts as lost; 4 s.
    pub peer_timeout: Duration,
    /// Bytes of a message on a link between processes at the most; 64 MiB.
    pub link_message_bytes: usize,
    /// How long the watermark of a step may stand still while records arrive before the job says
    /// so, once, with who holds it; 30 s of processing time.
    pub stalled_after: Duration,
    /// Connections of strangers that are looked at at the same time while a job gathers; 16.
    pub handshakes: usize,
    /// Threads that drive asynchronous calls, once there are any; 2.
    pub io_threads: usize,
    /// Threads on which what asynchronous calls use may block, such as for looking up names; 16.
    pub blocking_io_threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_records: 1024,
            batch_bytes: 32 << 10,
            in_flight_bytes: 64 << 20,
            queued_bytes: 32 << 20,
            epoch_interval: Duration::from_millis(50),
            epochs_in_flight: 8,
            batches_per_turn: 16,
            combiner_keys: 1 << 17,
            sorted_records: 1 << 24,
            partial_matches: 1_000,
            connect_timeout: Duration::from_secs(30),
            peer_timeout: Duration::from_secs(4),
            link_message_bytes: 64 << 20,
            stalled_after: Duration::from_secs(30),
            handshakes: 16,
            io_threads: 2,
            blocking_io_threads: 16,
        }
    }
}

impl Limits {
    /// Checks that no bound is zero, which would stop the job before it starts.
    ///
    /// # Errors
    /// Names the first bound that is zero.
    pub fn validate(&self) -> Result<(), crate::Error> {
        let bounds = [
            ("batch_records", self.batch_records),
            ("batch_bytes", self.batch_bytes),
            ("in_flight_bytes", self.in_flight_bytes),
            ("queued_bytes", self.queued_bytes),
            ("epochs_in_flight", usize::try_from(self.epochs_in_flight).unwrap_or(usize::MAX)),
            ("batches_per_turn", self.batches_per_turn),
            ("combiner_keys", self.combiner_keys),
            ("sorted_records", self.sorted_records),
            ("partial_matches", self.partial_matches),
            ("link_message_bytes", self.link_message_bytes),
            ("handshakes", self.handshakes),
            ("io_threads", self.io_threads),
            ("blocking_io_threads", self.blocking_io_threads),
        ];
        match bounds.iter().find(|(_, bound)| *bound == 0) {
            Some((name, _)) => Err(crate::Error::usage(
                format!("set the limit {name}"),
                "a limit of zero stops the job",
            )),
            None => Ok(()),
        }
    }

    /// How many records of type `T` make a full batch: at least 16, at most `batch_records`.
    #[must_use]
    pub fn records_per_batch<T>(&self) -> usize {
        let by_bytes = self.batch_bytes / std::mem::size_of::<T>().max(1);
        by_bytes.clamp(16.min(self.batch_records), self.batch_records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_sized_by_bytes_within_bounds() {
        let limits = Limits::default();
        assert_eq!(limits.records_per_batch::<u8>(), 1024);
        assert_eq!(limits.records_per_batch::<[u8; 128]>(), 256);
        assert_eq!(limits.records_per_batch::<[u8; 1 << 20]>(), 16);
    }

    #[test]
    fn a_zero_limit_is_refused_by_name() {
        let error = Limits { combiner_keys: 0, ..Limits::default() }.validate().unwrap_err();
        assert!(error.to_string().contains("combiner_keys"), "{error}");
    }
}
