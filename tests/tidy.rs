//! The house rules that a machine can check: who may know whom, documented files, living tests.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A source file of the workspace: its path below the root, with `/`, and its text.
struct File {
    path: String,
    text: String,
}

impl File {
    /// The lines that are code, without comments, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(number, line)| (number + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// All Rust files of the workspace.
fn rust_files() -> Vec<File> {
    let mut files = Vec::new();
    for folder in ["src", "engine", "operators", "connectors", "bench", "examples", "tests"] {
        collect(&Path::new(ROOT).join(folder), &mut files);
    }
    assert!(files.len() > 50, "the walk over the workspace found too little to be right");
    files
}

fn collect(folder: &Path, files: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            files.push(File { path: below_root(&path), text });
        }
    }
}

fn below_root(path: &Path) -> String {
    path.strip_prefix(ROOT).unwrap().to_string_lossy().replace('\\', "/")
}

/// Fails with all offences at once.
fn check(rule: &str, offences: Vec<String>) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

fn mentions(rule: &str, files: &[File], words: &[&str], allowed: impl Fn(&str) -> bool) {
    let mut offences = Vec::new();
    for file in files.iter().filter(|file| !allowed(&file.path)) {
        for (number, line) in file.code() {
            if words.iter().any(|word| line.contains(word)) {
                offences.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    check(rule, offences);
}

const THIS: &str = "tests/tidy.rs";

#[test]
fn timely_stays_behind_its_fence() {
    mentions(
        "only engine/src/dataflow/ and the yardsticks of bench/ know timely",
        &rust_files(),
        &["timely::", "use timely", "differential_dataflow"],
        |path| {
            path.starts_with("engine/src/dataflow/") || path.starts_with("bench/") || path == THIS
        },
    );
}

#[test]
fn tokio_stays_behind_its_fence() {
    mentions(
        "only engine/src/io_pool/ and programs that make asynchronous calls know tokio",
        &rust_files(),
        &["tokio::", "use tokio"],
        |path| {
            path.starts_with("engine/src/io_pool/")
                || path.starts_with("examples/")
                || path.starts_with("tests/")
        },
    );
}

#[test]
fn arrows_between_crates_point_one_way() {
    let files = rust_files();
    mentions(
        "the engine knows no operator and no connector",
        &files,
        &["rheos_operators", "rheos_connectors"],
        |path| !path.starts_with("engine/"),
    );
    mentions("operators know no connector", &files, &["rheos_connectors"], |path| {
        !path.starts_with("operators/")
    });
    mentions("connectors know no operator", &files, &["rheos_operators"], |path| {
        !path.starts_with("connectors/")
    });
    mentions(
        "operators do no input or output, start no threads and read no clock",
        &files,
        &["std::fs", "std::net", "std::thread", "SystemTime::now", "Instant::now"],
        |path| !path.starts_with("operators/src"),
    );
}

#[test]
fn every_file_says_what_it_is() {
    let offences = rust_files()
        .into_iter()
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| file.path)
        .collect();
    check("every file opens with a module doc", offences);
}

#[test]
fn files_stay_readable() {
    let offences = rust_files()
        .into_iter()
        .map(|file| (file.text.lines().count(), file.path))
        .filter(|(lines, _)| *lines > 500)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    check("past 500 lines a file wants to be two", offences);
}

#[test]
fn no_test_is_dead() {
    let mut offences = Vec::new();
    for file in rust_files().iter().filter(|file| file.path != THIS) {
        for (number, line) in file.text.lines().enumerate().map(|(n, line)| (n + 1, line.trim())) {
            let dead = line.starts_with("#[ignore")
                || line.starts_with("// mod ")
                || line.starts_with("// #[test]")
                || (line.starts_with("matches!(") && line.ends_with(");"));
            if dead {
                offences.push(format!("{}:{number}: {line}", file.path));
            }
        }
    }
    check("tests are run and assert something", offences);
}

#[test]
fn tests_wait_for_conditions() {
    mentions(
        "nothing sleeps: wait for a condition, a channel or a waker",
        &rust_files(),
        &["thread::sleep"],
        |path| path == THIS,
    );
}

#[test]
fn no_file_is_orphaned() {
    let files = rust_files();
    let mut offences = Vec::new();
    for file in &files {
        let path = Path::new(&file.path);
        let is_module = file.path.contains("/src/") || file.path.starts_with("src/");
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_program = file.path.starts_with("src/bin/");
        if !is_module || is_program || stem == "lib" || stem == "main" {
            continue;
        }
        let (name, folder) = match stem.as_str() {
            "mod" => {
                let folder = path.parent().unwrap();
                (
                    folder.file_name().unwrap().to_string_lossy().into_owned(),
                    folder.parent().unwrap(),
                )
            }
            _ => (stem, path.parent().unwrap()),
        };
        let parents: Vec<PathBuf> = ["mod.rs", "lib.rs", "main.rs"]
            .iter()
            .map(|n| folder.join(n))
            .chain(std::iter::once(folder.with_extension("rs")))
            .collect();
        let declared = files.iter().any(|other| {
            parents.iter().any(|parent| Path::new(&other.path) == parent)
                && other.text.lines().any(|line| line.trim_end().ends_with(&format!("mod {name};")))
        });
        // Tests of a file that has the space for them beside it.
        let file_name = path.file_name().unwrap().to_string_lossy();
        let beside = format!("#[path = \"{file_name}\"]");
        let is_beside = files.iter().any(|other| {
            Path::new(&other.path).parent() == path.parent() && other.text.contains(&beside)
        });
        if !declared && !is_beside {
            offences.push(file.path.clone());
        }
    }
    check("every file is a module of its crate", offences);
}

#[test]
fn nothing_is_orphaned_beside_programs_that_must_not_compile() {
    // A pattern of file names finds the programs; one without the compiler's words fails.
    let offences = fs::read_dir(Path::new(ROOT).join("tests/compile_fail"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.with_extension("rs").is_file())
        .map(|path| below_root(&path))
        .collect();
    check("what the compiler says stands beside a program", offences);
}

#[test]
fn examples_are_in_the_readme_and_run_by_the_check() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let script = fs::read_to_string(Path::new(ROOT).join("tests/examples.sh")).unwrap();
    let mut offences = Vec::new();
    for entry in fs::read_dir(Path::new(ROOT).join("examples")).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        if !readme.contains(&format!("`{name}`")) {
            offences.push(format!("{name}: not in the README's table"));
        }
        if !script.contains(&name) {
            offences.push(format!("{name}: not run by tests/examples.sh"));
        }
    }
    check("every example is shown and run", offences);
}

#[test]
fn operators_are_in_the_readme_and_tested() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let mut offences = Vec::new();
    for file in rust_files().iter().filter(|file| file.path.starts_with("operators/src/")) {
        let has_method = file.text.contains("impl<T") && file.text.contains("> Stream<")
            || file.text.contains("> KeyedStream<");
        let is_handle = file.path.ends_with("stream.rs");
        let is_hidden = file.text.contains("#[doc(hidden)]\nimpl");
        if !has_method || is_handle || is_hidden {
            continue;
        }
        if !file.text.contains("# Semantics") && file.text.contains("pub fn ") {
            offences.push(format!("{}: no Semantics block", file.path));
        }
    }
    for name in public_methods("operators/src") {
        if !readme.contains(&format!("`{name}`")) {
            offences.push(format!("{name}: not in the README's table"));
        }
    }
    check("operators are documented", offences);
}

