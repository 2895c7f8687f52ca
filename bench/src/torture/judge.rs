//! Compares what was published with what an undisturbed run would have published.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use super::finding::{Findings, Kind};
use super::rows::{Part, Published, Row};

/// Looks at the rows of a run and takes down what is wrong.
pub(super) struct Judge<'a> {
    published: &'a Published,
    findings: Findings,
}

impl<'a> Judge<'a> {
    pub(super) fn new(published: &'a Published) -> Self {
        Self { published, findings: Findings::default() }
    }

    /// What was found.
    pub(super) fn findings(self) -> Findings {
        self.findings
    }

    /// The rows of a sink, in the order in which they were published. A line that is no row is
    /// wrong.
    pub(super) fn rows<R: Row>(&mut self, sink: &str) -> Vec<R> {
        let mut parts: Vec<&Part> = self.published.parts(sink).iter().collect();
        parts.sort_by_key(|part| place(part));
        let mut rows = Vec::new();
        for part in parts {
            for line in &part.lines {
                match serde_json::from_str(line) {
                    Ok(row) => rows.push(row),
                    Err(error) => self.findings.add(Kind::Wrong, || {
                        format!("{sink}/{}: `{line}` is no row: {error}", part.name)
                    }),
                }
            }
        }
        rows
    }

    /// A sink holds exactly these rows, whatever their order.
    pub(super) fn exactly<R: Row>(&mut self, sink: &str, wanted: impl IntoIterator<Item = R>) {
        let rows = self.rows::<R>(sink);
        self.same(sink, rows, wanted);
    }

    /// These are exactly the rows that are wanted, whatever their order.
    pub(super) fn same<R: Ord + Debug>(
        &mut self,
        sink: &str,
        rows: impl IntoIterator<Item = R>,
        wanted: impl IntoIterator<Item = R>,
    ) {
        let mut counts: BTreeMap<R, (u64, u64)> = BTreeMap::new();
        rows.into_iter().for_each(|row| counts.entry(row).or_default().0 += 1);
        wanted.into_iter().for_each(|row| counts.entry(row).or_default().1 += 1);
        for (row, (there, wanted)) in counts {
            let kind = match wanted {
                _ if there < wanted => Kind::Lost,
                _ if there == wanted => continue,
                0 => Kind::Wrong,
                _ => Kind::Doubled,
            };
            self.findings.add(kind, || {
                format!("{sink}: {row:?} is there {there} times instead of {wanted}")
            });
        }
    }

    /// The rows of each key have rising numbers.
    pub(super) fn in_order<R: Debug, K: Ord>(
        &mut self,
        sink: &str,
        rows: &[R],
        key: impl Fn(&R) -> K,
        number: impl Fn(&R) -> u64,
    ) {
        let mut last: BTreeMap<K, u64> = BTreeMap::new();
        for row in rows {
            let number = number(row);
            let before = last.insert(key(row), number);
            if let Some(before) = before.filter(|before| *before > number) {
                self.findings
                    .add(Kind::Reordered, || format!("{sink}: {row:?} comes after {before}"));
            }
        }
    }

    /// The rows of each key have the numbers from 1 on, each once, in that order.
    pub(super) fn numbered<R: Debug, K: Ord + Debug>(
        &mut self,
        sink: &str,
        rows: &[R],
        key: impl Fn(&R) -> K,
        number: impl Fn(&R) -> u64,
    ) {
        self.in_order(sink, rows, &key, &number);
        let mut numbers: BTreeMap<K, BTreeSet<u64>> = BTreeMap::new();
        for row in rows {
            if !numbers.entry(key(row)).or_default().insert(number(row)) {
                self.findings
                    .add(Kind::Doubled, || format!("{sink}: the number of {row:?} was there"));
            }
        }
        for (key, numbers) in numbers {
            let last = numbers.last().copied().unwrap_or(0);
            for missing in (1..last).filter(|number| !numbers.contains(number)) {
                self.findings
                    .add(Kind::Lost, || format!("{sink}: {key:?} has no number {missing}"));
            }
        }
    }

    /// Something holds, or a row is wrong.
    pub(super) fn holds(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.findings.add(Kind::Wrong, what);
        }
    }
}

