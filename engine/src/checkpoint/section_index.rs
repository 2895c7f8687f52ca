//! The index at the end of a state file: which section is where.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Section, SectionKind};

/// Where a section is in its file, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SectionEntry {
    /// The step of the job.
    pub(crate) step: Arc<str>,
    /// The part of the step's state.
    pub(crate) part: Arc<str>,
    /// How the part is spread over workers.
    pub(crate) kind: SectionKind,
    /// Entries that the section holds.
    pub(crate) entries: u64,
    /// Where its bytes begin.
    pub(crate) offset: u64,
    /// How many bytes there are.
    pub(crate) bytes: u64,
    /// CRC-32 of the bytes.
    pub(crate) checksum: u32,
}

/// An index as it is written. Sections lie one behind the other, so that no byte is left without a
/// checksum: where each begins follows from the lengths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexBody {
    names: Vec<String>,
    sections: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    step: u32,
    part: u32,
    kind: SectionKind,
    entries: u64,
    bytes: u64,
    checksum: u32,
}

/// Collects an index while the sections are written.
#[derive(Debug, Default)]
pub(crate) struct IndexWriter {
    body: IndexBody,
    numbers: HashMap<String, u32>,
}

impl IndexWriter {
    /// Adds the next section.
    pub(crate) fn add(&mut self, step: &str, section: &Section) {
        let row = Row {
            step: self.number(step),
            part: self.number(&section.part),
            kind: section.kind,
            entries: section.entries,
            bytes: section.bytes.len() as u64,
            checksum: crc32fast::hash(&section.bytes),
        };
        self.body.sections.push(row);
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.body.names.len() as u32;
        self.body.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// What is written.
    pub(crate) fn body(&self) -> &IndexBody {
        &self.body
    }
}

impl IndexBody {
    /// The sections by step and part, those of one part in the order in which they were written;
    /// `None` unless they fill the file from `begin` to `end`.
    pub(crate) fn entries(&self, begin: u64, end: u64) -> Option<Vec<SectionEntry>> {
        let names: Vec<Arc<str>> = self.names.iter().map(|name| name.as_str().into()).collect();
        let mut offset = begin;
        let mut entries = Vec::with_capacity(self.sections.len());
        for row in &self.sections {
            entries.push(SectionEntry {
                step: names.get(row.step as usize)?.clone(),
                part: names.get(row.part as usize)?.clone(),
                kind: row.kind,
                entries: row.entries,
                offset,
                bytes: row.bytes,
                checksum: row.checksum,
            });
            offset = offset.checked_add(row.bytes)?;
        }
        // Stable, so sections of a part stay in order.
        entries.sort_by(|a, b| (&a.step, &a.part).cmp(&(&b.step, &b.part)));
        (offset == end).then_some(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_does_not_fit_its_file_is_none() {
        let mut writer = IndexWriter::default();
        let section = Section {
            part: "keys".to_owned(),
            kind: SectionKind::Broadcast,
            entries: 1,
            bytes: vec![0; 10],
        };
        writer.add("count", &section);
        writer.add("count", &section);
        let body = writer.body().clone();
        let entries = body.entries(40, 60).unwrap();
        assert_eq!((entries[0].offset, entries[1].offset), (40, 50));
        assert_eq!(body.entries(40, 61), None, "bytes that belong to no section");
        assert_eq!(body.entries(40, 59), None, "a section that ends behind the last byte");
        let mut endless = body.clone();
        endless.sections[0].bytes = u64::MAX;
        assert_eq!(endless.entries(40, 60), None, "longer than any file");
        let mut nameless = body;
        nameless.sections[1].part = 2;
        assert_eq!(nameless.entries(40, 60), None, "a name that is not there");
    }
}
