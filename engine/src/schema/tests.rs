//! The shapes of many types, and what may be read as what.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::*;

fn check<T: DeserializeOwned>(expected: &str) {
    assert_eq!(Schema::of::<T>().text(), expected);
}

fn table<K: DeserializeOwned, S: DeserializeOwned>() -> Schema {
    Schema::table(&Schema::of::<K>(), &Schema::of::<S>())
}

#[derive(Serialize, Deserialize)]
struct Order {
    id: u64,
    items: Vec<Item>,
}

#[derive(Serialize, Deserialize)]
struct Item {
    name: String,
    price: f64,
}

#[derive(Serialize, Deserialize)]
struct Id(u64);

#[derive(Serialize, Deserialize)]
struct Point(i32, i32);

#[derive(Serialize, Deserialize)]
struct Nothing;

#[derive(Serialize, Deserialize)]
enum Kind {
    Plain,
    Boxed(Box<Item>),
    Pair(u8, char),
    Sized { width: u32, inner: Inner },
}

#[derive(Serialize, Deserialize)]
enum Inner {
    One,
    Two(bool),
    Three(Deep),
}

#[derive(Serialize, Deserialize)]
enum Deep {
    Up,
    Down(u16),
}

#[derive(Serialize, Deserialize)]
struct List {
    value: u32,
    next: Option<Box<List>>,
}

#[derive(Serialize, Deserialize)]
struct Tree {
    branches: Vec<Tree>,
}

/// Its first variant does not end.
#[derive(Serialize, Deserialize)]
enum Expression {
    Sum(Box<Expression>, Box<Expression>),
    Call(Box<Call>),
    Number(i64),
}

/// Leads back to [`Expression`].
#[derive(Serialize, Deserialize)]
enum Call {
    Of(Expression),
    Both { left: Expression, right: Option<Expression> },
}

#[derive(Serialize, Deserialize)]
struct Kept<T> {
    value: T,
}

#[derive(Serialize, Deserialize)]
struct Renamed {
    #[serde(rename = "new name")]
    old: u8,
    #[serde(default)]
    more: u16,
    #[serde(skip)]
    #[allow(dead_code, reason = "is not in the bytes")]
    cache: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent {
    inner: u64,
}

#[derive(Serialize, Deserialize)]
struct Flattened {
    id: u64,
    #[serde(flatten)]
    rest: Id2,
}

#[derive(Serialize, Deserialize)]
struct Id2 {
    other: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Text(String),
}

#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(Clone)]
struct Day(String);

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_day = text.len() == 10 && text.split('-').count() == 3;
        if is_day { Ok(Day(text)) } else { Err(format!("{text} is not a day")) }
    }
}

impl From<Day> for String {
    fn from(day: Day) -> String {
        day.0
    }
}

#[derive(Serialize, Deserialize)]
#[serde(try_from = "u64")]
struct Picky(u64);

impl TryFrom<u64> for Picky {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        if number > 1_000_000 { Ok(Picky(number)) } else { Err("too small".into()) }
    }
}

#[test]
fn built_in_types_have_a_shape() {
    check::<bool>("bool");
    check::<(u8, i8, u16, i16, u32, i32)>("(u8, i8, u16, i16, u32, i32)");
    check::<(u64, i64, u128, i128)>("(u64, i64, u128, i128)");
    check::<(f32, f64, char, ())>("(f32, f64, char, ())");
    check::<usize>("u64");
    check::<String>("str");
    check::<Box<str>>("str");
    check::<Option<Option<u8>>>("u8??");
    check::<Vec<Vec<u8>>>("[[u8]]");
    check::<(VecDeque<u8>, BTreeSet<u8>)>("([u8], [u8])");
    check::<HashMap<String, BTreeMap<u8, ()>>>("{str: {u8: ()}}");
    check::<[u16; 3]>("(u16, u16, u16)");
    check::<[u16; 32]>("[u16; 32]");
    check::<NonZeroU64>("u64");
    check::<Duration>("struct Duration { secs: u64, nanos: u32 }");
    check::<SystemTime>("struct SystemTime { secs_since_epoch: u64, nanos_since_epoch: u32 }");
    check::<Result<u8, String>>("enum Result { Ok(u8), Err(str) }");
    check::<std::ops::Range<u8>>("struct Range { start: u8, end: u8 }");
    check::<std::num::Wrapping<u8>>("u8");
    check::<IpAddr>("enum IpAddr { V4((u8, u8, u8, u8)), V6([u8; 16]) }");
    check::<std::path::PathBuf>("str");
    check::<std::marker::PhantomData<u8>>("struct PhantomData");
    check::<crate::EventTime>("i64");
}