/// Where a part stands among those of its sink. Of two parts that were seen at one look, that of
/// the earlier run comes first, and in a run, in which every key has one worker, the one with the
/// lower number.
fn place(part: &Part) -> (u64, u64, u64, &str) {
    let numbers = part.name.strip_prefix("part-").and_then(|name| name.split('.').next());
    let numbers: Option<Vec<u64>> =
        numbers.and_then(|text| text.split('-').map(|number| number.parse().ok()).collect());
    let (run, number) = match numbers.as_deref() {
        Some([run, _, number]) => (*run, *number),
        Some([_, number]) => (0, *number),
        _ => (0, 0),
    };
    (part.seen, run, number, &part.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(seen: u64, name: &str, lines: &[&str]) -> Part {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Part { seen, name: name.to_owned(), lines }
    }

    fn published(parts: Vec<Part>) -> Published {
        Published { sinks: [("rows".to_owned(), parts)].into() }
    }

    fn check(parts: Vec<Part>, look: impl Fn(&mut Judge<'_>), wanted: &[(Kind, u64)]) {
        let published = published(parts);
        let mut judge = Judge::new(&published);
        look(&mut judge);
        let findings = judge.findings();
        for kind in Kind::ALL {
            let wanted = wanted.iter().find(|(of, _)| *of == kind).map_or(0, |(_, count)| *count);
            assert_eq!(findings.count(kind), wanted, "{kind}: {findings}");
        }
    }

    #[test]
    fn rows_are_compared_as_a_multiset() {
        let look = |judge: &mut Judge<'_>| judge.exactly("rows", [1_u64, 2, 2, 3]);
        check(vec![part(0, "a", &["2", "3"]), part(0, "b", &["2", "1"])], look, &[]);
        check(vec![part(0, "a", &["2", "3", "2"])], look, &[(Kind::Lost, 1)]);
        check(vec![part(0, "a", &["2", "3", "1"])], look, &[(Kind::Lost, 1)]);
        let doubled = part(0, "a", &["2", "3", "2", "1", "1"]);
        check(vec![doubled], look, &[(Kind::Doubled, 1)]);
        let wrong = part(0, "a", &["2", "3", "2", "1", "7", "what"]);
        check(vec![wrong], look, &[(Kind::Wrong, 2)]);
        check(vec![], look, &[(Kind::Lost, 3)]);
    }

    #[test]
    fn numbers_of_a_key_are_complete_and_rise_over_parts() {
        let look = |judge: &mut Judge<'_>| {
            let rows = judge.rows::<(char, u64)>("rows");
            judge.numbered("rows", &rows, |row| row.0, |row| row.1);
        };
        let (one, two) = (r#"["a",1]"#, r#"["a",2]"#);
        let first = part(5, "part-001-000-00000.jsonl", &[one, r#"["b",1]"#]);
        // In one look, of a later run, on another worker.
        let second = part(5, "part-002-001-00000.jsonl", &[two, r#"["a",3]"#]);
        check(vec![second.clone(), first.clone()], look, &[]);
        check(
            vec![part(6, "part-001-000-00001.jsonl", &[one]), second.clone()],
            look,
            &[(Kind::Reordered, 1)],
        );
        check(
            vec![part(0, "part-001-000-00000.jsonl", &[two, one])],
            look,
            &[(Kind::Reordered, 1)],
        );
        check(vec![second.clone()], look, &[(Kind::Lost, 1)]);
        let again = part(6, "part-002-001-00001.jsonl", &[r#"["a",3]"#]);
        check(vec![first, second, again], look, &[(Kind::Doubled, 1)]);
    }

    #[test]
    fn parts_have_their_place() {
        let order = |parts: &[(u64, &str)]| {
            let mut parts: Vec<Part> =
                parts.iter().map(|(seen, name)| part(*seen, name, &[])).collect();
            parts.sort_by(|a, b| place(a).cmp(&place(b)));
            parts.into_iter().map(|part| part.name).collect::<Vec<_>>()
        };
        assert_eq!(
            order(&[(1, "part-010-000-00001.x"), (1, "part-009-004-00007.x"), (0, "all.x")]),
            ["all.x", "part-009-004-00007.x", "part-010-000-00001.x"]
        );
        assert_eq!(
            order(&[(1, "part-000-00010.x"), (1, "part-000-00009.x")]),
            ["part-000-00009.x", "part-000-00010.x"]
        );
    }
}
