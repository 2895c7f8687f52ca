//! TCP addresses: how to connect to one and how to listen at one.
//!
//! Used by the sources and sinks of this folder. It makes sockets and never reads or writes them.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use rheos_engine::Error;
use socket2::{SockAddr, Socket};

use crate::socket::{Bound, BoundAddress, Endpoint, refused_address};

/// How long connecting to one address may take; a name with several addresses tries them in turn.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// `host:port`.
pub(super) struct TcpAddress {
    address: String,
    bound: BoundAddress,
}

impl TcpAddress {
    pub(super) fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), bound: BoundAddress::default() }
    }

    /// Where it came to listen.
    pub(super) fn bound(&self) -> BoundAddress {
        self.bound.clone()
    }

    fn connect_to_first(&self) -> std::io::Result<TcpStream> {
        let mut failed = None;
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => return Ok(stream),
                Err(cause) => failed = Some(cause),
            }
        }
        Err(failed.unwrap_or_else(|| ErrorKind::NotFound.into()))
    }
}

impl Endpoint for TcpAddress {
    fn name(&self) -> &str {
        &self.address
    }

    fn connect(&self) -> Result<Socket, Error> {
        let attempted = || format!("connect to {}", self.address);
        let socket: Socket =
            self.connect_to_first().map_err(|cause| refused_address(attempted(), cause))?.into();
        let set = socket.set_tcp_nodelay(true).and_then(|()| socket.set_keepalive(true));
        set.map_err(|cause| Error::io(attempted(), cause))?;
        Ok(socket)
    }

    fn listen(&self) -> Result<Bound, Error> {
        let attempted = || format!("listen at {}", self.address);
        let listener = TcpListener::bind(&self.address)
            .map_err(|cause| refused_address(attempted(), cause))?;
        let address = listener.local_addr().map_err(|cause| Error::io(attempted(), cause))?;
        self.bound.set(address);
        let socket: Socket = listener.into();
        // A client that vanished without a word is noticed by this; those who come inherit it.
        socket.set_keepalive(true).map_err(|cause| Error::io(attempted(), cause))?;
        Ok(Bound { socket, name: address.to_string(), release: Box::new(|| {}) })
    }

    fn name_of(&self, client: &SockAddr) -> Option<String> {
        client.as_socket().map(|address| address.to_string())
    }
}
