//! q4 on Renoir: bids and auctions meet by the auction's id and are folded there. Folded where they
//! are read, before they meet, they take as long with one worker and half as long again with two.

use super::{CategoryPrice, Known, Said};
use crate::nexmark::events::Events;
use crate::nexmark::renoir::{self, tally_rows};
use crate::nexmark::tally::Tally;

pub(crate) fn run(events: &Events) -> anyhow::Result<Tally> {
    renoir::run(events, Said::of, |said, tally| {
        let auctions = said.group_by(Said::auction).fold(Known::Early(Vec::new()), Known::take);
        let fetched = auctions.drop_key().filter_map(|known| known.fetched());
        let sums = fetched.group_by_fold(
            |(category, _)| *category,
            (0, 0),
            |(sum, count): &mut (i64, i64), (_, price)| {
                (*sum, *count) = (*sum + i64::from(price), *count + 1);
            },
            |(sum, count), (more, number)| (*sum, *count) = (*sum + more, *count + number),
        );
        let row = |(category, (sum, count))| CategoryPrice { category, average: sum / count };
        tally_rows(sums.unkey().map(row), tally);
    })
}
