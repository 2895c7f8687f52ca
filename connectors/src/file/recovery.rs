//! What becomes of the files that an earlier run staged, when a job is restored.
//!
//! [`plan_parts`] and [`plan_file`] decide, from what the checkpoint says and what lies in the
//! folder; [`recover`] looks and does it. Each step can be interrupted: planning again from what is
//! there then leads to the same end. Nothing is removed but hidden files of the same sink.
//!
//! A process of the last run may be dying meanwhile, and remove or publish what it had staged: a
//! step that it has done is done.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rheos_engine::{Error, ErrorKind, Recovery};

use super::open::failed;
use super::prepared::{Prepared, PreparedFile, PreparedPart};
use super::staged::{STAGED, sync_folder};
use super::target::Target;

/// The names in a folder, and the lengths of the files.
pub(crate) type Listing = BTreeMap<OsString, u64>;

/// One change in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Rename { from: OsString, to: OsString },
    Shorten { name: OsString, bytes: u64 },
    Remove(OsString),
}

/// Commits what is prepared and removes what else was staged under names that end in `ending`.
pub(crate) fn recover(target: &Target, ending: &str, recovery: &Recovery<'_>) -> Result<(), Error> {
    let folder = target.folder();
    for step in plan(target, ending, recovery)? {
        step.apply(folder)?;
    }
    fs::create_dir_all(folder).map_err(|error| failed("create the folder", folder, error))?;
    sync_folder(folder)
}

/// The steps that are left to do.
pub(crate) fn plan(
    target: &Target,
    ending: &str,
    recovery: &Recovery<'_>,
) -> Result<Vec<Step>, Error> {
    let described = target.described();
    let (mut parts, mut file) = (Vec::new(), None);
    for bytes in recovery.prepared.iter().filter(|bytes| !bytes.is_empty()) {
        match (Prepared::from_bytes(bytes, &described)?, target) {
            (Prepared::Parts(prepared), Target::Folder(_)) => parts.extend(prepared),
            (Prepared::File(prepared), Target::File(_)) => file = Some(prepared),
            _ => {
                let reason = "the checkpoint was made when it was a single file and is a folder of \
                              parts now, or the other way round";
                return Err(Error::usage(format!("continue writing {described}"), reason)
                    .advise("let the program write to the place that it wrote to before"));
            }
        }
    }
    let plan = |there: &Listing| match target {
        Target::Folder(folder) => plan_parts(folder, &parts, ending, there),
        Target::File(path) => plan_file(path, file, recovery.run, there),
    };
    // A file that gets its name while the folder is read may be seen under neither name, or be
    // seen before its last bytes: what seems to be missing is looked for once more.
    plan(&list(target.folder())?).or_else(|_| plan(&list(target.folder())?))
}

/// Every prepared part gets its name; all other hidden parts with this ending are removed.
fn plan_parts(
    folder: &Path,
    prepared: &[PreparedPart],
    ending: &str,
    there: &Listing,
) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    for part in prepared {
        let (hidden, name) = (OsString::from(&part.hidden), OsString::from(&part.name));
        match there.get(&hidden) {
            Some(bytes) if *bytes == part.bytes => {
                steps.push(Step::Rename { from: hidden, to: name });
            }
            Some(bytes) => return Err(damaged(&folder.join(&hidden), *bytes, part.bytes)),
            // It was committed before.
            None if there.contains_key(&name) => {}
            None => return Err(gone(&folder.join(&name), &hidden)),
        }
    }
    let is_prepared = |name: &OsStr| prepared.iter().any(|part| *part.hidden == *name);
    let left = there.keys().filter(|name| is_hidden_part(name, ending) && !is_prepared(name));
    steps.extend(left.cloned().map(Step::Remove));
    Ok(steps)
}

