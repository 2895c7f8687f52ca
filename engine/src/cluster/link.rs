//! Links: how the processes of a running job hear each other.
//!
//! Every link has a thread that writes, with a heartbeat when there is nothing else to say, and a
//! thread that reads. Silence for longer than the peer time-out, or an end without a farewell,
//! fails the job. The hub passes on what it hears to everybody else.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::frame;
use super::launch::Copies;
use crate::job::shared::{News, Shared};
use crate::{Error, ErrorKind, Report};

/// Messages that wait for a link at the most; whoever adds more waits.
const LINK_QUEUE: usize = 1024;

/// Heartbeats in a peer time-out.
const HEARTBEATS: u32 = 8;

/// How long a process that has failed tries to tell the others.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What travels on a link.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
enum Frame {
    Heartbeat,
    News(News),
    /// A member has committed; as JSON, which keeps the shape of reports out of the protocol.
    Done(String),
    /// The hub has heard everybody commit: the link may end.
    Farewell,
}

/// A link to one process.
struct Link {
    peer: usize,
    socket: TcpStream,
    outgoing: Sender<Frame>,
    writer: JoinHandle<()>,
    reader: JoinHandle<()>,
}

/// The links of this process: the hub's to all members, a member's to the hub.
#[derive(Default)]
pub(crate) struct Links {
    links: Vec<Link>,
    shared: Option<Arc<Shared>>,
    /// What peers said at their end.
    farewells: Option<Receiver<Frame>>,
    parting: Arc<AtomicBool>,
    is_hub: bool,
    copies: Copies,
}

impl Links {
    /// Opens links over connections that have been greeted, and lets the job speak over them.
    ///
    /// # Errors
    /// When a thread or socket cannot be set up.
    pub(crate) fn open(
        sockets: Vec<(usize, TcpStream)>,
        is_hub: bool,
        copies: Copies,
        shared: &Arc<Shared>,
    ) -> io::Result<Self> {
        let parting = Arc::new(AtomicBool::new(false));
        let (say, farewells) = bounded(sockets.len().max(1));
        let mut wires = Vec::new();
        for (peer, socket) in sockets {
            let (outgoing, queue) = bounded(LINK_QUEUE);
            wires.push((peer, socket, outgoing, queue));
        }
        let everyone: Vec<(usize, Sender<Frame>)> =
            wires.iter().map(|(peer, _, outgoing, _)| (*peer, outgoing.clone())).collect();
        let mut links = Vec::new();
        for (peer, socket, outgoing, queue) in wires {
            let ear = Ear {
                peer,
                shared: Arc::clone(shared),
                parting: Arc::clone(&parting),
                others: if is_hub { everyone.clone() } else { Vec::new() },
                farewells: say.clone(),
            };
            let patience = shared.limits.peer_timeout;
            let limit = shared.limits.link_message_bytes;
            let write_half = socket.try_clone()?;
            write_half.set_write_timeout(Some(patience))?;
            let read_half = socket.try_clone()?;
            read_half.set_read_timeout(Some(patience))?;
            let name = |what| std::thread::Builder::new().name(format!("rheos {what} {peer}"));
            let writer = name("link to")
                .spawn(move || write_link(write_half, &queue, patience / HEARTBEATS))?;
            let reader = name("link from").spawn(move || ear.listen(read_half, limit))?;
            links.push(Link { peer, socket, outgoing, writer, reader });
        }
        shared.set_herald(Box::new(move |news| {
            for (_, outgoing) in &everyone {
                // A link that is gone has failed the job already.
                let _ = outgoing.send(Frame::News(news.clone()));
            }
        }));
        let (shared, farewells) = (Some(Arc::clone(shared)), Some(farewells));
        Ok(Self { links, shared, farewells, parting, is_hub, copies })
    }

