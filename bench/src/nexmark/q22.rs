//! q22: the bids with the 4th, 5th and 6th part of the URL between slashes, counting `https:` as
//! the first: auction, bidder, price, channel, part 4, part 5, part 6. A part that is missing is
//! an empty text.

use compact_str::CompactString;
use rheos::prelude::Stream;
use serde::{Deserialize, Serialize};

use super::events::{Bid, Events};
use super::form::{Form, Full, HasChannel, HasUrl, WithLink};
use super::query::Versions;
use super::row::{Fields, Row};
use super::version::{Input, Version};

pub(crate) fn versions() -> Versions {
    Versions::new(Version::new(naive::<WithLink>, rheos), Version::new(naive::<Full>, rheos))
}

/// A bid and the folders of its URL.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct PathBid {
    bid: Bid,
    channel: CompactString,
    parts: [CompactString; 3],
}

impl Row for PathBid {
    fn fields(&self, to: &mut impl Fields) {
        to.integer(self.bid.auction);
        to.integer(self.bid.bidder);
        to.integer(self.bid.price);
        to.text(&self.channel);
        self.parts.iter().for_each(|part| to.text(part));
    }
}

/// The 4th, 5th and 6th part of a URL.
fn parts(url: &str) -> [CompactString; 3] {
    let mut parts = url.split('/').skip(3);
    [(); 3].map(|()| parts.next().unwrap_or_default().into())
}

fn row<R: HasChannel + HasUrl>(bid: &Bid<R>) -> PathBid {
    let (channel, parts) = (bid.rest.channel().into(), parts(bid.rest.url()));
    PathBid { bid: bid.numbers(), channel, parts }
}

fn naive<F: Form<Bid: HasChannel + HasUrl>>(events: &Events<F>) -> Vec<PathBid> {
    events.bids().map(row).collect()
}

fn rheos<F: Form<Bid: HasChannel + HasUrl>>(input: Input<'_, F>) -> Stream<PathBid> {
    input.events().select(|event| event.bid().map(row))
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn parts_that_are_missing_are_empty() {
        assert_eq!(parts("https://www.nexmark.com/a/b_c/d/item.htm?query=1"), ["a", "b_c", "d"]);
        assert_eq!(parts("https://www.nexmark.com/a//item"), ["a", "", "item"]);
        assert_eq!(parts("https://www.nexmark.com/a"), ["a", "", ""]);
        assert_eq!(parts("https://www.nexmark.com"), ["", "", ""]);
        assert_eq!(parts(""), ["", "", ""]);
    }
}