/// A file that is whole gets its name. Else it is cut where the checkpoint was and handed to this
/// run. All other hidden files of the same name are removed.
fn plan_file(
    path: &Path,
    prepared: Option<PreparedFile>,
    run: u32,
    there: &Listing,
) -> Result<Vec<Step>, Error> {
    let name = path.file_name().unwrap_or_default();
    let mut staged: Vec<_> = there
        .iter()
        .filter_map(|(hidden, bytes)| Some((StagedBy::from_name(hidden, name)?, hidden, *bytes)))
        .collect();
    let mut steps = Vec::new();
    if let Some(prepared) = prepared {
        let is_it = |by: &StagedBy| by.runs.is_some_and(|(begun, _)| begun == prepared.begun);
        match staged.iter().position(|(by, _, _)| is_it(by)) {
            Some(found) => {
                let (_, hidden, bytes) = staged.remove(found);
                let to = match prepared.is_whole {
                    true => name.to_owned(),
                    false => StagedBy::name_of(name, prepared.begun, run),
                };
                if bytes < prepared.bytes {
                    return Err(damaged(&path.with_file_name(hidden), bytes, prepared.bytes));
                }
                if bytes > prepared.bytes {
                    steps.push(Step::Shorten { name: hidden.clone(), bytes: prepared.bytes });
                }
                if *hidden != to {
                    steps.push(Step::Rename { from: hidden.clone(), to });
                }
            }
            None if prepared.is_whole && there.contains_key(name) => {}
            None if there.contains_key(name) => {
                let reason = "it is complete and has its name: the job ended after the checkpoint";
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("continue writing {}", path.display()),
                    reason,
                )
                .advise("restore the last checkpoint, or begin without one"));
            }
            None => {
                let hidden = StagedBy::name_of(name, prepared.begun, prepared.begun);
                return Err(gone(path, &hidden));
            }
        }
    }
    steps.extend(staged.into_iter().map(|(_, hidden, _)| Step::Remove(hidden.clone())));
    Ok(steps)
}

impl Step {
    /// Does it.
    pub(crate) fn apply(&self, folder: &Path) -> Result<(), Error> {
        match self {
            Step::Rename { from, to } => match fs::rename(folder.join(from), folder.join(to)) {
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && folder.join(to).exists() =>
                {
                    Ok(())
                }
                renamed => renamed.map_err(|error| failed("publish", &folder.join(to), error)),
            },
            Step::Shorten { name, bytes } => {
                let path = folder.join(name);
                File::options()
                    .write(true)
                    .open(&path)
                    .and_then(|file| file.set_len(*bytes).and_then(|()| file.sync_all()))
                    .map_err(|error| failed("shorten", &path, error))
            }
            Step::Remove(name) => remove(&folder.join(name)),
        }
    }
}

/// Whose a hidden file of a single target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StagedBy {
    /// The run that began it and the one that goes on with it; none without checkpoints.
    pub(crate) runs: Option<(u32, u32)>,
}

impl StagedBy {
    /// The hidden name of the file called `name`, begun by one run and continued by another.
    pub(crate) fn name_of(name: &OsStr, begun: u32, run: u32) -> OsString {
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{begun}-{run}{STAGED}"));
        hidden
    }

    /// The opposite of [`name_of`](Self::name_of); also knows the hidden name without checkpoints.
    pub(crate) fn from_name(hidden: &OsStr, name: &OsStr) -> Option<Self> {
        let rest = hidden.as_bytes().strip_prefix(b".")?.strip_prefix(name.as_bytes())?;
        let runs = rest.strip_suffix(STAGED.as_bytes())?;
        if runs.is_empty() {
            return Some(Self { runs: None });
        }
        let (begun, run) = std::str::from_utf8(runs).ok()?.strip_prefix('.')?.split_once('-')?;
        Some(Self { runs: Some((begun.parse().ok()?, run.parse().ok()?)) })
    }
}

/// Whether a name is the hidden one of a part with this ending, of any run and worker.
fn is_hidden_part(name: &OsStr, ending: &str) -> bool {
    let numbers = name
        .to_str()
        .and_then(|name| name.strip_prefix(".part-")?.strip_suffix(STAGED)?.strip_suffix(ending));
    numbers.is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
}

/// Removes a file, unless it is gone already.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|error| failed("remove", path, error)),
    }
}

/// What lies in a folder; nothing where there is none.
pub(crate) fn list(folder: &Path) -> Result<Listing, Error> {
    let failed = |error| failed("list", folder, error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Listing::new()),
        entries => entries.map_err(failed)?,
    };
    let mut there = Listing::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        match entry.metadata() {
            Ok(about) => drop(there.insert(entry.file_name(), about.len())),
            // It was removed while the folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(there)
}

fn gone(path: &Path, hidden: &OsStr) -> Error {
    Error::new(
        ErrorKind::External,
        format!("recover {}", path.display()),
        format!(
            "the checkpoint holds it, and neither it nor {} is there",
            Path::new(hidden).display()
        ),
    )
    .advise("put it back; an empty file of that name will do if it was taken away on purpose")
}

fn damaged(path: &Path, bytes: u64, expected: u64) -> Error {
    Error::new(
        ErrorKind::External,
        format!("recover {}", path.display()),
        format!("it holds {bytes} bytes, and {expected} were durable at the checkpoint"),
    )
    .advise("put the file back as it was, or begin without a checkpoint")
}