/// Operators that keep nothing from one epoch to the next, and why not.
const STATELESS: [(&str, &str); 2] = [
    ("PassOn", "records leave as they come"),
    ("Calls", "an epoch does not end before all of its calls are answered"),
];

#[test]
fn operators_keep_their_state() {
    let mut operators = Vec::new();
    let mut tests = Vec::new();
    for file in rust_files().iter().filter(|file| file.path.starts_with("operators/src/")) {
        let code: Vec<&str> = file.code().map(|(_, line)| line).collect();
        let code = code.join("\n");
        let (program, test) = match file.path.ends_with("tests.rs") {
            true => ("", code.as_str()),
            false => code.split_once("#[cfg(test)]\nmod tests {").unwrap_or((&code, "")),
        };
        operators.extend(implementations(program));
        tests.extend(Some(test.to_owned()).filter(|test| test.contains("check_recovery(")));
    }
    assert!(operators.len() > 20, "{} operators are too few to be all", operators.len());
    let mut offences = Vec::new();
    for (name, declares_state) in &operators {
        if STATELESS.iter().any(|(stateless, _)| stateless == name) {
            continue;
        }
        if !declares_state {
            offences.push(format!("{name}: has no `fn state`; if it keeps nothing, say why above"));
        }
        if !tests.iter().any(|test| has_word(test, name)) {
            offences.push(format!("{name}: no test calls `check_recovery` for it"));
        }
    }
    for (name, _) in STATELESS {
        if !operators.iter().any(|(operator, _)| operator == name) {
            offences.push(format!("{name}: there is no such operator any more"));
        }
    }
    check("the state of every operator survives a restart, and a test shows it", offences);
}

/// The types that a program makes operators, and whether they declare state.
fn implementations(program: &str) -> Vec<(String, bool)> {
    let items = program.split("\nimpl").skip(1);
    let operators = items.filter_map(|item| {
        let header: Vec<&str> = item.split('{').next()?.split_whitespace().collect();
        let header = header.join(" ");
        let (_, name) =
            header.split_once(" Operator for ").or(header.split_once(" TwoInput for "))?;
        let name = name.split(|c: char| !c.is_alphanumeric()).next()?;
        Some((name.to_owned(), item.contains("fn state(")))
    });
    operators.collect()
}

/// Whether a text has a name that is not part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}

/// The names of the public methods of streams and keyed streams.
fn public_methods(folder: &str) -> Vec<String> {
    let mut names = Vec::new();
    for file in rust_files().iter().filter(|file| file.path.starts_with(folder)) {
        let mut on_stream = false;
        for (_, line) in file.code() {
            if line.starts_with("impl") {
                on_stream = line.contains(" Stream<") || line.contains(" KeyedStream<");
                on_stream &= !line.contains(" for ");
            }
            if let Some(rest) = line.strip_prefix("    pub fn ").filter(|_| on_stream) {
                let name = rest.split(['(', '<']).next().unwrap();
                names.push(name.to_owned());
            }
        }
    }
    names.sort();
    names.dedup();
    names
}
