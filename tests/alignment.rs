//! Splits that are not read too far ahead of others in event time: that none ever waits for ever,
//! and that they are not further apart than the program says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use rheos::engine::{
    EventTime, Position, ReadBuffer, ReadStatus, Reader, ReaderContext, Split, SplitContext, Waker,
};
use rheos::prelude::*;

use crate::checkpoints::{Life, lines, live};
use crate::everywhere::everywhere;
use crate::random::Random;

/// What a split gives: the times of its records, so many at a time.
#[derive(Clone, Debug)]
struct Track {
    times: Vec<i64>,
    at_a_time: usize,
    /// Whether its size is known: a worker opens two of these at a time.
    is_bounded: bool,
}

/// A record: its split and its time.
type Event = (u32, i64);

/// A source of such splits.
#[derive(Clone)]
struct Tracks {
    tracks: Arc<Vec<Track>>,
    /// Splits that nobody has read twice; all the others wait for these, where that is wanted.
    unread: Option<Arc<AtomicUsize>>,
}

impl Tracks {
    fn new(tracks: &[Track]) -> Self {
        Self { tracks: Arc::new(tracks.to_vec()), unread: None }
    }

    /// Splits of which none gives a second batch before all have given one.
    fn in_step(tracks: &[Track]) -> Self {
        let unread = Some(Arc::new(AtomicUsize::new(tracks.len())));
        Self { unread, ..Self::new(tracks) }
    }
}

impl Source for Tracks {
    type Record = Event;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        let split = |(number, track): (usize, &Track)| Split {
            payload: (number as u32).to_le_bytes().to_vec(),
            bytes: track.is_bounded.then_some(track.times.len() as u64),
            ..Split::named(format!("track {number}"))
        };
        Ok(self.tracks.iter().enumerate().map(split).collect())
    }

    fn open(
        &self,
        split: &Split,
        _position: Option<&Position>,
        context: ReaderContext,
    ) -> Result<Box<dyn Reader<Event>>, Error> {
        let number = u32::from_le_bytes(split.payload.as_slice().try_into().unwrap());
        let (source, waker) = (self.clone(), context.waker);
        Ok(Box::new(TrackReader { source, number, waker, next: 0, reads: 0 }))
    }
}

struct TrackReader {
    source: Tracks,
    number: u32,
    waker: Waker,
    next: usize,
    reads: usize,
}

impl Reader<Event> for TrackReader {
    fn read(&mut self, buffer: &mut ReadBuffer<Event>) -> Result<ReadStatus, Error> {
        self.reads += 1;
        if let Some(unread) = &self.source.unread {
            if self.reads == 2 {
                unread.fetch_sub(1, Ordering::SeqCst);
            }
            if self.reads > 1 && unread.load(Ordering::SeqCst) > 0 {
                // Asked again at once: who is asked has said how far it has come before.
                self.waker.wake();
                return Ok(ReadStatus::Pending);
            }
        }
        let track = &self.source.tracks[self.number as usize];
        let until = (self.next + track.at_a_time).min(track.times.len());
        let times = track.times[self.next..until].iter();
        buffer.records_mut().extend(times.map(|time| (self.number, *time)));
        self.next = until;
        Ok(if until == track.times.len() { ReadStatus::End } else { ReadStatus::More })
    }
}

/// Tracks of all kinds: none of them in order with the others.
fn tracks(seed: u64) -> Vec<Track> {
    let mut random = Random::new(seed);
    let is_bounded = random.below(2) == 0;
    let count = 1 + random.below(12);
    let track = |_| {
        let (kind, length) = (random.below(7), random.below(300) as i64);
        let base = random.below(100_000) as i64;
        let mut time = |n: i64| match kind {
            0 => base + n,
            1 => base + 1_000 * n,
            2 => base - 1_000 * n,
            3 => base,
            4 => i64::MIN + n,
            5 => i64::MAX - 300 + n,
            _ => random.below(1_000_000) as i64,
        };
        let times = (0..length).map(&mut time).collect();
        Track { times, at_a_time: 1 + random.below(40) as usize, is_bounded }
    };
    (0..count).map(track).collect()
}

#[test]
fn every_record_comes_whatever_the_splits_hold() {
    for seed in 0..12 {
        let tracks = tracks(seed);
        let events = (0..).zip(&tracks).flat_map(|(split, track): (u32, _)| {
            track.times.iter().map(move |time| (split, *time))
        });
        let mut expected: Vec<Event> = events.collect();
        expected.sort_unstable();
        for max_drift in [Duration::ZERO, Duration::from_millis(500), Duration::MAX] {
            everywhere(
                |job| {
                    let watermarks = Watermarks::monotone().align_within(max_drift);
                    job.source(Tracks::new(&tracks))
                        .event_time(|(_, time)| EventTime::from_millis(*time), watermarks)
                        .without_event_time()
                },
                |topology, rows| {
                    assert!(rows == expected, "seed {seed}, {topology}, {max_drift:?}: {tracks:?}");
                },
            );
        }
    }
}

