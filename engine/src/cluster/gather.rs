//! Gathers the processes of a job: who is there, what each reads, and the connections between.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};

use super::greet::{Answer, Door, Hello, introduce};
use super::launch::Copies;
use super::link::Links;
use super::seat::Seat;
use super::{Fingerprints, frame};
use crate::job::outset::Outset;
use crate::job::shared::Shared;
use crate::{Error, ErrorKind, Limits};

/// How often the door is looked at and a refused connection tried again.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A gathered job, seen from one process: connections that are open and greeted.
pub(crate) struct Cluster {
    process: usize,
    /// Links: at the hub to all members, at a member to the hub.
    links: Vec<(usize, TcpStream)>,
    /// Data connections by process, absent for this one; empty where it is alone.
    data: Vec<Option<TcpStream>>,
    copies: Copies,
}

/// What is known of the other processes while they gather.
struct Gathering<'a> {
    fingerprints: &'a Fingerprints,
    limits: &'a Limits,
    deadline: Instant,
}

/// Finds the other processes. `prepare` runs in one process, once all are there, and its result
/// reaches all.
///
/// # Errors
/// When `prepare` fails, a process is refused, or they do not find each other in time.
pub(crate) fn gather(
    seat: Seat,
    fingerprints: &Fingerprints,
    limits: &Limits,
    prepare: impl FnOnce() -> Result<Outset, Error>,
) -> Result<(Cluster, Outset), Error> {
    let deadline = Instant::now() + limits.connect_timeout;
    let gathering = Gathering { fingerprints, limits, deadline };
    match seat {
        Seat::Alone => {
            let cluster = Cluster {
                process: 0,
                links: Vec::new(),
                data: Vec::new(),
                copies: Copies::default(),
            };
            Ok((cluster, prepare()?))
        }
        Seat::Hub { listener, hosts, copies } => {
            let door = Door::new(listener, limits.handshakes).map_err(failed_listening)?;
            gathering.as_hub(door, &hosts, copies, prepare)
        }
        Seat::Member { process, processes, listener, hub } => {
            let door = Door::new(listener, limits.handshakes).map_err(failed_listening)?;
            gathering.as_member(door, process, processes, &hub)
        }
    }
}

fn failed_listening(cause: io::Error) -> Error {
    Error::io("listen for the other processes of the job", cause)
}

