//! What is converted, where, and what is refused.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

/// The types of a program before a change.
mod v1 {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    pub(super) struct Visits {
        pub(super) count: u32,
    }

    #[derive(Serialize, Deserialize)]
    pub(super) enum Level {
        Low,
        High,
    }
}

mod v2 {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    pub(super) struct Visits {
        pub(super) count: u64,
        pub(super) seen: [bool; 2],
    }
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Visits {
    count: u64,
    last: Option<String>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone, Copy)]
enum Level {
    Low,
    Middle,
    High,
}

/// What an operator keeps beside what the program does.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Slot<S> {
    state: S,
    timers: BTreeMap<i64, Vec<u64>>,
    kind: Wrapped<S>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
enum Wrapped<S> {
    Nothing,
    One(S),
    Two(S, f32),
    Named { inner: Option<S>, text: String },
}

fn slot<S>(make: impl Fn(u8) -> S) -> Vec<Slot<S>> {
    let timers = || BTreeMap::from([(-5, vec![1, 300, u64::MAX]), (1 << 40, vec![])]);
    let kinds = [
        Wrapped::Nothing,
        Wrapped::One(make(1)),
        Wrapped::Two(make(2), 0.5),
        Wrapped::Named { inner: Some(make(3)), text: "x".into() },
        Wrapped::Named { inner: None, text: String::new() },
    ];
    kinds.into_iter().map(|kind| Slot { state: make(9), timers: timers(), kind }).collect()
}

fn migrations() -> Migrations {
    let mut migrations = Migrations::default();
    migrations
        .add(|old: v1::Visits| v2::Visits { count: old.count.into(), seen: [true; 2] })
        .unwrap();
    migrations.add(|old: v2::Visits| Visits { count: old.count, last: None }).unwrap();
    migrations
        .add(|old: v1::Level| match old {
            v1::Level::Low => Level::Low,
            v1::Level::High => Level::High,
        })
        .unwrap();
    migrations
}

fn migrate<Old: Serialize + DeserializeOwned, New: DeserializeOwned>(
    migrations: &Migrations,
    old: &Old,
) -> Option<New> {
    let before = |rewrite: &Rewrite| rewrite.schema_before::<New>();
    let rewrite = migrations.find("step", &Schema::of::<Old>(), &before)?;
    let mut bytes = postcard::to_stdvec(old).unwrap();
    bytes.extend([7, 7]);
    let (new, rest) = rewrite.take::<New>(&bytes).unwrap();
    assert_eq!(rest, [7, 7], "what follows is left");
    Some(new)
}

#[test]
fn state_without_a_change_is_read_as_it_is() {
    let now = slot(|n| Visits { count: n.into(), last: None });
    let same: Vec<Slot<Visits>> = migrate(&migrations(), &now).unwrap();
    assert_eq!(same, now);
    let unchanged = Schema::of::<Slot<Visits>>();
    let before = |rewrite: &Rewrite| rewrite.schema_before::<Slot<Visits>>();
    assert!(migrations().find("step", &unchanged, &before).unwrap().is_none());
}

#[test]
fn a_type_is_converted_wherever_it_stands() {
    let expected = slot(|n| Visits { count: n.into(), last: None });
    let old = slot(|n| v2::Visits { count: n.into(), seen: [true; 2] });
    assert_eq!(migrate::<_, Vec<Slot<Visits>>>(&migrations(), &old).unwrap(), expected);
}

#[test]
fn a_type_that_changed_twice_is_converted_twice() {
    let expected = slot(|n| Visits { count: n.into(), last: None });
    let old = slot(|n| v1::Visits { count: n.into() });
    assert_eq!(migrate::<_, Vec<Slot<Visits>>>(&migrations(), &old).unwrap(), expected);
}

