//! The captured state of one operator on all its workers, in memory: for tests.

use std::collections::BTreeMap;

use crate::Error;
use crate::capture::{Section, SectionKind};
use crate::restore::StoredStep;
use crate::state_parts::{Part, Spread};

/// The state of an operator on all its workers, as captures have taken it: first a whole one of
/// each worker, then what changed, as often as it was captured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    sections: Vec<Section>,
    /// The worker that writes a group, by the part's name and the group.
    writers: BTreeMap<(String, u16), usize>,
}

impl Snapshot {
    /// The names of the parts that hold anything.
    #[must_use]
    pub fn parts(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.sections.iter().map(|s| s.part.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What was captured, in order.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Adds what was captured of a worker.
    ///
    /// # Panics
    /// When another worker has captured entries of the same group.
    pub(crate) fn add(&mut self, worker: usize, sections: Vec<Section>) {
        for section in &sections {
            if let SectionKind::Keyed { group } = section.kind {
                let writer = (section.part.clone(), group);
                let writer = *self.writers.entry(writer).or_insert(worker);
                let part = &section.part;
                assert_eq!(writer, worker, "group {group} of `{part}` belongs to one worker");
            }
        }
        self.sections.extend(sections);
    }

    fn of_part<'a>(&'a self, part: &'a str) -> impl DoubleEndedIterator<Item = &'a Section> {
        self.sections.iter().filter(move |section| section.part == part)
    }
}

impl StoredStep for Snapshot {
    fn parts(&self) -> Vec<Part> {
        let parts = self.sections.iter();
        let parts = parts.map(|section| (section.part.clone(), section.kind.spread()));
        let parts: BTreeMap<String, Spread> = parts.collect();
        parts.into_iter().map(|(name, spread)| Part { name, spread }).collect()
    }

    fn entries(&self, part: &str) -> u64 {
        self.of_part(part).map(|section| section.entries).sum()
    }

    fn keyed(
        &self,
        part: &str,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.of_part(part).try_for_each(|section| each(&section.bytes))
    }

    fn value(&self, part: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.of_part(part).next_back().map(|section| section.bytes.clone()))
    }
}
