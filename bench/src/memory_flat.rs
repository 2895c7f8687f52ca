//! Many events through windows like those of NEXMark's q5 and sessions like those of its q11: does
//! the memory that is resident stay where it is?
//!
//! The events are made while the job runs, bids as the suite's generator makes them but without
//! what the windows do not read: new auctions and bidders all the time, some of them hot. So what
//! the state holds stays the same while the keys that were ever seen become more and more. Each
//! worker makes a share of the events, and the shares are aligned: a worker that gets ahead in event
//! time waits for the others, or all that it is ahead would wait in the windows.

use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use rheos::prelude::*;

/// How many events, through what.
#[derive(Args)]
pub(crate) struct Options {
    /// The windows; one kind a process, because memory that was used once may stay resident
    what: What,
    /// Events in a run
    #[arg(long, default_value_t = 100_000_000)]
    events: u64,
    /// Worker threads
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Print a line for each tenth of the run
    #[arg(long)]
    tenths: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Sliding windows of each auction, 10 s every 2 s
    Windows,
    /// Sessions of each bidder, with gaps of 10 s
    Sessions,
}

/// Looks at the memory this often.
const SAMPLE_EVERY: Duration = Duration::from_millis(5);
/// Parts of a run.
const PARTS: usize = 10;
/// How much a part may have more than the first one that counts.
const FLAT_WITHIN: f64 = 0.10;

/// How far the events of one worker may be ahead of those of another, in event time.
const MAX_DRIFT: Duration = Duration::from_secs(10);

/// Events in a second of event time, and how many of 50 of them are not bids: as in the suite.
const EVENTS_A_SECOND: u64 = 10_000;
const NOT_BIDS: u64 = 4;
/// Auctions and people that a bid may be of, if it is not of a hot one.
const ACTIVE_AUCTIONS: u64 = 100;
const ACTIVE_PEOPLE: u64 = 1_000;
/// One auction or bidder in so many is hot.
const HOT_EACH: u64 = 100;

/// A bid, as far as windows read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bid {
    auction: u64,
    bidder: u64,
    /// Milliseconds of event time.
    time: i64,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    match options.what {
        What::Windows => measure("sliding windows of 10 s every 2 s", options, windows),
        What::Sessions => measure("sessions with gaps of 10 s", options, sessions),
    }
}

/// The bid that is event number `event`, or nothing where that is a person or an auction.
fn bid(random: &mut Random, event: u64) -> Option<Bid> {
    let (fifty, place) = (event / 50, event % 50);
    if place < NOT_BIDS {
        return None;
    }
    // One person and three auctions came with each fifty events; half of the bids are on the
    // last hot auction, three quarters by the last hot bidder.
    let last_auction = fifty * 3 + 2;
    let auction = match random.chance(0.5) {
        true => last_auction / HOT_EACH * HOT_EACH,
        false => last_auction.saturating_sub(random.below(ACTIVE_AUCTIONS)),
    };
    let bidder = match random.chance(0.75) {
        true => fifty / HOT_EACH * HOT_EACH + 1,
        false => fifty.saturating_sub(random.below(ACTIVE_PEOPLE)),
    };
    Some(Bid { auction, bidder, time: (event * 1_000 / EVENTS_A_SECOND) as i64 })
}

/// The bids of a run as a stream with event time.
fn bids(job: &Job, events: u64) -> Stream<Bid, Timed> {
    // Of an event that is no bid only the time is looked at.
    let event = |random: &mut Random, event| (event, bid(random, event));
    let time = |(event, _): &(u64, Option<Bid>)| {
        EventTime::from_millis((event * 1_000 / EVENTS_A_SECOND) as i64)
    };
    job.source(Generator::seeded(3, event).count(events))
        .event_time(time, Watermarks::monotone().align_within(MAX_DRIFT))
        .filter_map(|(_, bid)| bid)
}

/// The bids of each auction in each window.
fn windows(job: &Job, events: u64) -> Stream<u64, Timed> {
    let windows = Windows::sliding(Duration::from_secs(10), Duration::from_secs(2));
    bids(job, events)
        .map(|bid| bid.auction)
        .key_by_self()
        .window(windows)
        .count()
        .drop_late()
        .map(|pane| pane.value)
}

/// The bids in each session of each bidder.
fn sessions(job: &Job, events: u64) -> Stream<u64, Timed> {
    bids(job, events)
        .map(|bid| bid.bidder)
        .key_by_self()
        .window(Windows::session(Duration::from_secs(10)))
        .count()
        .drop_late()
        .map(|pane| pane.value)
}

/// What was resident in the parts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Part {
    most_kilobytes: u64,
    /// What all steps say that they hold, which is how growth of the state shows.
    most_held: usize,
    most_held_bytes: usize,
    samples: u64,
}

