//! q5: in sliding windows, 10 s long, every 2 s, the auctions with the most bids in the window,
//! ties all kept: window start, auction, number of bids. Windows without a bid do not appear;
//! windows that start before the first bid or end after the last one do.

#[cfg(feature = "peers")]
mod renoir;
mod steps;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use foldhash::fast::FixedState;
use rheos::prelude::{Aggregate, Stream, Timed, Windows};
use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::{Exchange, ParallelizationContract, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

use super::bare_timely::{self, Batch, Output, Records, per_epoch, tally_rows};
use super::events::{Event, Events};
use super::form::{Form, Full, Lean};
use super::query::Versions;
use super::row::{Fields, Row};
use super::tally::Tally;
use super::version::{Input, Version};
use crate::engine::Engine;

pub(crate) fn versions() -> Versions {
    let lean = Version::new(naive::<Lean>, rheos)
        .on(Engine::Timely, timely)
        .on(Engine::TimelySteps, steps::run);
    #[cfg(feature = "peers")]
    let lean = lean.on(Engine::Renoir, renoir::run);
    Versions::new(lean, Version::new(naive::<Full>, rheos))
}

/// Milliseconds from the start of a window to its end.
const LENGTH: i64 = 10_000;
/// Milliseconds from the start of a window to the next one's.
const SLIDE: i64 = 2_000;
/// Slides in a window.
const SLIDES: u64 = (LENGTH / SLIDE) as u64;

/// An auction that nobody outbid in a window, in number of bids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HotAuction {
    window_start: i64,
    auction: u32,
    bids: u32,
}

impl Row for HotAuction {
    fn fields(&self, to: &mut impl Fields) {
        to.integer(self.window_start);
        to.integer(self.auction);
        to.integer(self.bids);
    }
}

fn naive<F: Form>(events: &Events<F>) -> Vec<HotAuction> {
    let mut windows: HashMap<i64, HashMap<u32, u32>> = HashMap::new();
    for bid in events.bids() {
        let last_start = bid.date_time - bid.date_time.rem_euclid(SLIDE);
        let first_start = last_start - LENGTH + SLIDE;
        for window_start in (first_start..=last_start).step_by(SLIDE as usize) {
            *windows.entry(window_start).or_default().entry(bid.auction).or_default() += 1;
        }
    }
    let hot = windows.into_iter().flat_map(|(window_start, counts)| {
        let most = counts.values().max().copied();
        let hot = counts.into_iter().filter(move |(_, bids)| Some(*bids) == most);
        hot.map(move |(auction, bids)| HotAuction { window_start, auction, bids })
    });
    hot.collect()
}

/// Counts the bids of each auction in sliding windows. All counts of a window have the time of its
/// last millisecond, so tumbling windows as long as the slide hold one sliding window each.
fn rheos<F: Form>(input: Input<'_, F>) -> Stream<HotAuction, Timed> {
    let millis = |millis: i64| Duration::from_millis(millis.unsigned_abs());
    input
        .timed_bids()
        .map(|bid| bid.auction)
        .key_by_self()
        .window(Windows::sliding(millis(LENGTH), millis(SLIDE)))
        .count()
        .drop_late()
        .map(|pane| HotAuction {
            window_start: pane.window.start.as_millis(),
            auction: pane.key,
            bids: pane.value as u32,
        })
        .window(Windows::tumbling(millis(SLIDE)))
        .aggregate(Hottest)
        .drop_late()
        .flat_map(|pane| pane.value)
}

/// The auctions of a window with the most bids.
#[derive(Clone)]
struct Hottest;

impl Aggregate for Hottest {
    type In = HotAuction;
    type Acc = Vec<HotAuction>;
    type Out = Vec<HotAuction>;

    fn create(&self) -> Vec<HotAuction> {
        Vec::new()
    }

    fn add(&self, hottest: &mut Vec<HotAuction>, row: HotAuction) {
        let most = hottest.first().map_or(0, |row| row.bids);
        if row.bids > most {
            hottest.clear();
        }
        if row.bids >= most {
            hottest.push(row);
        }
    }

    fn merge(&self, hottest: &mut Vec<HotAuction>, other: Vec<HotAuction>) {
        other.into_iter().for_each(|row| self.add(hottest, row));
    }

    fn finish(&self, hottest: &Vec<HotAuction>) -> Vec<HotAuction> {
        hottest.clone()
    }
}

type Counts = HashMap<u32, u32, FixedState>;