impl Gathering<'_> {
    fn as_hub(
        &self,
        mut door: Door,
        hosts: &[String],
        mut copies: Copies,
        prepare: impl FnOnce() -> Result<Outset, Error>,
    ) -> Result<(Cluster, Outset), Error> {
        let processes = hosts.len();
        let mut members: Vec<Option<(TcpStream, u16)>> = (0..processes).map(|_| None).collect();
        while members.iter().skip(1).any(Option::is_none) {
            copies.check_running()?;
            let missing = || {
                let missing = (1..processes).filter(|at| members[*at].is_none());
                let missing: Vec<String> = missing.map(|at| at.to_string()).collect();
                format!("wait for process {}", missing.join(", "))
            };
            self.check_time(missing)?;
            let Some((socket, hello)) = door.wait(LOOK_EVERY).map_err(failed_listening)? else {
                continue;
            };
            self.admit(socket, hello, &mut members);
        }
        let mut sockets: Vec<(usize, TcpStream)> = Vec::new();
        let mut addresses = vec![String::new()];
        for (process, member) in members.into_iter().enumerate().skip(1) {
            let (socket, port) = member.expect("all members have been admitted");
            let host = hosts[process].rsplit_once(':').map_or("127.0.0.1", |(host, _)| host);
            addresses.push(format!("{host}:{port}"));
            sockets.push((process, socket));
        }
        let outset = match prepare() {
            Ok(outset) => outset,
            Err(error) => {
                let answer = Answer::Failed { reason: error.to_string() };
                for (_, socket) in &mut sockets {
                    // A member that is gone does not need to know.
                    let _ = frame::write(socket, &answer);
                }
                return Err(error);
            }
        };
        let gathering = RandomState::new().hash_one(std::process::id());
        let answer = Answer::Welcome { gathering, addresses, outset: Box::new(outset.clone()) };
        for (process, socket) in &mut sockets {
            frame::write(socket, &answer).map_err(|cause| {
                Error::new(ErrorKind::Peer, format!("welcome process {process}"), cause.to_string())
            })?;
        }
        let mut data: Vec<Option<TcpStream>> = (0..processes).map(|_| None).collect();
        self.accept_data(&mut door, gathering, 0, &mut data)?;
        Ok((Cluster { process: 0, links: sockets, data, copies }, outset))
    }

    /// Takes a caller in as a member, or sends it away with the reason.
    fn admit(&self, mut socket: TcpStream, hello: Hello, members: &mut [Option<(TcpStream, u16)>]) {
        let Hello::Link { process, processes, port, fingerprints } = hello else {
            tracing::warn!("refused a data connection before the job has gathered");
            return;
        };
        let problem = if processes != members.len() {
            Some(format!("it counts {processes} processes, the job has {}", members.len()))
        } else if process == 0 || process >= members.len() {
            Some(format!("there is no place for a process {process}"))
        } else if members[process].is_some() {
            Some(format!("there is a process {process} already"))
        } else {
            self.fingerprints.differ(&fingerprints)
        };
        match problem {
            None => members[process] = Some((socket, port)),
            Some(reason) => {
                tracing::warn!(process, %reason, "refused a process that cannot take part");
                let _ = frame::write(&mut socket, &Answer::Refused { reason });
            }
        }
    }

    fn as_member(
        &self,
        mut door: Door,
        process: usize,
        processes: usize,
        hub: &str,
    ) -> Result<(Cluster, Outset), Error> {
        let attempted = || format!("join the job at {hub} as process {process}");
        let mut link = self.connect(hub)?;
        let port = door.port().map_err(failed_listening)?;
        let fingerprints = self.fingerprints.clone();
        let hello = Hello::Link { process, processes, port, fingerprints };
        introduce(&mut link, &hello).map_err(|cause| Error::io(attempted(), cause))?;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let patience = Some(left.max(Duration::from_millis(1)));
        link.set_read_timeout(patience).map_err(|cause| Error::io(attempted(), cause))?;
        let answer = frame::read(&mut link, self.limits.link_message_bytes).map_err(|cause| {
            let reason = format!("there was no answer: {cause}");
            Error::new(ErrorKind::Peer, attempted(), reason)
        })?;
        let (gathering, addresses, outset) = match answer {
            Answer::Welcome { gathering, addresses, outset } => (gathering, addresses, *outset),
            Answer::Refused { reason } => {
                return Err(Error::usage(attempted(), reason)
                    .advise("start all processes from one build with the same arguments"));
            }
            Answer::Failed { reason } => {
                return Err(Error::new(ErrorKind::Peer, attempted(), reason));
            }
        };
        let mut data: Vec<Option<TcpStream>> = (0..processes).map(|_| None).collect();
        for (peer, slot) in data.iter_mut().enumerate().take(process) {
            let address = if peer == 0 { hub } else { &addresses[peer] };
            let mut socket = self.connect(address)?;
            introduce(&mut socket, &Hello::Data { process, gathering })
                .map_err(|cause| Error::io(format!("greet process {peer} at {address}"), cause))?;
            *slot = Some(socket);
        }
        self.accept_data(&mut door, gathering, process, &mut data)?;
        let links = vec![(0, link)];
        Ok((Cluster { process, links, data, copies: Copies::default() }, outset))
    }

    /// Waits for the data connections of all later processes.
    fn accept_data(
        &self,
        door: &mut Door,
        gathering: u64,
        process: usize,
        data: &mut [Option<TcpStream>],
    ) -> Result<(), Error> {
        while data.iter().skip(process + 1).any(Option::is_none) {
            self.check_time(|| "wait for the data connections of the other processes".into())?;
            match door.wait(LOOK_EVERY).map_err(failed_listening)? {
                Some((socket, Hello::Data { process: from, gathering: theirs }))
                    if theirs == gathering
                        && from > process
                        && data.get(from).is_some_and(Option::is_none) =>
                {
                    data[from] = Some(socket);
                }
                Some((_, hello)) => {
                    tracing::warn!(?hello, "refused a connection that is not of this gathering");
                }
                None => {}
            }
        }
        Ok(())
    }

    fn connect(&self, address: &str) -> Result<TcpStream, Error> {
        let attempted = || format!("connect to {address}");
        loop {
            let addresses =
                address.to_socket_addrs().map_err(|cause| Error::io(attempted(), cause))?;
            let mut last = io::Error::from(io::ErrorKind::NotFound);
            for address in addresses {
                let left = self.deadline.saturating_duration_since(Instant::now());
                match TcpStream::connect_timeout(&address, left.max(LOOK_EVERY)) {
                    Ok(socket) => return Ok(socket),
                    Err(cause) => last = cause,
                }
            }
            self.check_time(|| format!("{}: {last}", attempted()))?;
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    fn check_time(&self, doing: impl FnOnce() -> String) -> Result<(), Error> {
        if Instant::now() < self.deadline {
            return Ok(());
        }
        let reason = format!("not within {:?}", self.limits.connect_timeout);
        Err(Error::new(ErrorKind::Peer, doing(), reason)
            .advise("start every process, with the same list of hosts"))
    }
}

impl Cluster {
    /// The number of this process.
    pub(crate) fn process(&self) -> usize {
        self.process
    }

    /// Opens the links, and gives the data connections out.
    ///
    /// # Errors
    /// When a socket or a thread cannot be set up.
    pub(crate) fn connect(
        self,
        shared: &Arc<Shared>,
    ) -> Result<(Vec<Option<TcpStream>>, Links), Error> {
        let failed = |cause| Error::io("connect the processes of the job", cause);
        for socket in self.data.iter().flatten() {
            watch_silence(socket, shared.limits.peer_timeout).map_err(failed)?;
        }
        let links = match self.data.is_empty() {
            true => Links::default(),
            false => {
                Links::open(self.links, self.process == 0, self.copies, shared).map_err(failed)?
            }
        };
        Ok((self.data, links))
    }
}

/// Lets the operating system find out about a data connection that was cut off.
fn watch_silence(socket: &TcpStream, patience: Duration) -> io::Result<()> {
    // The operating system counts these in whole seconds and refuses zero.
    let patience = patience.max(Duration::from_secs(1));
    let keepalive = TcpKeepalive::new().with_time(patience).with_interval(patience);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)?;
    socket.set_read_timeout(None)?;
    socket.set_nodelay(true)
}
