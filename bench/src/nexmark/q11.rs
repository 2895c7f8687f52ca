//! q11: session windows of each bidder's bids: bids at most 10 s apart, 10 s included, are one
//! session: bidder, number of bids, session start, session end, which is the last bid plus 10 s.

use std::collections::HashMap;
use std::time::Duration;

use rheos::prelude::{Stream, Timed, Windows};
use serde::{Deserialize, Serialize};

use super::events::Events;
use super::form::{Form, Full, Lean};
use super::query::Versions;
use super::row::{Fields, Row};
use super::version::{Input, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<Lean>, rheos), Version::new(naive::<Full>, rheos))
}

/// The most milliseconds between two bids of a session.
const GAP: i64 = 10_000;

/// Somebody's bids without a long pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    bidder: u32,
    bids: u32,
    start: i64,
    end: i64,
}

impl Row for Session {
    fn fields(&self, to: &mut impl Fields) {
        to.integer(self.bidder);
        to.integer(self.bids);
        to.integer(self.start);
        to.integer(self.end);
    }
}

fn naive<F: Form>(events: &Events<F>) -> Vec<Session> {
    let mut times: HashMap<u32, Vec<i64>> = HashMap::new();
    for bid in events.bids() {
        times.entry(bid.bidder).or_default().push(bid.date_time);
    }
    let mut sessions = Vec::new();
    for (bidder, mut times) in times {
        times.sort_unstable();
        for run in times.chunk_by(|one, next| next - one <= GAP) {
            let (start, end) = (run[0], run[run.len() - 1] + GAP);
            sessions.push(Session { bidder, bids: run.len() as u32, start, end });
        }
    }
    sessions
}

fn rheos<F: Form>(input: Input<'_, F>) -> Stream<Session, Timed> {
    input
        .timed_bids()
        .map(|bid| bid.bidder)
        .key_by_self()
        .window(Windows::session(Duration::from_millis(GAP.unsigned_abs())))
        .count()
        .drop_late()
        .map(|pane| Session {
            bidder: pane.key,
            bids: pane.value as u32,
            start: pane.window.start.as_millis(),
            end: pane.window.end.as_millis(),
        })
}
