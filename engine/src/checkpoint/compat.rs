//! May a program go on from a checkpoint that another version of it has taken? A function of what
//! is known of both.
//!
//! State is found again by the names of the step and the part. It is never given to a step of
//! another kind or read as another type. Sources and sinks are found by their names, too. Nothing is
//! lost unless the user has said that it may be.

use std::fmt;

use super::parts::{PartShape, PlannedPart};
use crate::Error;
use crate::state_parts::Spread;

/// A step as a checkpoint knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredStep {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// Whether the program chose the name; else it is made of the kind and a number.
    pub(crate) is_named: bool,
    pub(crate) parts: Vec<PartShape>,
}

/// A step as the program has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlannedStep {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) is_named: bool,
    /// The parts of its state; none where nobody has asked the step.
    pub(crate) parts: Option<Vec<PlannedPart>>,
}

/// A source, and what it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceIdentity {
    pub(crate) step: String,
    pub(crate) identity: String,
}

/// A sink as a checkpoint knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredSink {
    pub(crate) step: String,
    /// Whether it had prepared output, which is published only by a sink of the same name.
    pub(crate) has_prepared: bool,
}

/// All that the answer depends on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) stored: Vec<StoredStep>,
    pub(crate) stored_sources: Vec<SourceIdentity>,
    pub(crate) planned: Vec<PlannedStep>,
    pub(crate) planned_sources: Vec<SourceIdentity>,
    pub(crate) stored_sinks: Vec<StoredSink>,
    /// The names of the sinks.
    pub(crate) planned_sinks: Vec<String>,
    /// Whether the user has said that state may be lost.
    pub(crate) allow_dropped_state: bool,
}

/// What becomes of one thing that is stored, or that begins without anything stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) step: String,
    /// The part of the step's state; none for a step as a whole, a source and a sink.
    pub(crate) part: Option<String>,
    /// Why, and what to do.
    pub(crate) reason: String,
    /// Whether it is stored in an older form, which is converted.
    pub(crate) is_converted: bool,
}

impl Fate {
    fn of_step(step: &str, reason: impl Into<String>) -> Self {
        Self { step: step.to_owned(), part: None, reason: reason.into(), is_converted: false }
    }

    fn of_part(step: &str, part: &str, reason: impl Into<String>) -> Self {
        Self { part: Some(part.to_owned()), ..Self::of_step(step, reason) }
    }
}

/// What becomes of the state in a checkpoint. [`Display`](fmt::Display) says it to people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Compatibility {
    /// The program goes on with it.
    pub(crate) kept: Vec<Fate>,
    /// Begins without anything stored.
    pub(crate) new: Vec<Fate>,
    /// Is lost, as the user has allowed.
    pub(crate) dropped: Vec<Fate>,
    /// Would be lost.
    pub(crate) refused: Vec<Fate>,
    /// What may be otherwise than it looks.
    pub(crate) warnings: Vec<String>,
}

/// Says what becomes of the state in a checkpoint.
pub(crate) fn compare(facts: &Facts) -> Compatibility {
    let mut answer = Compatibility::default();
    let mut lost = Vec::new();
    for stored in &facts.stored {
        compare_step(stored, facts, &mut answer, &mut lost);
    }
    for planned in &facts.planned {
        let has_state = planned.parts.as_ref().is_some_and(|parts| !parts.is_empty());
        if has_state && facts.stored.iter().all(|stored| stored.name != planned.name) {
            answer.new.push(Fate::of_step(&planned.name, "new in this program, begins empty"));
        }
    }
    compare_sources(facts, &mut answer, &mut lost);
    compare_sinks(facts, &mut answer, &mut lost);
    answer.warnings.extend(shifted_names(facts));
    if facts.allow_dropped_state {
        answer.dropped = lost;
    } else {
        answer.refused = lost;
    }
    answer
}

/// As [`compare`], and refuses what must not be.
///
/// # Errors
/// When state would be lost that the user has not given up; with the whole explanation.
pub(crate) fn check(facts: &Facts) -> Result<Compatibility, Error> {
    let answer = compare(facts);
    if answer.refused.is_empty() {
        return Ok(answer);
    }
    let reason = format!("state or output would be lost\n{answer}");
    Err(Error::usage("restore the checkpoint into this program", reason).advise(
        "change the program back, say how state is converted, or pass --allow-dropped-state to go \
         on without what is refused",
    ))
}

