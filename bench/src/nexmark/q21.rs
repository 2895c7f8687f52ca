//! q21: the bids with a channel id: apple 0, google 1, facebook 2, baidu 3 (any case), else the
//! value of `channel_id=` at the start of the URL or after a `&`, up to the next `&`, which may be
//! empty: auction, bidder, price, channel, channel id as text. Bids with neither are left out.

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

/// A bid and where it came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ChannelBid {
    bid: Bid,
    channel: CompactString,
    channel_id: CompactString,
}

impl Row for ChannelBid {
    fn fields(&self, to: &mut impl Fields) {
        to.integer(self.bid.auction);
        to.integer(self.bid.bidder);
        to.integer(self.bid.price);
        to.text(&self.channel);
        to.text(&self.channel_id);
    }
}

/// The id of a channel.
fn channel_id<'a>(channel: &str, url: &'a str) -> Option<&'a str> {
    const KNOWN: [(&str, &str); 4] =
        [("apple", "0"), ("google", "1"), ("facebook", "2"), ("baidu", "3")];
    let known = KNOWN.iter().find(|(name, _)| channel.eq_ignore_ascii_case(name));
    let in_url = || url.split('&').find_map(|part| part.strip_prefix("channel_id="));
    known.map(|(_, id)| *id).or_else(in_url)
}

fn row<R: HasChannel + HasUrl>(bid: &Bid<R>) -> Option<ChannelBid> {
    let channel = bid.rest.channel();
    let channel_id = channel_id(channel, bid.rest.url())?.into();
    Some(ChannelBid { bid: bid.numbers(), channel: channel.into(), channel_id })
}

fn naive<F: Form<Bid: HasChannel + HasUrl>>(events: &Events<F>) -> Vec<ChannelBid> {
    events.bids().filter_map(row).collect()
}

fn rheos<F: Form<Bid: HasChannel + HasUrl>>(input: Input<'_, F>) -> Stream<ChannelBid> {
    input.events().select(|event| event.bid().and_then(row))
}

#[cfg(test)]
mod tests {
    use super::channel_id;

    #[test]
    fn ids_are_found_where_they_may_be() {
        for (channel, url, id) in [
            ("Apple", "", Some("0")),
            ("gOOGLE", "&channel_id=7", Some("1")),
            ("Facebook", "", Some("2")),
            ("baidu", "", Some("3")),
            ("channel-9", "https://a/b?query=1&channel_id=123", Some("123")),
            ("channel-9", "https://a/b?query=1&channel_id=123&x=2", Some("123")),
            ("channel-9", "channel_id=5", Some("5")),
            ("channel-9", "https://a/b?x&channel_id=&y", Some("")),
            ("channel-9", "https://a/b?x&channel_id=1&channel_id=2", Some("1")),
            ("channel-9", "https://a/b?channel_id=1", None),
            ("channel-9", "https://a/b?x&my_channel_id=1", None),
            ("apples", "", None),
        ] {
            assert_eq!(channel_id(channel, url), id, "{channel} {url}");
        }
    }
}
