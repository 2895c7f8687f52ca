//! What is in a checkpoint, for people.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::CheckpointId;
use super::disk::{Disk, LocalDisk};
use super::list::{job_of, when};
use super::manifest::{Manifest, SourceFacts};
use super::state_file::StateFile;
use crate::state_parts::Spread;
use crate::{Error, EventTime, Position, SectionKind};

/// What is in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// Its number.
    pub id: CheckpointId,
    /// What the job is called.
    pub job: String,
    /// When it was taken, as RFC 3339.
    pub taken: String,
    /// The run of the job that took it.
    pub run: u32,
    /// The epoch that the job goes on with.
    pub epoch: u64,
    /// The workers of the job when it was taken.
    pub workers: u32,
    /// Whether the input had ended.
    pub finished: bool,
    /// The steps of the job, with their state.
    pub steps: Vec<StepSummary>,
    /// How far the sources had come.
    pub sources: Vec<SourceSummary>,
    /// What the sinks had prepared.
    pub sinks: Vec<SinkSummary>,
    /// The files of state.
    pub files: Vec<FileSummary>,
}

/// A step in an [`Inspection`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StepSummary {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// How far it had come in event time.
    pub watermark: Option<String>,
    /// The parts of its state.
    pub parts: Vec<PartSummary>,
}

/// A part of a step's state in an [`Inspection`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PartSummary {
    /// Its name.
    pub name: String,
    /// How it is spread over workers: keyed, singleton, broadcast.
    pub spread: String,
    /// The types of keys and entries.
    pub schema: String,
    /// Entries in the files: keys, of which one that changed between the files of a worker counts
    /// in each of them.
    pub entries: u64,
    /// Bytes in the files.
    pub bytes: u64,
}

/// A source in an [`Inspection`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SourceSummary {
    /// The name of its step.
    pub step: String,
    /// What it reads.
    pub identity: String,
    /// The splits that had not ended.
    pub splits: Vec<SplitSummary>,
}

/// A split in an [`Inspection`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SplitSummary {
    /// Its number within the source.
    pub number: u32,
    /// What it is called.
    pub name: String,
    /// Where reading goes on, in the source's own encoding: as text if it is that, otherwise in
    /// hexadecimal; none where nothing had been read.
    pub position: Option<String>,
}

/// A sink in an [`Inspection`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SinkSummary {
    /// The name of its step.
    pub step: String,
    /// Writers that had prepared something to commit.
    pub prepared: usize,
    /// The bytes with which they commit.
    pub bytes: u64,
}

/// A file of state in an [`Inspection`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileSummary {
    /// Its name.
    pub name: String,
    /// The worker that wrote it.
    pub worker: u32,
    /// Its length.
    pub bytes: u64,
}

/// Says what is in a checkpoint, also while its job runs. Of the files of state only the indexes
/// are read.
///
/// # Errors
/// When it is not the folder of a job, there is no such checkpoint, or it is damaged.
pub fn inspect(folder: &Path, id: CheckpointId) -> Result<Inspection, Error> {
    let disk = LocalDisk::new(folder);
    let job = job_of(&disk)?;
    let manifest = Manifest::read(&disk, id, job.id)?;
    let sizes = sizes(&disk, &manifest)?;
    let chains = manifest.chains.iter();
    let files = chains.flat_map(|chain| chain.files.iter().map(|file| (chain.worker, file)));
    Ok(Inspection {
        id,
        job: manifest.name.clone(),
        taken: when(manifest.at),
        run: manifest.run,
        epoch: manifest.epoch,
        workers: manifest.workers,
        finished: manifest.finished,
        steps: steps(&manifest, sizes),
        sources: manifest.sources.iter().map(source).collect(),
        sinks: manifest
            .sinks
            .iter()
            .map(|sink| SinkSummary {
                step: sink.step.clone(),
                prepared: sink.prepared.iter().filter(|bytes| !bytes.is_empty()).count(),
                bytes: sink.prepared.iter().map(|bytes| bytes.len() as u64).sum(),
            })
            .collect(),
        files: files
            .map(|(worker, file)| FileSummary {
                name: file.name.clone(),
                worker,
                bytes: file.bytes,
            })
            .collect(),
    })
}

/// Entries and bytes of each part of each step, and how it is spread.
type Sizes = BTreeMap<(String, String), (Spread, u64, u64)>;

