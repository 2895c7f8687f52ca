//! A reader of the published output that looks all the time: what it can see must be complete, and
//! must stay.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::de::IgnoredAny;

use super::finding::{Findings, Kind};
use super::rows::{Part, Published};

/// It looks this often.
const LOOKS_EVERY: Duration = Duration::from_millis(4);

/// Watches a folder of sinks' folders on a thread of its own.
pub(super) struct Reader {
    thread: JoinHandle<Looks>,
    is_over: Arc<AtomicBool>,
    parts: PartCount,
}

/// How many parts a reader has seen.
#[derive(Clone, Default)]
pub(super) struct PartCount(Arc<AtomicU64>);

impl PartCount {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

impl Reader {
    pub(super) fn watch(output: PathBuf) -> Self {
        let (is_over, parts) = (Arc::new(AtomicBool::new(false)), PartCount::default());
        let (over, seen) = (Arc::clone(&is_over), parts.clone());
        let thread = std::thread::spawn(move || {
            let mut looks = Looks::new(output);
            while !over.load(Ordering::Acquire) {
                looks.look();
                seen.0.store(looks.files.len() as u64, Ordering::Release);
                std::thread::park_timeout(LOOKS_EVERY);
            }
            looks
        });
        Self { thread, is_over, parts }
    }

    /// How many parts it has seen.
    pub(super) fn parts(&self) -> PartCount {
        self.parts.clone()
    }

    /// Looks a last time, at every byte; gives what was published and what was wrong with it.
    pub(super) fn finish(self) -> anyhow::Result<(Published, Findings)> {
        self.is_over.store(true, Ordering::Release);
        self.thread.thread().unpark();
        let looks = self.thread.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?;
        Ok(looks.finish())
    }
}

/// A published file as it was when it was seen first.
struct Seen {
    look: u64,
    text: String,
}

/// What was seen at all looks.
struct Looks {
    output: PathBuf,
    look: u64,
    files: BTreeMap<PathBuf, Seen>,
    findings: Findings,
}

impl Looks {
    fn new(output: PathBuf) -> Self {
        Self { output, look: 0, files: BTreeMap::new(), findings: Findings::default() }
    }

    /// Reads what is new; of what was there it looks at the length.
    fn look(&mut self) {
        self.look += 1;
        for (path, length) in published_files(&self.output) {
            match self.files.get(&path) {
                None => self.read(path),
                Some(seen) if seen.text.len() as u64 == length => {}
                Some(seen) => {
                    let was = seen.text.len();
                    self.findings.add(Kind::Changed, || {
                        format!("{}: {length} bytes, and was {was}", path.display())
                    });
                }
            }
        }
        // A listing that is made while names change may leave one out: ask for the name itself.
        for path in self.files.keys().filter(|path| !path.exists()) {
            self.findings.add(Kind::Withdrawn, || path.display().to_string());
        }
    }

    fn read(&mut self, path: PathBuf) {
        let Ok(bytes) = fs::read(&path) else {
            self.findings.add(Kind::Withdrawn, || format!("{} at once", path.display()));
            return;
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(what) = incomplete(&text) {
            self.findings.add(Kind::Partial, || format!("{}: {what}", path.display()));
        }
        self.files.insert(path, Seen { look: self.look, text });
    }

    fn finish(mut self) -> (Published, Findings) {
        self.look();
        let mut published = Published::default();
        for (path, seen) in self.files {
            if fs::read(&path).is_ok_and(|bytes| bytes != seen.text.as_bytes()) {
                self.findings.add(Kind::Changed, || path.display().to_string());
            }
            let part = Part {
                seen: seen.look,
                name: name_of(&path),
                lines: seen.text.lines().map(str::to_owned).collect(),
            };
            let sink = path.parent().map(name_of).unwrap_or_default();
            published.sinks.entry(sink).or_default().push(part);
        }
        (published, self.findings)
    }
}

/// What is missing in a file of rows, if anything is.
fn incomplete(text: &str) -> Option<String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Some("its last line has no end".to_owned());
    }
    let is_broken = |line: &&str| serde_json::from_str::<IgnoredAny>(line).is_err();
    text.lines().find(is_broken).map(|line| format!("half a line: `{line}`"))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The files that a reader of the output sees, with their lengths: hidden ones are not for it.
fn published_files(output: &Path) -> Vec<(PathBuf, u64)> {
    let list = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let sinks = list(output).map(|sink| sink.path());
    let files = sinks.flat_map(|sink| list(&sink).collect::<Vec<_>>());
    let visible = files.filter(|file| !file.file_name().to_string_lossy().starts_with('.'));
    visible.filter_map(|file| Some((file.path(), file.metadata().ok()?.len()))).collect()
}

/// What is published in a folder, seen at one look.
#[cfg(test)]
pub(super) fn published_now(output: &Path) -> (Published, Findings) {
    Looks::new(output.to_owned()).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("torture-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("rows")).unwrap();
        folder
    }

    #[test]
    fn what_a_reader_must_not_see_is_found() {
        let output = folder("reader");
        let path = |name: &str| output.join("rows").join(name);
        let mut looks = Looks::new(output.clone());
        fs::write(path("whole"), "1\n2\n").unwrap();
        fs::write(path(".hidden"), "1\n2").unwrap();
        looks.look();
        assert!(looks.findings.is_empty(), "{}", looks.findings);
        fs::write(path("no-end"), "1\n2").unwrap();
        fs::write(path("half"), "[1,2]\n[1,\n").unwrap();
        looks.look();
        assert_eq!(looks.findings.count(Kind::Partial), 2, "{}", looks.findings);
        fs::write(path("whole"), "1\n2\n3\n").unwrap();
        looks.look();
        assert_eq!(looks.findings.count(Kind::Changed), 1, "{}", looks.findings);
        fs::remove_file(path("half")).unwrap();
        looks.look();
        assert_eq!(looks.findings.count(Kind::Withdrawn), 1, "{}", looks.findings);
        // As long as it was, and yet another text: the last look finds it.
        fs::write(path("no-end"), "1\n3").unwrap();
        let before = looks.findings.count(Kind::Changed);
        let (published, findings) = looks.finish();
        assert!(findings.count(Kind::Changed) >= before + 2, "{findings}");
        let seen: Vec<(u64, &str)> =
            published.parts("rows").iter().map(|part| (part.seen, part.name.as_str())).collect();
        assert_eq!(seen, [(2, "half"), (2, "no-end"), (1, "whole")]);
        fs::remove_dir_all(output).unwrap();
    }

    #[test]
    fn a_thread_sees_what_comes_and_goes() {
        let output = folder("thread");
        let reader = Reader::watch(output.clone());
        let path = output.join("rows").join("a");
        fs::write(&path, "1\n").unwrap();
        while reader.parts().get() == 0 {
            std::thread::park_timeout(LOOKS_EVERY);
        }
        fs::remove_file(&path).unwrap();
        let (_, findings) = reader.finish().unwrap();
        assert!(findings.count(Kind::Withdrawn) > 0, "{findings}");
        fs::remove_dir_all(output).unwrap();
    }
}
