//! Damages files of a checkpoint folder at random and tries to restore: nothing that is damaged may
//! be accepted, and the file must be named.

#![cfg_attr(not(feature = "failpoints"), allow(unreachable_pub, reason = "public with it"))]

use std::sync::Arc;

use super::CheckpointId;
use super::choose::{Duplicates, Restore};
use super::disk::Disk;
use super::forgetful::ForgetfulDisk;
use super::random::Random;
use super::scenario::{Run, check_whole};
use crate::Error;

/// What a campaign has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamageReport {
    /// Folders with a damaged file that were refused, with the file's name.
    pub refused: u64,
    /// Folders in which a file was older than it should have been, as after a crash, and the job
    /// went on from its last checkpoint nevertheless.
    pub healed: u64,
    /// What should have been refused and was not, or without the file's name.
    pub failures: Vec<String>,
}

/// Damages a file `rounds` times, each time in a fresh folder.
///
/// # Panics
/// When the folders to be damaged cannot be made.
#[must_use]
pub fn damage_campaign(seed: u64, rounds: u64) -> DamageReport {
    let folders = Folders::new().expect("a disk in memory takes everything");
    let mut report = DamageReport::default();
    for round in 0..rounds {
        let mut random = Random::new(seed.wrapping_add(round.wrapping_mul(0x1000_0001)));
        let (disk, wound) = folders.wounded(&mut random);
        let about = format!("seed {seed}, round {round}, {:?} of {:?}", wound.kind, wound.files);
        match restore(&disk, folders.newest) {
            Ok(()) if wound.kind == Kind::Older => report.healed += 1,
            Ok(()) => report.failures.push(format!("{about}: accepted")),
            Err(reason) if wound.files.iter().any(|file| reason.contains(&**file)) => {
                report.refused += 1;
            }
            Err(reason) => report.failures.push(format!("{about}: no name in: {reason}")),
        }
    }
    report
}

/// Restores as a job would without consent: the checkpoint must be the newest, and whole.
fn restore(disk: &ForgetfulDisk, newest: CheckpointId) -> Result<(), String> {
    let run = Run::start(Arc::new(disk.clone())).map_err(|error| error.to_string())?;
    if run.from != Some(newest) {
        // Accepted, and wrong; no file is named.
        return Err(format!("{:?} was restored", run.from));
    }
    check_whole(&run.store, newest)
}

/// What can happen to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Flipped,
    Truncated,
    Extended,
    Zeroed,
    Garbled,
    Swapped,
    OfAnotherJob,
    OfAnotherName,
    Missing,
    Older,
}

const KINDS: [Kind; 10] = [
    Kind::Flipped,
    Kind::Truncated,
    Kind::Extended,
    Kind::Zeroed,
    Kind::Garbled,
    Kind::Swapped,
    Kind::OfAnotherJob,
    Kind::OfAnotherName,
    Kind::Missing,
    Kind::Older,
];

struct Wound {
    kind: Kind,
    files: Vec<String>,
}

/// Folders to take damaged files from.
struct Folders {
    whole: ForgetfulDisk,
    /// The same folder, a checkpoint and a run earlier.
    earlier: ForgetfulDisk,
    /// The folder of another job of the same name, with the same checkpoints.
    other: ForgetfulDisk,
    newest: CheckpointId,
    /// The files that restoring the newest checkpoint needs.
    needed: Vec<String>,
    /// All files, also of the checkpoint before.
    all: Vec<String>,
}

impl Folders {
    fn new() -> Result<Self, Error> {
        let (whole, earlier, _) = Self::one()?;
        let (other, _, newest) = Self::one()?;
        let listed = whole.list().unwrap_or_default();
        let all: Vec<String> = listed.into_iter().map(|(name, _)| name).collect();
        let newest_only = format!("-{:08}", newest.0);
        // The state files are those of its chains.
        let is_needed =
            |name: &&String| !name.starts_with("manifest") || name.ends_with(&newest_only);
        let needed = all.iter().filter(is_needed).cloned().collect();
        Ok(Self { whole, earlier, other, newest, needed, all })
    }

