//! The place of this process in its job: alone, the hub, or one that calls the hub.

use std::net::{TcpListener, ToSocketAddrs};

use super::launch::{Copies, LAUNCHED};
use crate::config::{Config, Processes};
use crate::{Error, ErrorKind};

/// The place of this process in its job.
pub(crate) enum Seat {
    /// The only process.
    Alone,
    /// Process 0, which the others call.
    Hub { listener: TcpListener, hosts: Vec<String>, copies: Copies },
    /// Another process, and where it finds the hub.
    Member { process: usize, processes: usize, listener: TcpListener, hub: String },
}

/// Whether this process is a copy that another one started: it ends with its part of the job.
pub(crate) fn is_launched_copy() -> bool {
    std::env::var_os(LAUNCHED).is_some()
}

impl Seat {
    /// Finds the place of this process; opens the socket that others call and starts copies
    /// where the configuration asks for them.
    ///
    /// # Errors
    /// When the address is taken or a copy cannot be started.
    pub(crate) fn take(config: &Config) -> Result<Self, Error> {
        if let Ok(place) = std::env::var(LAUNCHED) {
            return Self::of_copy(&place);
        }
        match &config.processes {
            Processes::One | Processes::Local(1) => Ok(Seat::Alone),
            Processes::Local(processes) => {
                let listener = listen("127.0.0.1:0")?;
                let address = listener
                    .local_addr()
                    .map_err(|cause| Error::io("listen on 127.0.0.1", cause))?;
                let copies = Copies::start(*processes, address)?;
                let hosts = vec!["127.0.0.1:0".to_owned(); *processes];
                Ok(Seat::Hub { listener, hosts, copies })
            }
            Processes::Hosts { hosts, .. } if hosts.len() == 1 => Ok(Seat::Alone),
            Processes::Hosts { hosts, process: 0 } => {
                let listener = config.listener.as_ref().map_or_else(
                    || listen(&hosts[0]),
                    |given| given.try_clone().map_err(|cause| Error::io("share a listener", cause)),
                )?;
                Ok(Seat::Hub { listener, hosts: hosts.clone(), copies: Copies::default() })
            }
            Processes::Hosts { hosts, process } => Ok(Seat::Member {
                process: *process,
                processes: hosts.len(),
                listener: listen(&hosts[*process])?,
                hub: hosts[0].clone(),
            }),
        }
    }

    fn of_copy(place: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::new(ErrorKind::Internal, format!("read {LAUNCHED}={place}"), "it has no meaning")
        };
        let mut parts = place.splitn(3, ',');
        let mut number = || parts.next()?.parse::<usize>().ok();
        let (process, processes) = number().zip(number()).ok_or_else(wrong)?;
        let hub = parts.next().ok_or_else(wrong)?.to_owned();
        Ok(Seat::Member { process, processes, listener: listen("127.0.0.1:0")?, hub })
    }

    /// Which of them this one is.
    pub(crate) fn process(&self) -> usize {
        match self {
            Seat::Alone | Seat::Hub { .. } => 0,
            Seat::Member { process, .. } => *process,
        }
    }

    /// The number of processes of the job.
    pub(crate) fn processes(&self) -> usize {
        match self {
            Seat::Alone => 1,
            Seat::Hub { hosts, .. } => hosts.len(),
            Seat::Member { processes, .. } => *processes,
        }
    }
}

fn listen(address: &str) -> Result<TcpListener, Error> {
    let attempted = || format!("listen on {address} for the other processes of the job");
    let addresses: Vec<_> = address
        .to_socket_addrs()
        .map_err(|cause| Error::io(attempted(), cause).advise("write addresses as host:port"))?
        .collect();
    TcpListener::bind(&addresses[..]).map_err(|cause| Error::io(attempted(), cause))
}
