//! Socket files: how to connect to one and how to listen at one.
//!
//! Used by the source and sink of this folder. It replaces a socket file only if nothing listens
//! there, never touches a file that is no socket, and removes only what it has made.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rheos_engine::Error;
use socket2::{SockAddr, Socket};

use crate::socket::{Bound, Endpoint};

/// The path of a socket file.
pub(super) struct UnixPath {
    path: PathBuf,
    name: String,
}

impl UnixPath {
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.display().to_string();
        Self { path, name }
    }

    /// Removes a socket file that a program left behind.
    fn remove_stale(&self, attempted: &str) -> Result<(), Error> {
        let metadata = match fs::symlink_metadata(&self.path) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(()),
            other => other.map_err(|cause| Error::io(attempted, cause))?,
        };
        if !metadata.file_type().is_socket() {
            return Err(Error::usage(attempted, "there is a file that is not a socket")
                .advise("choose another path or remove it"));
        }
        match UnixStream::connect(&self.path) {
            Ok(_) => Err(Error::usage(attempted, "another program listens there")
                .advise("choose another path or end that program")),
            Err(cause) if cause.kind() == ErrorKind::ConnectionRefused => {
                tracing::info!(
                    path = self.name,
                    "removing the socket file of a program that ended"
                );
                fs::remove_file(&self.path).map_err(|cause| Error::io(attempted, cause))
            }
            Err(cause) => Err(Error::io(attempted, cause)),
        }
    }
}

impl Endpoint for UnixPath {
    fn name(&self) -> &str {
        &self.name
    }

    fn connect(&self) -> Result<Socket, Error> {
        match UnixStream::connect(&self.path) {
            Ok(stream) => Ok(OwnedFd::from(stream).into()),
            Err(cause) => Err(Error::io(format!("connect to {}", self.name), cause)
                .advise("is it running, and is this its path?")),
        }
    }

    fn listen(&self) -> Result<Bound, Error> {
        let attempted = format!("listen at {}", self.name);
        self.remove_stale(&attempted)?;
        let listener =
            UnixListener::bind(&self.path).map_err(|cause| Error::io(&attempted, cause))?;
        let made = identity(&self.path).map_err(|cause| Error::io(&attempted, cause))?;
        let path = self.path.clone();
        let release = Box::new(move || {
            if identity(&path).is_ok_and(|found| found == made) {
                // Nothing depends on it: a file that stays is replaced by the next who listens.
                let _ = fs::remove_file(&path);
            }
        });
        let socket = OwnedFd::from(listener).into();
        Ok(Bound { socket, name: self.name.clone(), release })
    }

    fn name_of(&self, _client: &SockAddr) -> Option<String> {
        None
    }
}

/// What tells a file from another one with the same path.
fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}
