//! Changed programs: what becomes of the state.

use super::compat::*;
use super::parts::{ListParts, PartShape, PlannedPart};
use crate::state_parts::Spread;
use crate::{Error, KeyedState, Migrations, Schema, StateParts};

fn part(name: &str, schema: &str) -> PartShape {
    PartShape { name: name.into(), spread: Spread::Keyed, schema: Schema::from_text(schema) }
}

/// A step whose one part is of the given type; a name that begins with its kind was not chosen.
fn stored(kind: &str, name: &str, schema: &str) -> StoredStep {
    let is_named = !name.starts_with(kind);
    let parts = vec![part("keys", schema)];
    StoredStep { name: name.into(), kind: kind.into(), is_named, parts }
}

fn planned(kind: &str, name: &str, schema: &str) -> PlannedStep {
    let StoredStep { name, kind, is_named, parts } = stored(kind, name, schema);
    PlannedStep { name, kind, is_named, parts: Some(parts.into_iter().map(Into::into).collect()) }
}

fn source(step: &str, identity: &str) -> SourceIdentity {
    SourceIdentity { step: step.into(), identity: identity.into() }
}

/// What becomes of everything: one word each, with step and part; and what is said.
struct Expected {
    fates: &'static [&'static str],
    says: &'static [&'static str],
}

fn check_all(what: &str, facts: &Facts, expected: &Expected) {
    let answer = compare(facts);
    let groups = [
        ("kept", &answer.kept),
        ("new", &answer.new),
        ("dropped", &answer.dropped),
        ("refused", &answer.refused),
    ];
    let found: Vec<String> = groups
        .iter()
        .flat_map(|(word, fates)| {
            fates.iter().map(move |fate| {
                let part = fate.part.as_deref().map_or(String::new(), |part| format!("/{part}"));
                format!("{word} {}{part}", fate.step)
            })
        })
        .collect();
    assert_eq!(found, expected.fates, "{what}:\n{answer}");
    for words in expected.says {
        assert!(answer.to_string().contains(words), "{what}: `{words}` is not in\n{answer}");
    }
    assert_eq!(
        answer.warnings.is_empty(),
        !expected.says.iter().any(|words| words.starts_with("  warning")),
        "{what}:\n{answer}"
    );
    match super::compat::check(facts) {
        Ok(checked) => assert!(checked == answer && answer.refused.is_empty(), "{what}"),
        Err(error) => {
            assert!(!answer.refused.is_empty(), "{what}: {error}");
            let text = error.to_string();
            assert!(text.contains(&answer.to_string()), "{what}: {text}");
            assert!(text.contains("--allow-dropped-state"), "{what}: {text}");
            assert_eq!(error.kind(), crate::ErrorKind::Usage);
        }
    }
    // Whoever allows it loses what was refused, and nothing else.
    let allowed = compare(&Facts { allow_dropped_state: true, ..facts.clone() });
    assert_eq!((allowed.kept, allowed.new), (answer.kept, answer.new), "{what}");
    let lost = if facts.allow_dropped_state { answer.dropped } else { answer.refused };
    assert_eq!((allowed.dropped, allowed.refused), (lost, vec![]), "{what}");
}

#[test]
fn steps_are_found_by_name_and_kind() {
    let (u64s, texts) = ("u64 -> u64", "u64 -> str");
    let cases: Vec<(&str, Vec<StoredStep>, Vec<PlannedStep>, Expected)> = vec![
        ("nothing at all", vec![], vec![], Expected { fates: &[], says: &[] }),
        (
            "the same program",
            vec![stored("fold", "totals", u64s), stored("count", "count", u64s)],
            vec![planned("count", "count", u64s), planned("fold", "totals", u64s)],
            Expected { fates: &["kept totals/keys", "kept count/keys"], says: &["u64 -> u64"] },
        ),
        (
            "types with other names",
            vec![stored("fold", "totals", "u64 -> struct A { n: u64 }")],
            vec![planned("fold", "totals", "u64 -> struct B { n: u64 }")],
            Expected { fates: &["kept totals/keys"], says: &[] },
        ),
        (
            "a step more",
            vec![stored("fold", "totals", u64s)],
            vec![planned("fold", "totals", u64s), planned("count", "count", u64s)],
            Expected { fates: &["kept totals/keys", "new count"], says: &["begins empty"] },
        ),
        (
            "a step less",
            vec![stored("fold", "totals", u64s), stored("count", "pages", u64s)],
            vec![planned("fold", "totals", u64s)],
            Expected {
                fates: &["kept totals/keys", "refused pages"],
                says: &["no step has this name any more"],
            },
        ),
        (
            "a step with another name",
            vec![stored("fold", "totals", u64s)],
            vec![planned("fold", "sums", u64s)],
            Expected {
                fates: &["new sums", "refused totals"],
                says: &["`sums`, which is new, is a fold with the same state", "named(\"totals\")"],
            },
        ),
        (
            "another step with another name",
            vec![stored("fold", "totals", u64s)],
            vec![planned("fold", "sums", texts), planned("count", "pages", u64s)],
            Expected { fates: &["new sums", "new pages", "refused totals"], says: &[] },
        ),
        (
            "another kind",
            vec![stored("fold", "totals", u64s)],
            vec![planned("count", "totals", u64s)],
            Expected { fates: &["refused totals"], says: &["was a fold and is a count now"] },
        ),
        (
            "another type",
            vec![stored("fold", "totals", u64s)],
            vec![planned("fold", "totals", texts)],
            Expected {
                fates: &["refused totals/keys"],
                says: &["stored: u64 -> u64\n", "now:    u64 -> str"],
            },
        ),
        (
            "a type that cannot be looked into",
            vec![stored("fold", "totals", "u64 -> opaque(a::B)")],
            vec![planned("fold", "totals", "u64 -> opaque(a::B)")],
            Expected {
                fates: &["kept totals/keys"],
                says: &["  warning: the types of `totals`, part `keys`, are known by name only"],
            },
        ),
        (
            "a step that keeps nothing is not missed",
            vec![StoredStep { parts: vec![], ..stored("map", "map", u64s) }],
            vec![PlannedStep { parts: Some(vec![]), ..planned("filter", "filter", u64s) }],
            Expected { fates: &[], says: &[] },
        ),
        (
            "a step that nobody has asked",
            vec![stored("fold", "totals", u64s)],
            vec![PlannedStep { parts: None, ..planned("fold", "totals", u64s) }],
            Expected { fates: &["kept totals"], says: &["by its name and kind"] },
        ),
    ];
    for (what, stored, planned, expected) in cases {
        let facts = Facts { stored, planned, ..Facts::default() };
        check_all(what, &facts, &expected);
    }
}