    fn one() -> Result<(ForgetfulDisk, ForgetfulDisk, CheckpointId), Error> {
        let disk = ForgetfulDisk::default();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        Run::start(shared.clone())?.checkpoint()?;
        let mut run = Run::start_from(shared, Restore::Latest, Duplicates::Refused)?;
        run.checkpoint()?;
        let before = run.checkpoint()?;
        run.store.remove_old(1)?;
        let earlier = disk.copied();
        let newest = run.checkpoint()?;
        assert!(newest > before, "checkpoints are numbered on");
        Ok((disk, earlier, newest))
    }

    /// A copy of the folder with something wrong.
    fn wounded(&self, random: &mut Random) -> (ForgetfulDisk, Wound) {
        loop {
            let disk = self.whole.copied();
            let kind = KINDS[random.below(KINDS.len() as u64) as usize];
            let name = any(&self.needed, random);
            if let Some(files) = self.wound(&disk, kind, name, random) {
                return (disk, Wound { kind, files });
            }
        }
    }

    /// Does it, and says which files it was done to; `None` where nothing has changed.
    fn wound(
        &self,
        disk: &ForgetfulDisk,
        kind: Kind,
        name: &str,
        random: &mut Random,
    ) -> Option<Vec<String>> {
        let before = disk.bytes(name).ok()?;
        let length = before.len() as u64;
        let mut bytes = before.clone();
        let mut files = vec![name.to_owned()];
        match kind {
            Kind::Flipped => bytes[random.below(length) as usize] ^= 1 << random.below(8),
            Kind::Truncated => bytes.truncate(random.below(length) as usize),
            Kind::Extended => {
                let more = 1 + random.below(5_000);
                let filling = (random.below(2) * random.next()) as u8;
                bytes.extend((0..more).map(|_| filling));
            }
            Kind::Zeroed => stretch(&mut bytes, random).fill(0),
            Kind::Garbled => {
                let mut noise = random.clone();
                stretch(&mut bytes, random).fill_with(|| noise.next() as u8);
            }
            Kind::Swapped => {
                let other = any(&self.all, random);
                bytes = disk.bytes(other).ok()?;
                disk.put(other, before.clone());
                files.push(other.to_owned());
            }
            Kind::OfAnotherJob => bytes = self.other.bytes(name).ok()?,
            Kind::OfAnotherName => bytes = disk.bytes(any(&self.all, random)).ok()?,
            Kind::Missing => {
                disk.remove(name).ok()?;
                return Some(files);
            }
            Kind::Older => bytes = self.earlier.bytes(name).ok()?,
        }
        let has_changed = bytes != before;
        disk.put(name, bytes);
        has_changed.then_some(files)
    }
}

fn any<'a>(names: &'a [String], random: &mut Random) -> &'a str {
    &names[random.below(names.len() as u64) as usize]
}

/// Some of the bytes, in a row.
fn stretch<'a>(bytes: &'a mut [u8], random: &mut Random) -> &'a mut [u8] {
    let length = [1, 16, 512, 4096][random.below(4) as usize].min(bytes.len());
    let begin = random.below((bytes.len() - length) as u64 + 1) as usize;
    &mut bytes[begin..begin + length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_damaged_is_accepted_and_the_file_is_named() {
        let report = damage_campaign(1, 1_000);
        assert_eq!(report.failures, [] as [&str; 0]);
        assert!(report.refused > 900, "{report:?}");
    }

    #[test]
    fn the_folder_without_damage_is_accepted() {
        let folders = Folders::new().unwrap();
        assert_eq!(restore(&folders.whole, folders.newest), Ok(()));
        let before = restore(&folders.earlier, folders.newest).unwrap_err();
        assert!(before.contains("was restored"), "an older folder is one: {before}");
    }

    #[test]
    fn every_kind_of_damage_comes_to_every_kind_of_file() {
        let folders = Folders::new().unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..2_000 {
            let (_, wound) = folders.wounded(&mut Random::new(seed));
            let kind_of_file = wound.files[0].split('-').next().unwrap().to_owned();
            seen.insert((kind_of_file, format!("{:?}", wound.kind)));
        }
        // Nothing else of its kind, or nothing older, can be in the place of some.
        assert!(seen.len() >= 4 * KINDS.len() - 4, "{seen:?}");
    }
}