#[test]
fn two_event_times_of_opposite_orders_do_not_stop_each_other() {
    let up: Vec<i64> = (0..2_000).collect();
    let down = up.iter().map(|time| 10_000 - time).collect();
    let track = |times| Track { times, at_a_time: 10, is_bounded: false };
    let tracks = [track(up), track(down)];
    everywhere(
        |job| {
            let aligned = || Watermarks::monotone().align_within(Duration::from_millis(100));
            job.source(Tracks::new(&tracks))
                .event_time(|(_, time)| EventTime::from_millis(*time), aligned())
                .event_time(|(_, time)| EventTime::from_millis(-*time), aligned())
                .without_event_time()
        },
        |topology, rows| assert_eq!(rows.len(), 4_000, "{topology}"),
    );
}

/// How far a split was ahead of the one that was furthest behind, at the most, when it was read.
fn greatest_lead(tracks: &[Track], workers: usize, watermarks: &Watermarks) -> i64 {
    let reached: Arc<Vec<AtomicI64>> = Arc::new(tracks.iter().map(|_| AtomicI64::new(0)).collect());
    let last: Vec<i64> = tracks.iter().map(|track| *track.times.last().unwrap()).collect();
    let lead = Arc::new(AtomicI64::new(0));
    let job = Job::new("lead");
    let (reached_there, lead_there) = (Arc::clone(&reached), Arc::clone(&lead));
    job.source(Tracks::in_step(tracks))
        .event_time(|(_, time)| EventTime::from_millis(*time), watermarks.clone())
        .map(move |(split, time)| {
            // Nobody waits for one that has ended.
            let is_last = time == last[split as usize];
            let is_at = if is_last { i64::MAX } else { time };
            reached_there[split as usize].store(is_at, Ordering::SeqCst);
            let least = reached_there.iter().map(|reached| reached.load(Ordering::SeqCst)).min();
            lead_there.fetch_max(time - least.unwrap_or(time), Ordering::SeqCst);
        })
        .without_event_time()
        .sink(Null::new());
    job.run(Config::default().workers(workers)).unwrap();
    lead.load(Ordering::SeqCst)
}

#[test]
fn no_split_is_further_ahead_than_the_drift_and_a_batch() {
    // One of four is read ten times as fast as the others, and with times that run faster.
    let fast = Track { times: (0..40_000).collect(), at_a_time: 100, is_bounded: false };
    let slow = Track { at_a_time: 10, ..fast.clone() };
    let tracks = [slow.clone(), fast, slow.clone(), slow];
    let aligned = Watermarks::monotone().align_within(Duration::from_millis(500));
    for workers in [1, 2, 4] {
        let lead = greatest_lead(&tracks, workers, &aligned);
        assert!(lead <= 600, "{workers} workers: {lead} ms ahead");
    }
    assert!(greatest_lead(&tracks, 1, &Watermarks::monotone()) > 10_000, "the test shows nothing");
}

/// Records of the job that is restored, and how many come in a second of a life that is stopped.
const RECORDS: u64 = 20_000;
const A_SECOND: f64 = 4_000.0;

/// Every second record has a time that runs twice as fast.
fn time(n: u64) -> i64 {
    (n + n % 2 * n) as i64
}

fn count_in_windows(job: &Job, folder: &Path, stops: bool) {
    let numbers = Generator::new(|n| n).count(RECORDS);
    let numbers = if stops { numbers.rate_per_second(A_SECOND) } else { numbers };
    job.source(numbers)
        .event_time(
            |n| EventTime::from_millis(time(*n)),
            Watermarks::monotone().align_within(Duration::from_millis(200)),
        )
        .window(Windows::tumbling(Duration::from_millis(250)))
        .count()
        .drop_late()
        .map(|pane| format!("{} {}", pane.window.start.as_millis(), pane.value))
        .without_event_time()
        .sink(FileSink::folder(folder.join("out"), Text));
}

#[test]
fn a_job_goes_on_from_a_checkpoint_with_its_splits_aligned() {
    let mut windows = BTreeMap::<i64, u64>::new();
    (0..RECORDS).for_each(|n| *windows.entry(time(n).div_euclid(250) * 250).or_default() += 1);
    let mut expected: Vec<String> =
        windows.iter().map(|(start, count)| format!("{start} {count}")).collect();
    expected.sort();
    let folder = tempfile::tempdir().unwrap();
    for (processes, workers) in [(1, 2), (1, 3), (2, 1), (1, 1)] {
        let life = Life { processes, workers, stops: true };
        let has_ended =
            live(life, folder.path(), &|job| count_in_windows(job, folder.path(), true));
        assert!(!has_ended, "{life:?}");
    }
    let life = Life { processes: 1, workers: 2, stops: false };
    assert!(live(life, folder.path(), &|job| count_in_windows(job, folder.path(), false)));
    let mut rows = lines(folder.path());
    rows.sort();
    assert_eq!(rows, expected);
}

#[test]
fn the_plan_says_what_is_aligned_and_what_cannot_be() {
    let said = |moves: bool| {
        let job = Job::new("plan");
        let numbers = job.source(Generator::new(|n| n).count(1));
        let numbers = if moves { numbers.rebalance() } else { numbers };
        let aligned = Watermarks::monotone().align_within(Duration::from_secs(90));
        numbers
            .event_time(|n| EventTime::from_millis(*n as i64), aligned)
            .without_event_time()
            .sink(Null::new());
        job.explain().to_string()
    };
    let (aligned, mixed) = (said(false), said(true));
    assert!(aligned.contains("no split is read more than 90s ahead of another"), "{aligned}");
    assert!(mixed.contains("no alignment: records of several splits are mixed here"), "{mixed}");
}
