//! Where something came to listen.
//!
//! Used by the sources and sinks that listen at a port. It holds an address and nothing else.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rheos_engine::Error;

/// Where a listening source or sink came to listen: for port 0, where the system chooses the port.
///
/// It is known once the job has opened the source or sink, in the process that did.
#[derive(Clone, Default)]
pub struct BoundAddress {
    shared: Arc<(Mutex<Option<SocketAddr>>, Condvar)>,
}

impl BoundAddress {
    /// The address, if it is known by now.
    #[must_use]
    pub fn get(&self) -> Option<SocketAddr> {
        *self.lock()
    }

    /// The address as soon as it is known; `None` if it was not within this time.
    #[must_use]
    pub fn wait(&self, at_most: Duration) -> Option<SocketAddr> {
        let waited =
            self.shared.1.wait_timeout_while(self.lock(), at_most, |bound| bound.is_none());
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Makes it known.
    pub(crate) fn set(&self, address: SocketAddr) {
        *self.lock() = Some(address);
        self.shared.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Option<SocketAddr>> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for BoundAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundAddress").field(&self.get()).finish()
    }
}

/// An error of the network, or of who wrote the address.
pub(crate) fn refused_address(attempted: String, cause: io::Error) -> Error {
    match cause.kind() {
        ErrorKind::InvalidInput => Error::usage(attempted, cause.to_string())
            .caused_by(cause)
            .advise("an address is host:port, like 127.0.0.1:9999"),
        ErrorKind::ConnectionRefused => {
            Error::io(attempted, cause).advise("is it running, and is this its address?")
        }
        _ => Error::io(attempted, cause),
    }
}
