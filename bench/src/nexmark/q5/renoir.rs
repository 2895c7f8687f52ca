//! q5 on Renoir: each worker counts the bids of its own by slide, and the counts of all make those
//! of the windows on one worker.
//!
//! In nanoseconds an event with one worker this takes 11; slides folded by their start as the key,
//! and then windows, 20; folded by slide and auction 80 to 110; by window and auction, each bid in
//! five windows, 110 to 150. All of them answer at the end of the input only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Counts, HotAuction, SLIDE, Window};
use crate::nexmark::events::{Bid, Events};
use crate::nexmark::renoir::{self, tally_rows};
use crate::nexmark::tally::Tally;

pub(crate) fn run(events: &Events) -> anyhow::Result<Tally> {
    renoir::run(
        events,
        |event| event.bid().copied(),
        |bids, tally| {
            let slides = bids.fold_assoc(Slides::default(), Slides::add, Slides::merge);
            tally_rows(slides.flat_map(Slides::hottest), tally);
        },
    )
}

/// The counts of auctions by slide.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Slides {
    /// The slide of the last bid, and its counts so far.
    number: u64,
    counts: Counts,
    others: BTreeMap<u64, Counts>,
}

impl Slides {
    fn add(&mut self, bid: Bid) {
        let number = (bid.date_time / SLIDE) as u64;
        if number != self.number {
            self.put_aside();
            self.counts = self.others.remove(&number).unwrap_or_default();
            self.number = number;
        }
        *self.counts.entry(bid.auction).or_default() += 1;
    }

    fn put_aside(&mut self) {
        let counts = std::mem::take(&mut self.counts);
        if !counts.is_empty() {
            self.others.insert(self.number, counts);
        }
    }

    fn merge(&mut self, mut other: Self) {
        self.put_aside();
        other.put_aside();
        for (slide, counts) in other.others {
            let sums = self.others.entry(slide).or_default();
            if sums.is_empty() {
                *sums = counts;
                continue;
            }
            for (auction, count) in counts {
                *sums.entry(auction).or_default() += count;
            }
        }
    }

    fn hottest(self) -> Vec<HotAuction> {
        let mut next = self.others.keys().next().copied();
        let counts = self.others.into_iter();
        let arrived = counts.map(|(slide, counts)| (slide, counts.into_iter().collect()));
        let mut window = Window { arrived: arrived.collect(), ..Window::default() };
        let mut rows = Vec::new();
        while let Some(slide) = next {
            window.move_to(slide);
            rows.append(&mut window.hottest(slide));
            next = window.next_slide(slide);
        }
        rows
    }
}