#[test]
fn derived_types_have_a_shape() {
    check::<Order>("struct Order { id: u64, items: [struct Item { name: str, price: f64 }] }");
    check::<(Id, Point, Nothing)>("(struct Id(u64), struct Point(i32, i32), struct Nothing)");
    check::<Kind>(
        "enum Kind { Plain, Boxed(struct Item { name: str, price: f64 }), Pair(u8, char), \
         Sized { width: u32, inner: enum Inner { One, Two(bool), \
         Three(enum Deep { Up, Down(u16) }) } } }",
    );
    check::<Renamed>("struct Renamed { \"new name\": u8, more: u16 }");
    check::<Transparent>("u64");
    check::<Day>("str");
}

#[test]
fn a_type_that_comes_again_is_a_number() {
    check::<List>("struct List#1 { value: u32, next: #1? }");
    check::<Tree>("struct Tree#1 { branches: [#1] }");
    check::<(Item, Item)>("(struct Item#1 { name: str, price: f64 }, #1)");
    check::<Expression>(
        "enum Expression#1 { Sum(#1, #1), Call(enum Call { Of(#1), Both { left: #1, \
         right: #1? } }), Number(i64) }",
    );
    check::<Call>(
        "enum Call#1 { Of(enum Expression#2 { Sum(#2, #2), Call(#1), Number(i64) }), \
         Both { left: #2, right: #2? } }",
    );
    check::<[Kind; 2]>(&format!(
        "({}, #1)",
        Schema::of::<Kind>().text().replacen("Kind", "Kind#1", 1)
    ));
}

#[test]
fn type_parameters_tell_types_of_one_name_apart() {
    check::<(Kept<u8>, Kept<String>, Kept<u8>)>(
        "(struct Kept#1 { value: u8 }, struct Kept { value: str }, #1)",
    );
}

#[test]
fn types_that_cannot_be_followed_are_opaque() {
    for schema in [
        Schema::of::<Flattened>(),
        Schema::of::<Vec<Untagged>>(),
        Schema::of::<(u8, Picky)>(),
        Schema::of::<serde_json::Value>(),
    ] {
        assert!(schema.is_opaque(), "{schema}");
    }
    assert!(Schema::of::<Picky>().text().ends_with("::Picky)"), "it is called by its name");
    let opaque = table::<u64, Untagged>();
    assert!(opaque.is_opaque() && opaque.text().starts_with("u64 -> opaque("), "{opaque}");
    assert!(!table::<u64, Kind>().is_opaque());
}

