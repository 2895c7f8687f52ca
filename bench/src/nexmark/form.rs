//! The forms that events have: what is kept of an event besides its numbers.
//!
//! An event as crate `nexmark` makes it has texts that few queries read. A *full* event keeps it
//! whole. A *lean* one keeps the texts that its query computes with and no others, so that a
//! benchmark shows the engine and not the allocator. A query is written once, for all forms that
//! have what it reads: it says so by the traits at the end of this file.

use std::fmt::Debug;
use std::sync::LazyLock;

use compact_str::CompactString;
use nexmark::config::NexmarkConfig;
use nexmark::event;
use rheos::engine::{ExchangeData, Key};
use serde::{Deserialize, Serialize};

/// What events keep besides their numbers.
pub(crate) trait Form: 'static {
    /// Of a person.
    type Person: Rest<event::Person>;
    /// Of an auction.
    type Auction: Rest<event::Auction>;
    /// Of a bid.
    type Bid: Rest<event::Bid>;
}

/// The rest of an event, made of the whole.
pub(crate) trait Rest<Whole>: Clone + Debug + Send + Sync + 'static {
    /// Keeps what this form keeps.
    fn of(whole: Whole) -> Self;
}

/// Names of people as their numbers, no other text: for the queries that read none.
pub(crate) enum Lean {}

impl Form for Lean {
    type Person = Name;
    type Auction = ();
    type Bid = ();
}

/// Everything.
pub(crate) enum Full {}

impl Form for Full {
    type Person = event::Person;
    type Auction = event::Auction;
    type Bid = event::Bid;
}

/// Where people live.
pub(crate) enum WithAddress {}

impl Form for WithAddress {
    // One event in fifty is a person: in a box it does not make the others larger.
    type Person = Box<Address>;
    type Auction = ();
    type Bid = ();
}

/// What is sold.
pub(crate) enum WithItem {}

impl Form for WithItem {
    type Person = ();
    type Auction = Item;
    type Bid = ();
}

/// The `extra` of bids.
pub(crate) enum WithExtra {}

impl Form for WithExtra {
    type Person = ();
    type Auction = ();
    type Bid = Extra;
}

/// The channels of bids.
pub(crate) enum WithChannel {}

impl Form for WithChannel {
    type Person = ();
    type Auction = ();
    type Bid = Channel;
}

/// The channels and URLs of bids.
pub(crate) enum WithLink {}

impl Form for WithLink {
    type Person = ();
    type Auction = ();
    type Bid = Link;
}

/// A person's name: its number among the few that the generator makes, so that it is copied
/// without touching the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Name(pub(crate) u8);

/// A name and where that person lives.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    name: CompactString,
    city: CompactString,
    state: CompactString,
}

/// The name of an item.
#[derive(Clone, Debug)]
pub(crate) struct Item(Box<str>);

/// The text that a bid carries for its size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Extra(Box<str>);

/// The channel of a bid.
#[derive(Clone, Debug)]
pub(crate) struct Channel(CompactString);

/// The channel and the URL of a bid.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    channel: CompactString,
    url: Box<str>,
}

impl<Whole> Rest<Whole> for () {
    fn of(_whole: Whole) -> Self {}
}

impl Rest<event::Person> for event::Person {
    fn of(whole: event::Person) -> Self {
        whole
    }
}

impl Rest<event::Auction> for event::Auction {
    fn of(whole: event::Auction) -> Self {
        whole
    }
}

impl Rest<event::Bid> for event::Bid {
    fn of(whole: event::Bid) -> Self {
        whole
    }
}

/// All names that the generator makes: each first name with each last name, 99 in all.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let NexmarkConfig { first_names, last_names, .. } = NexmarkConfig::default();
    let with_first = |first: &String| {
        let names = last_names.iter().map(|last| format!("{first} {last}"));
        names.collect::<Vec<_>>()
    };
    first_names.iter().flat_map(with_first).collect()
});

impl Rest<event::Person> for Name {
    fn of(whole: event::Person) -> Self {
        let number = NAMES.iter().position(|name| *name == whole.name);
        let number = number.and_then(|number| u8::try_from(number).ok());
        Self(number.expect("the generator makes names from its own lists"))
    }
}