fn compare_step(
    stored: &StoredStep,
    facts: &Facts,
    answer: &mut Compatibility,
    lost: &mut Vec<Fate>,
) {
    if stored.parts.is_empty() {
        return;
    }
    let name = &stored.name;
    let Some(planned) = facts.planned.iter().find(|planned| planned.name == *name) else {
        let renamed = likely_rename(stored, facts);
        let reason = match renamed {
            Some(new) => format!(
                "no step has this name any more; `{new}`, which is new, is a {} with the same \
                 state: if it is the same step, name it with .named({name:?})",
                stored.kind
            ),
            None => "no step has this name any more".to_owned(),
        };
        lost.push(Fate::of_step(name, reason));
        return;
    };
    if planned.kind != stored.kind {
        let reason = format!("it was a {} and is a {} now", stored.kind, planned.kind);
        lost.push(Fate::of_step(name, reason));
        return;
    }
    let Some(parts) = &planned.parts else {
        answer.kept.push(Fate::of_step(name, "found by its name and kind"));
        return;
    };
    for part in &stored.parts {
        match parts.iter().find(|planned| planned.shape.name == part.name) {
            None => {
                lost.push(Fate::of_part(name, &part.name, "the step keeps nothing of this name"));
            }
            Some(planned) => compare_part(name, part, planned, answer, lost),
        }
    }
    for planned in parts {
        if stored.parts.iter().all(|part| part.name != planned.shape.name) {
            let reason = "not stored yet, begins empty";
            answer.new.push(Fate::of_part(name, &planned.shape.name, reason));
        }
    }
}

fn compare_part(
    step: &str,
    stored: &PartShape,
    planned: &PlannedPart,
    answer: &mut Compatibility,
    lost: &mut Vec<Fate>,
) {
    let (name, now) = (&stored.name, &planned.shape);
    if stored.spread != now.spread {
        let [was, is] = [stored.spread, now.spread].map(spread);
        let reason = format!("it was kept {was} and is kept {is} now");
        lost.push(Fate::of_part(step, name, reason));
    } else if stored.schema.fits(&now.schema) {
        answer.kept.push(Fate::of_part(step, name, stored.schema.text()));
        if stored.schema.is_opaque() {
            answer.warnings.push(format!(
                "the types of `{step}`, part `{name}`, are known by name only: whether their \
                 fields have changed cannot be seen"
            ));
        }
    } else {
        let shapes = format!("    stored: {}\n    now:    {}", stored.schema, now.schema);
        if planned.can_convert {
            let fate = Fate::of_part(step, name, format!("converted\n{shapes}"));
            answer.kept.push(Fate { is_converted: true, ..fate });
        } else {
            let reason = format!("its type has changed, and no conversion leads there\n{shapes}");
            lost.push(Fate::of_part(step, name, reason));
        }
    }
}

fn compare_sources(facts: &Facts, answer: &mut Compatibility, lost: &mut Vec<Fate>) {
    for SourceIdentity { step, identity } in &facts.stored_sources {
        let now = facts.planned_sources.iter().find(|source| source.step == *step);
        match now {
            Some(now) if now.identity == *identity => {
                answer.kept.push(Fate::of_step(step, format!("goes on reading {identity}")));
            }
            Some(now) => {
                let reason = format!(
                    "it was reading {identity} and reads {} now, from its beginning",
                    now.identity
                );
                lost.push(Fate::of_step(step, reason));
            }
            None => {
                let other = facts.planned_sources.iter().find(|now| {
                    let is_new = facts.stored_sources.iter().all(|s| s.step != now.step);
                    is_new && now.identity == *identity
                });
                let hint = other.map_or_else(String::new, |other| {
                    format!("; `{}` reads that: name it with .named({step:?})", other.step)
                });
                let reason = format!("no source has this name any more; it was reading {identity}");
                lost.push(Fate::of_step(step, reason + &hint));
            }
        }
    }
    for source in &facts.planned_sources {
        if facts.stored_sources.iter().all(|stored| stored.step != source.step) {
            let reason =
                format!("new in this program, reads {} from its beginning", source.identity);
            answer.new.push(Fate::of_step(&source.step, reason));
        }
    }
}