#[test]
fn of_two_types_one_or_both_may_have_changed() {
    type Now = (Vec<Level>, [Visits; 2], BTreeMap<u8, Level>);
    let new = Visits { count: 4, last: None };
    let visits = || [v1::Visits { count: 4 }, v1::Visits { count: 4 }];
    let levels = || vec![v1::Level::High, v1::Level::Low];
    let map = || BTreeMap::from([(3u8, v1::Level::High)]);
    let expected: Now = (
        vec![Level::High, Level::Low],
        [new.clone(), new.clone()],
        BTreeMap::from([(3, Level::High)]),
    );
    let both = (levels(), visits(), map());
    assert_eq!(migrate::<_, Now>(&migrations(), &both).unwrap(), expected);
    let one = (vec![Level::High, Level::Low], visits(), BTreeMap::from([(3u8, Level::High)]));
    assert_eq!(migrate::<_, Now>(&migrations(), &one).unwrap(), expected);
    let other = (levels(), [new.clone(), new], map());
    assert_eq!(migrate::<_, Now>(&migrations(), &other).unwrap(), expected);
}

#[test]
fn numbers_and_tuples_can_change_too() {
    let mut migrations = Migrations::default();
    migrations.add(|old: u32| (u64::from(old), 1.5f64)).unwrap();
    assert_eq!(migrate::<_, (u64, f64)>(&migrations, &3u32), Some((3, 1.5)));
    assert_eq!(migrate::<_, Option<(u64, f64)>>(&migrations, &Some(3u32)), Some(Some((3, 1.5))));
}

#[test]
fn what_no_conversion_leads_to_is_refused() {
    assert_eq!(migrate::<_, Vec<Visits>>(&migrations(), &vec![5u8]), None);
    assert_eq!(migrate::<_, Visits>(&migrations(), &v1::Level::Low), None);
    let mixed = (v1::Visits { count: 1 }, v2::Visits { count: 1, seen: [true; 2] });
    assert_eq!(migrate::<_, (Visits, Visits)>(&migrations(), &mixed), None, "not the same type");
}

#[test]
fn a_conversion_may_be_for_one_step() {
    let mut migrations = Migrations::default();
    migrations.add_for("totals", |old: u32| u64::from(old)).unwrap();
    let before = |rewrite: &Rewrite| rewrite.schema_before::<u64>();
    assert!(migrations.find("totals", &Schema::of::<u32>(), &before).is_some());
    assert!(migrations.find("others", &Schema::of::<u32>(), &before).is_none());
}

#[test]
fn conversions_in_a_circle_end() {
    let mut migrations = Migrations::default();
    migrations.add(|old: u32| u64::from(old)).unwrap();
    migrations.add(|old: u64| old as u32).unwrap();
    assert_eq!(migrate::<_, u64>(&migrations, &3u32), Some(3));
    assert_eq!(migrate::<_, u32>(&migrations, &3u64), Some(3));
    assert_eq!(migrate::<_, u32>(&migrations, &3u8), None);
}

#[test]
fn damaged_bytes_are_refused() {
    let before = |rewrite: &Rewrite| rewrite.schema_before::<Vec<Slot<Visits>>>();
    let stored = Schema::of::<Vec<Slot<v1::Visits>>>();
    let rewrite = migrations().find("step", &stored, &before).unwrap();
    let bytes = postcard::to_stdvec(&slot(|n| v1::Visits { count: n.into() })).unwrap();
    for cut in 0..bytes.len() {
        assert!(rewrite.take::<Vec<Slot<Visits>>>(&bytes[..cut]).is_err(), "at {cut}");
    }
    let long = [255, 255, 255, 255, 255, 255, 255, 255, 127];
    assert!(rewrite.take::<Vec<Slot<Visits>>>(&long).is_err(), "a length beyond the bytes");
}

#[test]
fn types_without_a_shape_cannot_be_converted() {
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(u64),
    }
    let error = Migrations::default().add(|old: u64| Untagged::Number(old)).unwrap_err();
    assert!(error.to_string().contains("Untagged"), "{error}");
}
