//! The sink of records into a socket, for any kind of address.
//!
//! The public sinks of `tcp` and `unix` wrap [`SocketSink`] and delegate to it. One worker writes,
//! to one connection, at once.

use std::sync::Arc;
use std::time::Duration;

use rheos_engine::{Delivery, Error, Placement, Sink, Writer, WriterContext};

use super::Endpoint;
use super::arrivals::{AcceptRules, Arrivals};
use super::writer::{DEFAULT_FINISH_TIMEOUT, SocketWriter};
use crate::format::WriteFormat;

/// A sink of lines into a socket.
pub(crate) struct SocketSink<F> {
    endpoint: Arc<dyn Endpoint>,
    format: F,
    finish_timeout: Duration,
    role: Role,
}

#[derive(Clone, Copy)]
enum Role {
    Connect,
    Listen,
}

impl<F> SocketSink<F> {
    /// Writes to whoever listens there.
    pub(crate) fn connect(endpoint: impl Endpoint, format: F) -> Self {
        let (endpoint, finish_timeout) = (Arc::new(endpoint), DEFAULT_FINISH_TIMEOUT);
        Self { endpoint, format, finish_timeout, role: Role::Connect }
    }

    /// Writes to the first who comes.
    pub(crate) fn listen(endpoint: impl Endpoint, format: F) -> Self {
        let (endpoint, finish_timeout) = (Arc::new(endpoint), DEFAULT_FINISH_TIMEOUT);
        Self { endpoint, format, finish_timeout, role: Role::Listen }
    }

    /// How long a job that finishes waits for an other side that takes nothing.
    pub(crate) fn set_finish_timeout(&mut self, timeout: Duration) {
        self.finish_timeout = timeout;
    }

    /// The address.
    pub(crate) fn name(&self) -> &str {
        self.endpoint.name()
    }
}

impl<F: WriteFormat> Sink for SocketSink<F> {
    type Record = F::Record;

    fn delivery(&self) -> Delivery {
        Delivery::Immediate
    }

    fn placement(&self) -> Placement {
        Placement::OneWorker
    }

    fn open(&self, context: WriterContext) -> Result<Box<dyn Writer<F::Record>>, Error> {
        let (endpoint, waker) = (Arc::clone(&self.endpoint), context.waker);
        let arrivals = match self.role {
            Role::Connect => Arrivals::dial(endpoint, waker.clone())?,
            Role::Listen => {
                let rules = AcceptRules { max_clients: 1, ..AcceptRules::default() };
                Arrivals::accept(endpoint, rules, waker.clone())?
            }
        };
        let format = self.format.clone();
        Ok(Box::new(SocketWriter::new(format, arrivals, waker, self.finish_timeout)))
    }
}
