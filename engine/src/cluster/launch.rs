//! Starts further copies of this program on this machine, and sees to their end.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Error, ErrorKind};

/// The environment variable that tells a copy its place: "process,processes,address of the hub".
pub(crate) const LAUNCHED: &str = "RHEOS_LAUNCHED";

/// How long a copy may take to end once the job has.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// The copies that this process has started.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    children: Vec<(usize, Child)>,
}

impl Copies {
    /// Starts processes 1 to `processes` - 1 with the arguments of this one. They write where
    /// this one writes, and have no standard input.
    ///
    /// # Errors
    /// When the program cannot be started again.
    pub(crate) fn start(processes: usize, hub: SocketAddr) -> Result<Self, Error> {
        let failed = |cause| Error::io("start a copy of this program", cause);
        let program = std::env::current_exe().map_err(failed)?;
        let mut copies = Self::default();
        for process in 1..processes {
            let child = Command::new(&program)
                .args(std::env::args_os().skip(1))
                .env(LAUNCHED, format!("{process},{processes},{hub}"))
                .stdin(Stdio::null())
                .spawn()
                .map_err(failed)?;
            copies.children.push((process, child));
        }
        Ok(copies)
    }

    /// Checks that none has ended.
    ///
    /// # Errors
    /// Names the first that has.
    pub(crate) fn check_running(&mut self) -> Result<(), Error> {
        for (process, child) in &mut self.children {
            if let Ok(Some(status)) = child.try_wait() {
                let attempted = format!("run process {process} of the job");
                let reason = format!("it ended before the job began: {status}");
                return Err(Error::new(ErrorKind::Peer, attempted, reason));
            }
        }
        Ok(())
    }

    /// Waits for all to end; those that do not in time are ended.
    pub(crate) fn wait(&mut self) {
        let deadline = Instant::now() + LEAVE_TIMEOUT;
        for (process, mut child) in self.children.drain(..) {
            loop {
                match child.try_wait() {
                    Ok(Some(_)) => break,
                    Ok(None) if Instant::now() < deadline => {
                        std::thread::park_timeout(Duration::from_millis(5));
                    }
                    _ => {
                        tracing::warn!(process, "a copy did not leave by itself and is ended");
                        // It may have left just now, and then there is nothing to end.
                        let _ = child.kill();
                        let _ = child.wait();
                        break;
                    }
                }
            }
        }
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        self.wait();
    }
}
