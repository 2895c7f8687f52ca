//! How many datagrams came, went and were left out.
//!
//! Used by the source and the sink of this folder, and by programs that ask. It only counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The datagrams of one source or sink so far, in this process.
#[derive(Clone, Debug, Default)]
pub struct UdpCounts {
    numbers: Arc<Numbers>,
}

#[derive(Debug, Default)]
struct Numbers {
    datagrams: AtomicU64,
    bytes: AtomicU64,
    dropped: AtomicU64,
}

impl UdpCounts {
    /// Datagrams received or sent.
    #[must_use]
    pub fn datagrams(&self) -> u64 {
        self.numbers.datagrams.load(Ordering::Relaxed)
    }

    /// Bytes of these datagrams.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.numbers.bytes.load(Ordering::Relaxed)
    }

    /// Received datagrams for which there was no room because the job was slow, or records that
    /// were not sent because they were too long. What the system's own buffer had no room for is
    /// not known.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.numbers.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, bytes: usize) {
        self.numbers.datagrams.fetch_add(1, Ordering::Relaxed);
        self.numbers.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts one that was left out; says `reason` in the log whenever the number has doubled.
    pub(super) fn drop_one(&self, address: &str, reason: &str) {
        let dropped = 1 + self.numbers.dropped.fetch_add(1, Ordering::Relaxed);
        if dropped.is_power_of_two() {
            tracing::warn!(address, dropped, reason, "dropped datagrams");
        }
    }
}