    /// After this process has committed: waits until all have, and gathers their reports at the
    /// hub. A peer that is lost meanwhile fails the job.
    pub(crate) fn part(&mut self, report: &mut Report) {
        let (Some(shared), Some(farewells)) = (self.shared.clone(), self.farewells.clone()) else {
            return;
        };
        if !self.is_hub {
            self.say(&Frame::Done(report.to_json()));
        }
        let expected = self.links.len();
        let mut heard = 0;
        while heard < expected {
            if shared.has_failed() {
                return;
            }
            match farewells.recv_timeout(Duration::from_millis(20)) {
                Ok(Frame::Done(text)) => {
                    match serde_json::from_str::<Report>(&text) {
                        Ok(other) => report.add(&other),
                        Err(cause) => tracing::warn!(%cause, "a report was not understood"),
                    }
                    heard += 1;
                }
                Ok(_) => heard += 1,
                Err(_) => {}
            }
        }
        self.parting.store(true, Ordering::Release);
        if self.is_hub {
            self.say(&Frame::Farewell);
        }
        self.close();
    }

    /// After a failure: says the last words and hangs up.
    pub(crate) fn abandon(&mut self) {
        self.parting.store(true, Ordering::Release);
        self.close();
    }

    fn say(&self, frame: &Frame) {
        for link in &self.links {
            // A link that is gone has failed the job already.
            let _ = link.outgoing.send(frame.clone());
        }
    }

    fn close(&mut self) {
        let deadline = Instant::now() + LAST_WORDS;
        for Link { peer, socket, outgoing, writer, reader } in self.links.drain(..) {
            // The writer ends when nobody can add to its queue: the herald still could, so it is
            // told to by a farewell of its own.
            let _ = outgoing.send_deadline(Frame::Farewell, deadline);
            drop(outgoing);
            while !writer.is_finished() && Instant::now() < deadline {
                std::thread::park_timeout(Duration::from_millis(1));
            }
            // Closed from the other side already, perhaps.
            let _ = socket.shutdown(Shutdown::Both);
            if writer.join().is_err() || reader.join().is_err() {
                tracing::error!(peer, "a thread of a link panicked");
            }
        }
        self.copies.wait();
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.abandon();
    }
}

fn write_link(mut socket: TcpStream, queue: &Receiver<Frame>, beat: Duration) {
    loop {
        let frame = match queue.recv_timeout(beat) {
            Ok(frame) => frame,
            Err(RecvTimeoutError::Timeout) => Frame::Heartbeat,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let is_last = matches!(frame, Frame::Farewell);
        // The reader of the same link notices and reports what is wrong.
        if frame::write(&mut socket, &frame).is_err() || is_last {
            return;
        }
    }
}

/// What a reading thread needs.
struct Ear {
    peer: usize,
    shared: Arc<Shared>,
    parting: Arc<AtomicBool>,
    /// The links to which news is passed on: at the hub, all others.
    others: Vec<(usize, Sender<Frame>)>,
    farewells: Sender<Frame>,
}

impl Ear {
    fn listen(self, mut socket: TcpStream, limit: usize) {
        loop {
            match frame::read::<Frame>(&mut socket, limit) {
                Ok(Frame::Heartbeat) => {}
                Ok(Frame::News(news)) => {
                    // Others hear it first: a failure that is heard here ends the links of this
                    // process, and the farewell must not overtake the reason.
                    // What a scribe says is for the hub.
                    let is_for_all = !matches!(news, News::Checkpoint(_));
                    for (peer, outgoing) in self.others.iter().filter(|_| is_for_all) {
                        if *peer != self.peer {
                            let _ = outgoing.send(Frame::News(news.clone()));
                        }
                    }
                    self.shared.hear(&news);
                }
                Ok(frame @ Frame::Done(_)) => drop(self.farewells.send(frame)),
                Ok(frame @ Frame::Farewell) => {
                    if self.shared.verdict().is_some() && !self.shared.has_failed() {
                        drop(self.farewells.send(frame));
                        return;
                    }
                    return self.lost("it left before the job was over".into());
                }
                Err(_) if self.parting.load(Ordering::Acquire) => return,
                Err(cause) => return self.lost(self.explain(&cause)),
            }
        }
    }

    fn explain(&self, cause: &io::Error) -> String {
        match cause.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                "it ended without a word: was it killed?".into()
            }
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => format!(
                "nothing was heard of it for {:?}: it is stopped or cut off",
                self.shared.limits.peer_timeout
            ),
            _ => format!("the connection broke: {cause}"),
        }
    }

    fn lost(&self, reason: String) {
        let attempted = format!("work with process {} of the job", self.peer);
        self.shared.fail(Error::new(ErrorKind::Peer, attempted, reason));
    }
}
