//! Decides which checkpoint a job goes on from: a function of what is in its folder.
//!
//! The output up to a durable checkpoint may have been published. So a checkpoint that was durable
//! and cannot be used is never passed over silently, and an older one than the latest is taken
//! only by consent: what came after it would be published again.

use std::fmt;

use super::CheckpointId;
use super::damage::Damage;
use super::facts::Facts;
use super::manifest::Manifest;
use super::names;
use crate::{Error, ErrorKind};

/// What a job is told to go on from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restore {
    /// The latest checkpoint, or from the beginning if there is none.
    #[default]
    Latest,
    /// This checkpoint.
    Id(CheckpointId),
    /// Nothing: the job begins anew.
    None,
}

impl std::str::FromStr for Restore {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "latest" => Ok(Self::Latest),
            "none" => Ok(Self::None),
            number => match number.parse() {
                Ok(number) if number > 0 => Ok(Self::Id(CheckpointId(number))),
                _ => Err(format!(
                    "`{text}` is neither `latest` nor `none` nor the number of a checkpoint"
                )),
            },
        }
    }
}

impl fmt::Display for Restore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Id(id) => id.fmt(f),
            Self::None => f.write_str("none"),
        }
    }
}

/// Whether output may be published twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Duplicates {
    /// Never.
    #[default]
    Refused,
    /// The user has said so.
    Accepted,
}

/// What a job goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It begins anew.
    Begin {
        /// What there is to say about that.
        notice: Option<String>,
    },
    /// It goes on from a checkpoint.
    Restore {
        /// The checkpoint.
        id: CheckpointId,
        /// What there is to say about that.
        notice: Option<String>,
    },
}

/// Decides what a job goes on from.
///
/// # Errors
/// When what is wanted is not there, is damaged, or would publish output twice without consent.
pub(crate) fn choose(
    facts: &Facts,
    wish: Restore,
    duplicates: Duplicates,
) -> Result<Decision, Error> {
    let newest = match (newest(facts), duplicates) {
        (newest, _) if wish == Restore::None => {
            return Ok(begin_anew(facts, newest.ok().flatten()));
        }
        (Err(trouble), Duplicates::Refused) => return Err(refuse(wish, trouble)),
        (Err(trouble), Duplicates::Accepted) => Err(trouble),
        (Ok(newest), _) => Ok(newest),
    };
    match (wish, newest) {
        (Restore::Id(id), newest) => this_one(facts, id, newest, duplicates),
        (_, Ok(None)) => Ok(Decision::Begin { notice: after_failed(facts) }),
        (_, Ok(Some(id))) => Ok(Decision::Restore { id, notice: None }),
        (_, Err(trouble)) => newest_usable(facts, trouble),
    }
}

/// Why the newest checkpoint that was durable cannot be used.
struct Trouble {
    what: String,
    kind: ErrorKind,
    advice: &'static str,
}

impl From<&Damage> for Trouble {
    fn from(damage: &Damage) -> Self {
        Self { what: damage.to_string(), kind: damage.kind(), advice: damage.advice() }
    }
}

impl Trouble {
    fn new(what: String) -> Self {
        Self { what, kind: ErrorKind::Data, advice: "bring the files back from a copy" }
    }
}

/// The newest checkpoint that was durable and that the job did not leave behind.
fn newest(facts: &Facts) -> Result<Option<CheckpointId>, Trouble> {
    let confirmed = match &facts.latest {
        Some(Err(damage)) => return Err(damage.into()),
        Some(Ok(id)) => Some(*id),
        None => None,
    };
    // The note may still name a checkpoint that was left behind: then it stands for the one that
    // the job went back to.
    let confirmed = match facts.job.abandoned {
        Some(abandoned) if confirmed.is_some_and(|id| abandoned.holds(id)) => Some(abandoned.after),
        _ => confirmed,
    };
    let confirmed = confirmed.filter(|id| *id != CheckpointId(0));
    let Some((id, manifest)) = facts.standing().next_back() else {
        return confirmed.map_or(Ok(None), |id| Err(gone(id)));
    };
    if confirmed.is_some_and(|confirmed| confirmed > id) {
        return Err(gone(confirmed.unwrap_or(id)));
    }
    let manifest = manifest.as_ref().map_err(Trouble::from)?;
    if confirmed < manifest.previous {
        let (says, previous) = (name_of(confirmed), name_of(manifest.previous));
        let what = format!(
            "the file `latest` names {says}, but checkpoint {id} was taken after {previous} had \
             become durable: files are missing or old"
        );
        return Err(Trouble::new(what));
    }
    Ok(Some(id))
}

