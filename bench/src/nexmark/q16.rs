//! q16: as q15, for each channel and day, with the latest minute of the day that had a bid:
//! channel, day, minute, 12 counts.

use compact_str::CompactString;
use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};

use super::calendar::{day, day_text, minute, minute_text};
use super::events::{Bid, Events};
use super::form::{Form, Full, HasChannel, WithChannel};
use super::query::Versions;
use super::row::{Fields, Row};
use super::statistics::{self, Statistics, statistics};
use super::version::{Input, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<WithChannel>, rheos), Version::new(naive::<Full>, rheos))
}

/// A channel's counts on a day.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ChannelDaily {
    channel: CompactString,
    day: i64,
    counts: Statistics,
}

impl Row for ChannelDaily {
    fn fields(&self, to: &mut impl Fields) {
        to.text(&self.channel);
        to.text(&day_text(self.day));
        to.text(&minute_text(minute(self.counts.latest)));
        self.counts.fields(to);
    }
}

fn by_channel_and_day<R: HasChannel>(bid: &Bid<R>) -> ((CompactString, i64), Bid) {
    ((bid.rest.channel().into(), day(bid.date_time)), bid.numbers())
}

fn row(((channel, day), counts): ((CompactString, i64), Statistics)) -> ChannelDaily {
    ChannelDaily { channel, day, counts }
}

fn naive<F: Form<Bid: HasChannel>>(events: &Events<F>) -> Vec<ChannelDaily> {
    statistics::naive(events.bids().map(by_channel_and_day)).map(row).collect()
}

fn rheos<F: Form<Bid: HasChannel>>(input: Input<'_, F>) -> Stream<ChannelDaily> {
    let bids = input.events().select(|event| event.bid().map(by_channel_and_day));
    statistics(bids).map(row)
}