/// A sink is found by its name alone: only what is found goes on where the checkpoint was. What has
/// no sink any more is not published, and a sink that is new deals with its target as at the
/// beginning of a job, which may remove what was staged there.
fn compare_sinks(facts: &Facts, answer: &mut Compatibility, lost: &mut Vec<Fate>) {
    for StoredSink { step, has_prepared } in &facts.stored_sinks {
        if facts.planned_sinks.contains(step) {
            answer.kept.push(Fate::of_step(step, "goes on writing"));
            continue;
        }
        let prepared = match has_prepared {
            true => ", and it had prepared output that would never be published",
            false => "",
        };
        let stored = facts.stored.iter().find(|stored| stored.name == *step);
        let renamed = stored.and_then(|stored| likely_rename(stored, facts));
        let hint = renamed.map_or_else(String::new, |new| {
            format!("; `{new}` is new: if it is the same sink, name it with .named({step:?})")
        });
        lost.push(Fate::of_step(step, format!("no sink has this name any more{prepared}{hint}")));
    }
    for step in &facts.planned_sinks {
        if facts.stored_sinks.iter().all(|stored| stored.step != *step) {
            let reason = "new in this program, begins with its target as it is";
            answer.new.push(Fate::of_step(step, reason));
        }
    }
}

/// A step that is new and keeps the same as one that is gone.
fn likely_rename<'a>(gone: &StoredStep, facts: &'a Facts) -> Option<&'a str> {
    let fits = |parts: &Vec<PlannedPart>| {
        parts.len() == gone.parts.len()
            && parts.iter().zip(&gone.parts).all(|(now, stored)| {
                now.shape.name == stored.name && now.shape.schema.fits(&stored.schema)
            })
    };
    let is_new = |name: &str| facts.stored.iter().all(|stored| stored.name != name);
    let mut planned = facts.planned.iter().filter(|step| is_new(&step.name));
    let found = planned.find(|step| step.kind == gone.kind && step.parts.as_ref().is_none_or(fits));
    found.map(|step| step.name.as_str())
}

/// Steps whose names are made of their kind and a number change places when one of the kind is
/// added, removed or named.
fn shifted_names(facts: &Facts) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut kinds: Vec<&str> = Vec::new();
    let is_sink = |step: &StoredStep| facts.stored_sinks.iter().any(|sink| sink.step == step.name);
    let matters = |step: &&StoredStep| !step.is_named && (!step.parts.is_empty() || is_sink(step));
    for stored in facts.stored.iter().filter(matters) {
        if !kinds.contains(&stored.kind.as_str()) {
            kinds.push(&stored.kind);
        }
    }
    for kind in kinds {
        let then: Vec<&str> = facts
            .stored
            .iter()
            .filter(|step| !step.is_named && step.kind == kind)
            .map(|step| step.name.as_str())
            .collect();
        let now: Vec<&str> = facts
            .planned
            .iter()
            .filter(|step| !step.is_named && step.kind == kind)
            .map(|step| step.name.as_str())
            .collect();
        let has_kept = then.iter().any(|name| now.contains(name));
        if has_kept && then != now {
            warnings.push(format!(
                "steps of the kind {kind} have their names from their order, and that has changed \
                 from {} to {}: state, or the rest of an output, may go to another step than it \
                 came from; name steps with .named(..) so that they are found again wherever they \
                 stand",
                quoted(&then),
                quoted(&now)
            ));
        }
    }
    warnings
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn spread(spread: Spread) -> &'static str {
    match spread {
        Spread::Keyed => "by key",
        Spread::Singleton => "once for the whole step",
        Spread::Broadcast => "on every worker",
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.step)?;
        if let Some(part) = &self.part {
            write!(f, ", part `{part}`")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = [
            ("kept", &self.kept),
            ("new", &self.new),
            ("dropped", &self.dropped),
            ("refused", &self.refused),
        ];
        let mut lines = Vec::new();
        for (word, fates) in groups {
            lines.extend(fates.iter().map(|fate| format!("  {word}: {fate}")));
        }
        lines.extend(self.warnings.iter().map(|warning| format!("  warning: {warning}")));
        f.write_str(&lines.join("\n"))
    }
}
