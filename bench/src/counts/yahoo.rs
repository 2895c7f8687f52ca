//! The count of the Yahoo streaming benchmark: of the events about ads only the views, each with
//! the campaign that its ad belongs to, counted by campaign in tumbling windows of 10 s.
//!
//! 100 campaigns have ten ads each; a third of the events are views; all is as likely as any other.
//! The ids are as large as those of the benchmark are random. The table of campaigns is a map that
//! the steps share, or with `--lookup` an input of its own, read first, that the events are
//! exchanged to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use foldhash::fast::FixedState;
use rheos::prelude::*;

use super::bare_timely::{self, Counts, Items};
use super::command::{self, Forms, run_forms};
#[cfg(feature = "peers")]
use super::renoir;
use super::tally::{Row, Tally, run_job};
use crate::engine::Engine;
use crate::memory::Memory;

/// How much is counted, and how the campaign of an ad is found.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    run: command::Options,
    /// Let Rheos join the events with the table by its step `lookup`
    #[arg(long)]
    lookup: bool,
}

/// Milliseconds from the start of a window to its end.
const LENGTH: i64 = 10_000;
/// Campaigns.
const CAMPAIGNS: u64 = 100;
/// Ads of a campaign.
const ADS: u64 = 10;
/// Events in a second of event time.
const EVENTS_A_SECOND: usize = 100_000;

/// What somebody did with an ad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    View,
    Click,
    Purchase,
}

/// Something that somebody did with an ad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Event {
    ad: u64,
    /// Milliseconds of event time.
    time: i64,
    kind: Kind,
}

/// The campaign of each ad.
type Campaigns = HashMap<u64, u64, FixedState>;

/// Events in order of time, dealt to shares, and the campaigns of their ads.
struct Ads {
    shares: Vec<Arc<[Event]>>,
    campaigns: Arc<Campaigns>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let ads = Ads::of(options.run.words, options.run.workers);
    run_forms("events of ads", &options.run, &forms(&ads, options.lookup))
}

/// The forms, of which that on Rheos finds campaigns by a lookup or not.
fn forms(ads: &Ads, lookup: bool) -> Forms<'_> {
    let forms = Forms::new(naive(ads))
        .on(Engine::Rheos, move || match lookup {
            true => with_lookup(ads),
            false => rheos(ads),
        })
        .on(Engine::Timely, || timely(ads));
    #[cfg(feature = "peers")]
    let forms = forms.on(Engine::Renoir, || renoir(ads));
    forms
}

impl Ads {
    fn of(events: usize, shares: usize) -> Self {
        let mut random = Random::new(6);
        let campaigns: Vec<u64> = (0..CAMPAIGNS).map(|_| random.next_u64()).collect();
        let ads: Vec<u64> = (0..CAMPAIGNS * ADS).map(|_| random.next_u64()).collect();
        let of_ad = |(number, ad): (usize, &u64)| (*ad, campaigns[number / ADS as usize]);
        let mut dealt = vec![Vec::with_capacity(events / shares + 1); shares];
        for number in 0..events {
            dealt[number % shares].push(Event {
                ad: *random.pick(&ads),
                time: (number * 1_000 / EVENTS_A_SECOND) as i64,
                kind: *random.pick(&[Kind::View, Kind::Click, Kind::Purchase]),
            });
        }
        Self {
            shares: dealt.into_iter().map(Arc::from).collect(),
            campaigns: Arc::new(ads.iter().enumerate().map(of_ad).collect()),
        }
    }
}

fn naive(ads: &Ads) -> Tally {
    let mut counts: HashMap<(i64, u64), u64> = HashMap::new();
    for event in ads.shares.iter().flat_map(|share| share.iter()) {
        if event.kind == Kind::View {
            let window_start = event.time - event.time.rem_euclid(LENGTH);
            *counts.entry((window_start, ads.campaigns[&event.ad])).or_default() += 1;
        }
    }
    let row = |((window_start, key), count)| Row { window_start, key, count };
    Tally::of(counts.into_iter().map(row))
}

fn rheos(ads: &Ads) -> anyhow::Result<Tally> {
    let campaigns = Arc::clone(&ads.campaigns);
    run_job("yahoo count", ads.shares.len(), |job| {
        let views = views(job, ads);
        by_campaign(views.filter_map(move |ad| campaigns.get(&ad).copied()))
    })
}

fn with_lookup(ads: &Ads) -> anyhow::Result<Tally> {
    let table: Arc<[(u64, u64)]> = ads.campaigns.iter().map(|(ad, of)| (*ad, *of)).collect();
    run_job("yahoo count", ads.shares.len(), |job| {
        let table = job.source(Memory::new(&[table])).named("campaigns").keyed();
        let views = views(job, ads).key_by_self().lookup(table);
        by_campaign(views.filter_map(|(_, (), campaign)| campaign))
    })
}

/// The ads that were viewed.
fn views(job: &Job, ads: &Ads) -> Stream<u64, Timed> {
    let time = |event: &Event| EventTime::from_millis(event.time);
    job.source(Memory::new(&ads.shares))
        .named("events")
        .event_time(time, Watermarks::monotone())
        .filter_map(|event| (event.kind == Kind::View).then_some(event.ad))
}

fn by_campaign(views: Stream<u64, Timed>) -> Stream<Row<u64>, Timed> {
    views
        .key_by_self()
        .window(Windows::tumbling(Duration::from_millis(LENGTH.unsigned_abs())))
        .count()
        .drop_late()
        .map(|pane| Row {
            window_start: pane.window.start.as_millis(),
            key: pane.key,
            count: pane.value,
        })
}

fn timely(ads: &Ads) -> anyhow::Result<Tally> {
    let campaigns = Arc::clone(&ads.campaigns);
    let items = Items { shares: &ads.shares, time: |event| event.time, window: LENGTH };
    bare_timely::count(items, move |counts: &mut Counts<u64>, events: &[Event]| {
        let views = events.iter().filter(|event| event.kind == Kind::View);
        for campaign in views.filter_map(|event| campaigns.get(&event.ad)) {
            *counts.entry(*campaign).or_default() += 1;
        }
    })
}

/// Views are counted by window and campaign where they are read, and then over the workers.
#[cfg(feature = "peers")]
fn renoir(ads: &Ads) -> anyhow::Result<Tally> {
    let campaigns = Arc::clone(&ads.campaigns);
    let view = move |event: &Event| {
        let window_start = event.time - event.time.rem_euclid(LENGTH);
        let is_view = event.kind == Kind::View;
        is_view.then(|| campaigns.get(&event.ad).map(|of| (window_start, *of)))?
    };
    renoir::run(&ads.shares, view, |views, tally| {
        let counts =
            views.group_by_fold(|view| *view, 0, |sum, _| *sum += 1, |sum, more| *sum += more);
        let row = |((window_start, key), count)| Row { window_start, key, count };
        renoir::tally_rows(counts.unkey().map(row), tally);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_count_the_same() {
        for workers in [1, 3] {
            // Two windows, the last of them not full.
            let ads = Ads::of(1_100_000, workers);
            let right = naive(&ads);
            assert_eq!(right.rows, 2 * CAMPAIGNS);
            forms(&ads, false).check(workers);
            assert_eq!(with_lookup(&ads).unwrap(), right, "{workers} workers");
        }
    }

    #[test]
    fn a_third_of_the_events_are_views() {
        let ads = Ads::of(30_000, 1);
        let views = ads.shares[0].iter().filter(|event| event.kind == Kind::View).count();
        assert!(views.abs_diff(10_000) < 500, "{views}");
    }
}
