//! The first words on a new connection, and the door that hears them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Fingerprints, frame};
use crate::job::outset::Outset;

/// What every connection of this engine begins with; the last byte is the protocol's version.
const MAGIC: [u8; 8] = *b"RHEOS\0\0\x01";

/// How long a new connection may take to say who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);

/// A greeting is short.
const HELLO_BYTES: usize = 4096;

/// Who is calling.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Hello {
    /// A process that wants to take part, and the port it hears others at.
    Link { process: usize, processes: usize, port: u16, fingerprints: Fingerprints },
    /// A process of the gathered job, about to exchange data.
    Data { process: usize, gathering: u64 },
}

/// The hub's answer to a [`Hello::Link`].
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Answer {
    /// The job is complete: where everybody is, with what it begins.
    Welcome { gathering: u64, addresses: Vec<String>, outset: Box<Outset> },
    /// The caller cannot take part.
    Refused { reason: String },
    /// The job will not start.
    Failed { reason: String },
}

/// Introduces this process on a new connection.
///
/// # Errors
/// When the connection refuses.
pub(crate) fn introduce(socket: &mut TcpStream, hello: &Hello) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket.write_all(&MAGIC)?;
    frame::write(socket, hello)
}

fn hear(socket: &mut TcpStream) -> io::Result<Hello> {
    socket.set_nonblocking(false)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(HELLO_TIMEOUT))?;
    let mut magic = [0; MAGIC.len()];
    socket.read_exact(&mut magic)?;
    if magic != MAGIC {
        let reason = "it does not speak this version of the engine's protocol";
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let hello = frame::read(socket, HELLO_BYTES)?;
    socket.set_read_timeout(None)?;
    Ok(hello)
}

/// Accepts connections and hears who they are; strangers are turned away without holding up
/// anybody else.
pub(crate) struct Door {
    listener: TcpListener,
    heard: Receiver<Option<(TcpStream, Hello)>>,
    hearing: Sender<Option<(TcpStream, Hello)>>,
    open: usize,
    most: usize,
}

impl Door {
    /// A door at `listener` that hears at most `most` callers at the same time.
    ///
    /// # Errors
    /// When the socket cannot be polled.
    pub(crate) fn new(listener: TcpListener, most: usize) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let (hearing, heard) = bounded(most);
        Ok(Self { listener, heard, hearing, open: 0, most })
    }

    /// The port that others can reach.
    ///
    /// # Errors
    /// When the socket does not know.
    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Waits a moment for the next caller that has introduced itself.
    ///
    /// # Errors
    /// When no connection can be accepted any more.
    pub(crate) fn wait(&mut self, moment: Duration) -> io::Result<Option<(TcpStream, Hello)>> {
        while self.open < self.most {
            match self.listener.accept() {
                Ok((socket, caller)) => self.hear_out(socket, caller)?,
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => break,
                Err(cause) if cause.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        match self.heard.recv_timeout(moment) {
            Ok(heard) => {
                self.open -= 1;
                Ok(heard)
            }
            Err(_) => Ok(None),
        }
    }

    fn hear_out(&mut self, mut socket: TcpStream, caller: SocketAddr) -> io::Result<()> {
        let hearing = self.hearing.clone();
        self.open += 1;
        std::thread::Builder::new().name("rheos greeting".into()).spawn(move || {
            let heard = match hear(&mut socket) {
                Ok(hello) => Some((socket, hello)),
                Err(cause) => {
                    tracing::warn!(%caller, %cause, "refused a connection that is not of this job");
                    None
                }
            };
            // Nobody hears it once the door is closed.
            let _ = hearing.send(heard);
        })?;
        Ok(())
    }
}