/// A slide's bids are counted where they are read (15 bids an auction and slide, so this saves
/// most of the exchange), then by the auction's worker, then the best of the workers are compared.
fn timely(events: &Events) -> anyhow::Result<Tally> {
    bare_timely::run(events, SLIDE, |batches, tally| {
        let counts = per_epoch(batches, Pipeline, count, |_, counts: &mut Counts, rows| {
            rows.extend(counts.drain());
        });
        let by_window = Exchange::new(|row: &HotAuction| (row.window_start / SLIDE) as u64);
        // Ids of hot auctions are multiples of 100: the upper bits of a product spread them.
        let by_auction = Exchange::new(|(auction, _): &(u32, u32)| {
            u64::from(auction.wrapping_mul(0x9E37_79B1)) >> 16
        });
        let rows = per_epoch(
            hottest(counts, by_auction),
            by_window,
            Vec::append,
            |_, candidates, rows| {
                keep_hottest(candidates, rows);
                candidates.clear();
            },
        );
        tally_rows(rows, tally);
    })
}

fn count(counts: &mut Counts, batch: &mut Batch) {
    for bid in batch.events().iter().filter_map(Event::bid) {
        *counts.entry(bid.auction).or_default() += 1;
    }
}

/// Adds those of the candidates with the most bids to the rows.
fn keep_hottest(candidates: &[HotAuction], rows: &mut Vec<HotAuction>) {
    let most = candidates.iter().map(|row| row.bids).max();
    rows.extend(candidates.iter().filter(|row| Some(row.bids) == most));
}

/// The hottest of this worker's auctions in every window, from the counts of the slides, which
/// `pact` brings here by auction. A window is sent at the time of its last slide.
fn hottest(
    counts: Records<'_, (u32, u32)>,
    pact: impl ParallelizationContract<u64, Vec<(u32, u32)>>,
) -> Records<'_, HotAuction> {
    counts.unary_frontier(pact, "hottest", |_, _| {
        let mut window = Window::default();
        // A capability for the next slide to look at, while there is one.
        let mut next: Option<Capability<u64>> = None;
        move |(input, frontier), output: &mut Output<'_, HotAuction>| {
            input.for_each(|capability, batch| {
                let Some(slide) = capability.least().copied() else { return };
                window.arrived.entry(slide).or_default().append(batch);
                if next.as_ref().is_none_or(|next| *next.time() > slide) {
                    next = capability.retain_least(0);
                }
            });
            while let Some(mut capability) = next.take_if(|next| !frontier.less_equal(next.time()))
            {
                let slide = *capability.time();
                window.move_to(slide);
                output.session(&capability).give_container(&mut window.hottest(slide));
                next = window.next_slide(slide).map(|slide| {
                    capability.downgrade(&slide);
                    capability
                });
            }
        }
    })
}

/// The counts of the slides of one window, and their sums.
#[derive(Default)]
struct Window {
    /// Slides after the window.
    arrived: BTreeMap<u64, Vec<(u32, u32)>>,
    /// Slides in the window, oldest first.
    slides: VecDeque<(u64, Vec<(u32, u32)>)>,
    sums: Counts,
}

impl Window {
    /// Makes `last` the last slide of the window.
    fn move_to(&mut self, last: u64) {
        while let Some((slide, _)) = self.slides.front()
            && *slide + SLIDES <= last
        {
            let leaving = self.slides.pop_front();
            for (auction, count) in leaving.into_iter().flat_map(|(_, counts)| counts) {
                if let Entry::Occupied(mut sum) = self.sums.entry(auction) {
                    *sum.get_mut() -= count;
                    if *sum.get() == 0 {
                        sum.remove();
                    }
                }
            }
        }
        if let Some(counts) = self.arrived.remove(&last) {
            for (auction, count) in &counts {
                *self.sums.entry(*auction).or_default() += count;
            }
            self.slides.push_back((last, counts));
        }
    }

    fn hottest(&self, last: u64) -> Vec<HotAuction> {
        let window_start = (last as i64 + 1) * SLIDE - LENGTH;
        let most = self.sums.values().max().copied();
        let hot = self.sums.iter().filter(|(_, bids)| Some(**bids) == most);
        hot.map(|(auction, bids)| HotAuction { window_start, auction: *auction, bids: *bids })
            .collect()
    }

    /// The next slide that a window with bids ends with.
    fn next_slide(&self, last: u64) -> Option<u64> {
        match self.slides.is_empty() {
            true => self.arrived.keys().next().copied(),
            false => Some(last + 1),
        }
    }
}