fn gone(id: CheckpointId) -> Trouble {
    let manifest = names::manifest(id);
    Trouble::new(format!(
        "checkpoint {id} had become durable, and its manifest {manifest} is missing"
    ))
}

fn name_of(id: Option<CheckpointId>) -> String {
    id.map_or("none".to_owned(), |id| format!("checkpoint {id}"))
}

/// What is attempted, for errors.
fn attempt(wish: Restore) -> String {
    match wish {
        Restore::Latest => "restore the latest checkpoint".to_owned(),
        Restore::Id(id) => format!("restore checkpoint {id}"),
        Restore::None => "begin anew".to_owned(),
    }
}

fn refuse(wish: Restore, trouble: Trouble) -> Error {
    let reason = format!(
        "{}; output that was published since an older checkpoint would be published again",
        trouble.what
    );
    Error::new(trouble.kind, attempt(wish), reason).advise(format!(
        "{}, or pass --accept-duplicates to go on from an older checkpoint, or --restore none to \
         begin anew",
        trouble.advice
    ))
}

/// The job goes on from the newest checkpoint that can be used, by consent.
fn newest_usable(facts: &Facts, trouble: Trouble) -> Result<Decision, Error> {
    let usable = facts.standing().rev().find(|(_, manifest)| manifest.is_ok());
    match usable {
        Some((id, _)) => {
            let notice = format!(
                "{}; the job goes on from checkpoint {id}, and output that was published since may \
                 be published again",
                trouble.what
            );
            Ok(Decision::Restore { id, notice: Some(notice) })
        }
        None => {
            let reason = format!("{}, and there is no other that can be used", trouble.what);
            Err(Error::new(trouble.kind, attempt(Restore::Latest), reason)
                .advise(format!("{}, or begin anew with --restore none", trouble.advice)))
        }
    }
}

/// The user has named a checkpoint.
fn this_one(
    facts: &Facts,
    id: CheckpointId,
    newest: Result<Option<CheckpointId>, Trouble>,
    duplicates: Duplicates,
) -> Result<Decision, Error> {
    let attempt = || attempt(Restore::Id(id));
    match facts.manifests.get(&id) {
        None => {
            return Err(Error::usage(attempt(), "there is no such checkpoint").advise(there(facts)));
        }
        Some(Err(damage)) => {
            return Err(Error::new(damage.kind(), attempt(), damage.to_string())
                .advise(format!("{}, or name another checkpoint", damage.advice())));
        }
        Some(Ok(_)) => {}
    }
    let newest = newest.ok().flatten();
    if newest == Some(id) {
        return Ok(Decision::Restore { id, notice: None });
    }
    let than = name_of(newest);
    match duplicates {
        Duplicates::Refused => {
            let reason = format!(
                "the job has come further, to {than}: output that was published since would be \
                 published again"
            );
            Err(Error::usage(attempt(), reason)
                .advise("pass --accept-duplicates if that may be, or --restore latest"))
        }
        Duplicates::Accepted => {
            let notice = format!(
                "the job goes back to checkpoint {id}, though the latest is {than}: output that \
                 was published since may be published again"
            );
            Ok(Decision::Restore { id, notice: Some(notice) })
        }
    }
}

fn there(facts: &Facts) -> String {
    let ids: Vec<String> = facts.manifests.keys().map(ToString::to_string).collect();
    match ids.is_empty() {
        true => "there are none in the folder".to_owned(),
        false => format!("there are: {}", ids.join(", ")),
    }
}

fn begin_anew(facts: &Facts, newest: Option<CheckpointId>) -> Decision {
    let notice = (!facts.manifests.is_empty()).then(|| {
        format!(
            "the job begins anew, though there are checkpoints (the latest is {}): they are left \
             behind, and removed once there are newer ones",
            name_of(newest)
        )
    });
    Decision::Begin { notice }
}

/// What there is to say when no checkpoint became durable.
fn after_failed(facts: &Facts) -> Option<String> {
    if facts.job.abandoned.is_some() && !facts.manifests.is_empty() {
        let notice = "the job begins anew, as it was told to at an earlier start: since then no \
                      checkpoint has become durable";
        return Some(notice.to_owned());
    }
    let tried = !facts.state_files.is_empty() || !facts.unfinished.is_empty();
    tried.then(|| {
        "the job begins from the beginning: no checkpoint of an earlier run became durable"
            .to_owned()
    })
}

/// The manifest that was chosen.
pub(crate) fn chosen<'a>(facts: &'a Facts, decision: &Decision) -> Option<&'a Manifest> {
    match decision {
        Decision::Begin { .. } => None,
        Decision::Restore { id, .. } => facts.manifests.get(id)?.as_ref().ok(),
    }
}