/// By how much the part with most has more than the second part, the first one left out: less than
/// nothing if memory only falls.
fn growth(parts: &[Part]) -> anyhow::Result<f64> {
    anyhow::ensure!(parts.iter().all(|part| part.samples > 0), "the run is too short to be seen");
    let mut later = parts.iter().skip(1).map(|part| part.most_kilobytes);
    let (second, most) = later.next().zip(later.max()).context("there are too few parts")?;
    Ok(most as f64 / second as f64 - 1.0)
}

#[allow(clippy::print_stdout, reason = "the figures are this program's output")]
fn measure(
    name: &str,
    options: &Options,
    query: fn(&Job, u64) -> Stream<u64, Timed>,
) -> anyhow::Result<()> {
    let Options { events, workers, .. } = *options;
    let job = Job::new("memory");
    let sink = Null::new();
    let dropped = sink.dropped();
    query(&job, events).without_event_time().sink(sink);
    let handle = job.start(Config::default().workers(workers))?;
    let mut parts = [Part::default(); PARTS];
    while !handle.is_over() {
        std::thread::park_timeout(SAMPLE_EVERY);
        let now = handle.metrics();
        let part = now.records as usize * PARTS / events as usize;
        let part = &mut parts[part.min(PARTS - 1)];
        let holdings = || now.steps.iter().map(|step| &step.holdings);
        part.most_held = part.most_held.max(holdings().map(|held| held.records).sum());
        part.most_held_bytes = part.most_held_bytes.max(holdings().map(|held| held.bytes).sum());
        part.most_kilobytes = part.most_kilobytes.max(resident_kilobytes()?);
        part.samples += 1;
    }
    let report = handle.wait()?;
    println!(
        "{name}: {events} events, {workers} workers, {:.1} s, {} results",
        report.wall.as_secs_f64(),
        dropped.count()
    );
    if options.tenths {
        for (number, part) in parts.iter().enumerate() {
            println!(
                "  tenth {:2}: at most {:8.1} MiB in {} samples; the steps held at most {} \
                 records, {:.1} MiB",
                number + 1,
                part.most_kilobytes as f64 / 1024.0,
                part.samples,
                part.most_held,
                part.most_held_bytes as f64 / f64::from(1 << 20)
            );
        }
    }
    let growth = growth(&parts)?;
    println!(
        "after the first tenth memory is {} within {:.0} %: the highest peak is {:+.1} % off that of \
         the second, {:.1} MiB",
        if growth <= FLAT_WITHIN { "flat" } else { "NOT flat" },
        FLAT_WITHIN * 100.0,
        growth * 100.0,
        parts[1..].iter().map(|part| part.most_kilobytes).max().unwrap_or(0) as f64 / 1024.0
    );
    Ok(())
}

/// The memory of this process that is resident, as Linux counts it.
fn resident_kilobytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    number.context("there is no VmRSS in /proc/self/status")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn bids_are_46_of_50_events_on_few_auctions_at_a_time_and_many_in_all() {
        let all: Vec<Bid> = (0..500_000)
            .filter_map(|event| bid(&mut Random::for_record(3, event), event))
            .collect();
        assert_eq!(all.len(), 460_000);
        assert!(all.is_sorted_by_key(|bid| bid.time));
        let auctions = |bids: &[Bid]| bids.iter().map(|bid| bid.auction).collect::<HashSet<_>>();
        assert!(auctions(&all[400_000..401_000]).len() < 300);
        assert!(auctions(&all).len() > 25_000);
    }

    #[test]
    fn memory_that_grows_is_not_flat() {
        let parts = |most: [u64; 3]| {
            most.map(|most| Part { most_kilobytes: most, samples: 1, ..Part::default() })
        };
        assert_eq!(growth(&parts([10, 100, 100])).unwrap(), 0.0);
        assert!(growth(&parts([100, 100, 111])).unwrap() > FLAT_WITHIN);
        assert!(growth(&parts([100, 50, 100])).unwrap() > FLAT_WITHIN);
        assert!(growth(&parts([100, 100, 50])).unwrap() < 0.0, "memory that falls is flat");
        assert!(growth(&[Part::default(); 3]).is_err());
    }

    #[test]
    fn every_bid_is_in_five_windows_and_one_session() {
        for (query, times) in [(windows as fn(&_, _) -> _, 5), (sessions, 1)] {
            let (sink, counts) = collect();
            let job = Job::new("memory");
            query(&job, 100_000).sum().at_end().sink(sink);
            job.run(Config::default().workers(2)).unwrap();
            assert_eq!(counts.into_vec().unwrap(), [92_000 * times]);
        }
    }
}