#[test]
fn names_made_of_kinds_may_have_shifted() {
    let stored_windows = |names: &[&str]| {
        names.iter().map(|name| stored("window", name, "u64 -> u64")).collect::<Vec<_>>()
    };
    let planned_windows = |names: &[&str]| {
        names.iter().map(|name| planned("window", name, "u64 -> u64")).collect::<Vec<_>>()
    };
    const SHIFTED: &str = "  warning: steps of the kind window have their names from their order";
    type Names = &'static [&'static str];
    let cases: [(Names, Names, Expected); 5] = [
        (
            &["window", "window 2"],
            &["window", "window 2"],
            Expected { fates: &["kept window/keys", "kept window 2/keys"], says: &[] },
        ),
        (
            &["window", "window 2"],
            &["window"],
            Expected {
                fates: &["kept window/keys", "refused window 2"],
                says: &[SHIFTED, "from `window`, `window 2` to `window`:", ".named(..)"],
            },
        ),
        (
            &["window"],
            &["window", "window 2"],
            Expected { fates: &["kept window/keys", "new window 2"], says: &[SHIFTED] },
        ),
        (
            &["window", "window 2"],
            &["hourly", "window"],
            Expected {
                fates: &["kept window/keys", "new hourly", "refused window 2"],
                says: &[SHIFTED, "`hourly`, which is new"],
            },
        ),
        (
            &["hourly"],
            &["hourly", "window"],
            Expected { fates: &["kept hourly/keys", "new window"], says: &[] },
        ),
    ];
    for (then, now, expected) in cases {
        let (stored, planned) = (stored_windows(then), planned_windows(now));
        let facts = Facts { stored, planned, ..Facts::default() };
        check_all(&format!("{then:?} to {now:?}"), &facts, &expected);
    }
}

#[test]
fn parts_of_a_step_come_go_and_change() {
    let stored = StoredStep {
        parts: vec![
            part("keys", "u8 -> u8"),
            part("gone", "u8 -> u8"),
            PartShape { spread: Spread::Broadcast, ..part("moved", "u8") },
            part("converted", "u8 -> u8"),
        ],
        ..stored("fold", "totals", "")
    };
    let converted = PlannedPart { can_convert: true, ..part("converted", "u8 -> u16").into() };
    let planned = PlannedStep {
        parts: Some(vec![
            part("keys", "u8 -> u8").into(),
            part("added", "u8 -> u8").into(),
            PartShape { spread: Spread::Singleton, ..part("moved", "u8") }.into(),
            converted,
        ]),
        ..planned("fold", "totals", "")
    };
    let facts = Facts { stored: vec![stored], planned: vec![planned], ..Facts::default() };
    let expected = Expected {
        fates: &[
            "kept totals/keys",
            "kept totals/converted",
            "new totals/added",
            "refused totals/gone",
            "refused totals/moved",
        ],
        says: &[
            "part `converted`: converted\n    stored: u8 -> u8\n    now:    u8 -> u16",
            "on every worker and is kept once for the whole step now",
        ],
    };
    check_all("parts", &facts, &expected);
}