impl Rest<event::Person> for Box<Address> {
    fn of(whole: event::Person) -> Self {
        let (name, city, state) = (whole.name.into(), whole.city.into(), whole.state.into());
        Box::new(Address { name, city, state })
    }
}

impl Rest<event::Auction> for Item {
    fn of(whole: event::Auction) -> Self {
        Self(whole.item_name.into())
    }
}

impl Rest<event::Bid> for Extra {
    fn of(whole: event::Bid) -> Self {
        Self(whole.extra.into())
    }
}

impl Rest<event::Bid> for Channel {
    fn of(whole: event::Bid) -> Self {
        Self(whole.channel.into())
    }
}

impl Rest<event::Bid> for Link {
    fn of(whole: event::Bid) -> Self {
        Self { channel: whole.channel.into(), url: whole.url.into() }
    }
}

/// Has the name of a person.
pub(crate) trait HasName {
    /// The name on its way through a job.
    type Name: NameText;
    fn name(&self) -> Self::Name;
}

/// A name, as text or in its stead.
pub(crate) trait NameText: Key + Sync {
    fn as_text(&self) -> &str;
}

impl NameText for Name {
    fn as_text(&self) -> &str {
        &NAMES[usize::from(self.0)]
    }
}

impl NameText for CompactString {
    fn as_text(&self) -> &str {
        self
    }
}

impl HasName for Name {
    type Name = Self;
    #[inline]
    fn name(&self) -> Self {
        *self
    }
}

impl HasName for event::Person {
    type Name = CompactString;
    fn name(&self) -> CompactString {
        CompactString::from(&self.name)
    }
}

/// Has the name of a person and where that person lives.
pub(crate) trait HasAddress {
    fn full_name(&self) -> &str;
    fn city(&self) -> &str;
    fn state(&self) -> &str;
}

impl HasAddress for event::Person {
    fn full_name(&self) -> &str {
        &self.name
    }
    fn city(&self) -> &str {
        &self.city
    }
    fn state(&self) -> &str {
        &self.state
    }
}

impl HasAddress for Box<Address> {
    fn full_name(&self) -> &str {
        &self.name
    }
    fn city(&self) -> &str {
        &self.city
    }
    fn state(&self) -> &str {
        &self.state
    }
}

/// Has the name of what is sold.
pub(crate) trait HasItem {
    fn item(&self) -> &str;
}

impl HasItem for event::Auction {
    fn item(&self) -> &str {
        &self.item_name
    }
}

impl HasItem for Item {
    fn item(&self) -> &str {
        &self.0
    }
}

/// Has the text that a bid carries for its size.
pub(crate) trait HasExtra {
    fn extra(&self) -> &str;
}

impl HasExtra for event::Bid {
    fn extra(&self) -> &str {
        &self.extra
    }
}

impl HasExtra for Extra {
    fn extra(&self) -> &str {
        &self.0
    }
}

/// Has the channel of a bid.
pub(crate) trait HasChannel {
    fn channel(&self) -> &str;
}

impl HasChannel for event::Bid {
    fn channel(&self) -> &str {
        &self.channel
    }
}

impl HasChannel for Channel {
    fn channel(&self) -> &str {
        &self.0
    }
}

impl HasChannel for Link {
    fn channel(&self) -> &str {
        &self.channel
    }
}

/// Has the URL of a bid.
pub(crate) trait HasUrl {
    fn url(&self) -> &str;
}

impl HasUrl for event::Bid {
    fn url(&self) -> &str {
        &self.url
    }
}

impl HasUrl for Link {
    fn url(&self) -> &str {
        &self.url
    }
}

/// What a row that repeats a bid has of its `extra`: in a lean form nothing.
pub(crate) trait RowExtra: Clone + ExchangeData {
    /// The text of the row's last field, if it has that field.
    fn row_extra(&self) -> Option<&str>;
}

impl RowExtra for () {
    #[inline]
    fn row_extra(&self) -> Option<&str> {
        None
    }
}

impl RowExtra for Extra {
    fn row_extra(&self) -> Option<&str> {
        None
    }
}

impl RowExtra for event::Bid {
    fn row_extra(&self) -> Option<&str> {
        Some(&self.extra)
    }
}
