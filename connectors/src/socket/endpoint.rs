//! What the shared socket code must know of a kind of address.
//!
//! TCP and Unix domain sockets implement [`Endpoint`]; everything behind it works on plain
//! sockets. An endpoint makes sockets and names them; it never reads or writes one.

use rheos_engine::Error;
use socket2::{SockAddr, Socket};

/// An address that one can connect to or listen at.
pub(crate) trait Endpoint: Send + Sync + 'static {
    /// The address, as a person wrote it.
    fn name(&self) -> &str;

    /// Connects, or gives up within a bounded time.
    fn connect(&self) -> Result<Socket, Error>;

    /// Makes a socket that listens.
    fn listen(&self) -> Result<Bound, Error>;

    /// The name of a client with this address, if the address says something.
    fn name_of(&self, client: &SockAddr) -> Option<String>;
}

/// A socket that listens.
pub(crate) struct Bound {
    /// The socket.
    pub(crate) socket: Socket,
    /// Where it listens, as found out.
    pub(crate) name: String,
    /// Cleans up when it listens no more.
    pub(crate) release: Box<dyn FnOnce() + Send>,
}