#[test]
fn names_of_types_do_not_count_and_everything_else_does() {
    mod former {
        #[derive(serde::Deserialize)]
        pub(super) struct OrderV1 {
            #[allow(dead_code, reason = "only its shape is looked at")]
            id: u64,
            #[allow(dead_code, reason = "only its shape is looked at")]
            items: Vec<super::Item>,
        }
        #[derive(serde::Deserialize)]
        #[serde(rename = "struct \" { id")]
        pub(super) struct Odd {
            #[serde(rename = "struct")]
            #[allow(dead_code, reason = "only its shape is looked at")]
            field: u64,
        }
        #[derive(serde::Deserialize)]
        pub(super) struct Even {
            #[serde(rename = "struct")]
            #[allow(dead_code, reason = "only its shape is looked at")]
            field: u64,
        }
    }
    let (order, former) = (Schema::of::<Order>(), Schema::of::<former::OrderV1>());
    assert_ne!(order.text(), former.text());
    assert!(order.fits(&former) && order.fingerprint() == former.fingerprint());
    let (odd, even) = (Schema::of::<former::Odd>(), Schema::of::<former::Even>());
    assert!(odd.fits(&even), "{odd} and {even}");
    let different = [
        Schema::of::<u8>(),
        Schema::of::<Option<u8>>(),
        Schema::of::<Vec<u8>>(),
        Schema::of::<(u8, u8)>(),
        Schema::of::<Id>(),
        Schema::of::<Order>(),
        Schema::of::<Vec<Order>>(),
        Schema::of::<Item>(),
        Schema::of::<Kind>(),
        Schema::of::<Deep>(),
        Schema::of::<List>(),
        Schema::of::<Tree>(),
        Schema::of::<former::Odd>(),
        table::<u8, u8>(),
        Schema::of::<Flattened>(),
        Schema::of::<Untagged>(),
    ];
    let fingerprints: BTreeSet<u64> = different.iter().map(Schema::fingerprint).collect();
    assert_eq!(fingerprints.len(), different.len());
}

/// It is in the checkpoints of released versions.
#[test]
fn fingerprints_are_those_of_the_published_algorithm() {
    for (text, expected) in [("", 0xcbf2_9ce4_8422_2325), ("foobar", 0x8594_4171_f739_67e8)] {
        assert_eq!(Schema::from_text(text).fingerprint(), expected, "{text:?}");
    }
}

/// Bytes of one type are read as another with the same fingerprint.
#[test]
fn types_of_one_fingerprint_read_each_other() {
    #[derive(Deserialize, PartialEq, Debug)]
    enum Mirror {
        Plain,
        Boxed(MirrorItem),
        Pair(u8, char),
        Sized { width: u32, inner: MirrorInner },
    }
    #[derive(Deserialize, PartialEq, Debug)]
    struct MirrorItem {
        name: Box<str>,
        price: f64,
    }
    #[derive(Deserialize, PartialEq, Debug)]
    enum MirrorInner {
        One,
        Two(bool),
        Three(MirrorDeep),
    }
    #[derive(Deserialize, PartialEq, Debug)]
    enum MirrorDeep {
        Up,
        Down(u16),
    }
    assert_eq!(Schema::of::<Kind>().fingerprint(), Schema::of::<Mirror>().fingerprint());
    let item = Item { name: "nail".into(), price: 0.5 };
    let (inner, deep) = (Inner::Three(Deep::Down(9)), MirrorDeep::Down(9));
    for (kind, mirror) in [
        (Kind::Plain, Mirror::Plain),
        (Kind::Boxed(item.into()), Mirror::Boxed(MirrorItem { name: "nail".into(), price: 0.5 })),
        (Kind::Pair(1, 'x'), Mirror::Pair(1, 'x')),
        (
            Kind::Sized { width: 7, inner },
            Mirror::Sized { width: 7, inner: MirrorInner::Three(deep) },
        ),
        (
            Kind::Sized { width: 7, inner: Inner::Three(Deep::Up) },
            Mirror::Sized { width: 7, inner: MirrorInner::Three(MirrorDeep::Up) },
        ),
    ] {
        let bytes = postcard::to_stdvec(&kind).unwrap();
        assert_eq!(postcard::from_bytes::<Mirror>(&bytes).unwrap(), mirror);
    }
    let _ = (Inner::One, Inner::Two(true), MirrorInner::One, MirrorInner::Two(true));
}

#[test]
fn a_key_and_its_state_are_told_apart() {
    let orders = table::<String, Order>();
    assert_eq!(
        orders.text(),
        "str -> struct Order { id: u64, items: [struct Item { name: str, price: f64 }] }"
    );
    assert_eq!(Schema::from_text(orders.text()), orders);
}