fn sizes(disk: &dyn Disk, manifest: &Manifest) -> Result<Sizes, Error> {
    let mut sizes = Sizes::new();
    for file in manifest.files() {
        for entry in StateFile::open(disk, file, manifest.job)?.all() {
            let spread = match entry.kind {
                SectionKind::Keyed { .. } => Spread::Keyed,
                SectionKind::Singleton => Spread::Singleton,
                SectionKind::Broadcast => Spread::Broadcast,
            };
            let key = (entry.step.to_string(), entry.part.to_string());
            let (_, entries, bytes) = sizes.entry(key).or_insert((spread, 0, 0));
            *entries += entry.entries;
            *bytes += entry.bytes;
        }
    }
    Ok(sizes)
}

/// The steps of the plan with what the files hold of them.
fn steps(manifest: &Manifest, mut sizes: Sizes) -> Vec<StepSummary> {
    let mut steps = Vec::new();
    for step in &manifest.plan {
        let host = manifest.hosts.iter().find(|host| host.step == step.name);
        let mut parts = Vec::new();
        for part in &step.parts {
            let size = sizes.remove(&(step.name.clone(), part.name.clone()));
            let (spread, entries, bytes) = size.unwrap_or((part.spread, 0, 0));
            let (name, schema) = (part.name.clone(), part.schema.clone());
            parts.push(PartSummary {
                name,
                spread: spread.to_string(),
                schema: schema.to_string(),
                entries,
                bytes,
            });
        }
        // Parts that the plan does not tell of are in the files nevertheless.
        let others = sizes.iter().filter(|((name, _), _)| *name == step.name);
        parts.extend(others.map(|((_, name), (spread, entries, bytes))| {
            let (spread, schema) = (spread.to_string(), String::new());
            let (name, entries, bytes) = (name.clone(), *entries, *bytes);
            PartSummary { name, spread, schema, entries, bytes }
        }));
        steps.push(StepSummary {
            name: step.name.clone(),
            kind: step.kind.clone(),
            watermark: host.and_then(|host| host.watermark.as_ref().map(EventTime::to_string)),
            parts,
        });
    }
    steps
}

fn source(facts: &SourceFacts) -> SourceSummary {
    let splits = facts.splits.iter().map(|(number, split, position)| SplitSummary {
        number: *number,
        name: split.name.clone(),
        position: position.as_ref().map(text_of),
    });
    SourceSummary {
        step: facts.step.clone(),
        identity: facts.identity.clone(),
        splits: splits.collect(),
    }
}

/// Bytes of a position that are shown.
const MOST_SHOWN: usize = 64;

fn text_of(position: &Position) -> String {
    let bytes = &position.0;
    let shown = &bytes[..bytes.len().min(MOST_SHOWN)];
    let mut text = match str::from_utf8(shown) {
        Ok(text) if !text.is_empty() && !text.contains(char::is_control) => text.to_owned(),
        _ => shown.iter().fold("0x".to_owned(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        }),
    };
    if shown.len() < bytes.len() {
        let _ = write!(text, "... ({} bytes)", bytes.len());
    }
    text
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, job, taken, run, epoch, workers, .. } = self;
        let end = if self.finished { ", at the end of the input" } else { "" };
        writeln!(f, "checkpoint {id} of job `{job}`, taken {taken} in run {run}{end}")?;
        write!(f, "it goes on with epoch {epoch}; it was taken by {workers} workers")?;
        for step in &self.steps {
            write!(f, "\nstep `{}`: {}", step.name, step.kind)?;
            if let Some(watermark) = &step.watermark {
                write!(f, ", watermark {watermark}")?;
            }
            for PartSummary { name, spread, schema, entries, bytes } in &step.parts {
                write!(f, "\n  `{name}`, {spread}: {entries} entries, {bytes} bytes")?;
                if !schema.is_empty() {
                    write!(f, ", {schema}")?;
                }
            }
        }
        for source in &self.sources {
            write!(f, "\nsource `{}`: {}", source.step, source.identity)?;
            for SplitSummary { number, name, position } in &source.splits {
                let position = position.as_deref().unwrap_or("its beginning");
                write!(f, "\n  split {number}, {name}: goes on at {position}")?;
            }
        }
        for SinkSummary { step, prepared, bytes } in &self.sinks {
            write!(f, "\nsink `{step}`: {prepared} writers have prepared, {bytes} bytes")?;
        }
        for FileSummary { name, worker, bytes } in &self.files {
            write!(f, "\nfile {name} of worker {worker}: {bytes} bytes")?;
        }
        Ok(())
    }
}