#[test]
fn sources_are_found_by_name_and_go_on_if_they_read_the_same() {
    type Sources = &'static [(&'static str, &'static str)];
    let cases: [(Sources, Sources, Expected); 5] = [
        (
            &[("source", "files a")],
            &[("source", "files a")],
            Expected { fates: &["kept source"], says: &["goes on reading files a"] },
        ),
        (
            &[("source", "files a")],
            &[("source", "files b")],
            Expected { fates: &["refused source"], says: &["files a and reads files b now"] },
        ),
        (
            &[("source", "files a")],
            &[("orders", "files a")],
            Expected {
                fates: &["new orders", "refused source"],
                says: &["`orders` reads that: name it with .named(\"source\")"],
            },
        ),
        (
            &[("source", "files a"), ("source 2", "files b")],
            &[("source", "files a")],
            Expected { fates: &["kept source", "refused source 2"], says: &["reading files b"] },
        ),
        (
            &[],
            &[("source", "files a")],
            Expected { fates: &["new source"], says: &["files a from its beginning"] },
        ),
    ];
    for (then, now, expected) in cases {
        let all = |sources: Sources| sources.iter().map(|(step, id)| source(step, id)).collect();
        let facts =
            Facts { stored_sources: all(then), planned_sources: all(now), ..Facts::default() };
        check_all(&format!("{then:?} to {now:?}"), &facts, &expected);
    }
}

#[test]
fn a_sink_that_is_missed_is_not_forgotten() {
    /// The sinks then, each with whether it had prepared output.
    type Then = &'static [(&'static str, bool)];
    type Now = &'static [&'static str];
    const SHIFTED: &str = "  warning: steps of the kind sink have their names from their order";
    let cases: [(Then, Now, Expected); 6] = [
        (
            &[("totals", true)],
            &["totals"],
            Expected { fates: &["kept totals"], says: &["`totals`: goes on writing"] },
        ),
        (
            &[("totals", true)],
            &["sums"],
            Expected {
                fates: &["new sums", "refused totals"],
                says: &["prepared output", "`sums` is new", ".named(\"totals\")"],
            },
        ),
        (
            &[("totals", false), ("log", true)],
            &["log"],
            Expected {
                fates: &["kept log", "refused totals"],
                says: &["`totals`: no sink has this name any more"],
            },
        ),
        (
            &[("log", true)],
            &["log", "totals"],
            Expected { fates: &["kept log", "new totals"], says: &["its target as it is"] },
        ),
        (
            &[("sink", true), ("sink 2", true)],
            &["sink"],
            Expected { fates: &["kept sink", "refused sink 2"], says: &[SHIFTED] },
        ),
        (
            &[("sink", true)],
            &["sink", "sink 2"],
            Expected { fates: &["kept sink", "new sink 2"], says: &[SHIFTED] },
        ),
    ];
    for (then, now, expected) in cases {
        let of_sink = |name: &str| StoredStep { parts: vec![], ..stored("sink", name, "") };
        let planned_sink = |name: &&str| {
            let parts = Some(vec![]);
            PlannedStep { parts, ..planned("sink", name, "") }
        };
        let stored_sink = |(step, has_prepared): &(&str, bool)| StoredSink {
            step: (*step).to_owned(),
            has_prepared: *has_prepared,
        };
        let facts = Facts {
            stored: then.iter().map(|(name, _)| of_sink(name)).collect(),
            planned: now.iter().map(planned_sink).collect(),
            stored_sinks: then.iter().map(stored_sink).collect(),
            planned_sinks: now.iter().map(|name| (*name).to_owned()).collect(),
            ..Facts::default()
        };
        check_all(&format!("{then:?} to {now:?}"), &facts, &expected);
    }
}

#[test]
fn the_parts_of_a_step_are_listed_with_what_can_be_converted() -> Result<(), Error> {
    let mut migrations = Migrations::default();
    migrations.add_for("totals", |old: u32| u64::from(old))?;
    let stored = [part("keys", "str -> u32"), part("more", "str -> u16")];
    let (mut keys, mut more) = (KeyedState::<String, u64>::default(), KeyedState::default());
    more.find_or_insert(1, String::new(), || 1u64);
    let (mut left, mut shared) = (7u8, Some('x'));
    let mut list = |step| -> Result<Vec<PlannedPart>, Error> {
        let mut parts = ListParts::of(step, &stored, &migrations);
        parts.keyed("keys", &mut keys)?;
        parts.keyed("more", &mut more)?;
        parts.singleton("left", &mut left)?;
        parts.broadcast("shared", &mut shared)?;
        Ok(parts.parts)
    };
    let mut expected: Vec<PlannedPart> = vec![
        part("keys", "str -> u64").into(),
        part("more", "str -> u64").into(),
        PartShape { spread: Spread::Singleton, ..part("left", "u8") }.into(),
        PartShape { spread: Spread::Broadcast, ..part("shared", "char?") }.into(),
    ];
    assert_eq!(list("others")?, expected);
    expected[0].can_convert = true;
    assert_eq!(list("totals")?, expected);
    Ok(())
}
