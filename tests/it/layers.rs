//! The layer table of `src/lib.rs`, held against the code.

use std::fs;
use std::path::{Path, PathBuf};

/// (modules, what they may use of the crate, words they must never mention).
const LAYERS: &[(&[&str], &[&str], &[&str])] = &[
    (&["domain"], &["domain"], &["tokio", "tracing", "rusqlite", "aws_sdk", "aws_smithy", "aws_config"]),
    (&["rules"], &["domain", "rules"], &["tokio", "rusqlite", "aws_sdk", "reqwest", "Clock"]),
    (&["report"], &["domain", "rules", "report"], &["tokio", "rusqlite", "aws_sdk", "reqwest", "Clock"]),
    (
        &["clock", "config"],
        &["domain", "rules", "report", "clock", "config"],
        &["rusqlite", "aws_sdk", "aws_smithy", "aws_config"],
    ),
    (&["aws"], &["domain", "clock", "config", "aws"], &["rusqlite"]),
    (
        &["store"],
        &["domain", "rules", "config", "store"],
        &["aws_sdk", "aws_smithy", "aws_config", "reqwest"],
    ),
    (&["channel"], &["domain", "report", "config", "channel"], &["rusqlite", "aws_sdk"]),
    (&["source", "engine"], &["domain", "clock", "config", "aws", "source", "engine"], &["rusqlite"]),
    (
        &["stages"],
        &[
            "domain", "rules", "report", "clock", "config", "aws", "source", "engine", "store", "channel",
            "stages",
        ],
        &["rusqlite", "aws_sdk", "reqwest"],
    ),
    (
        &["service"],
        &["clock", "config", "aws", "store", "channel", "stages"],
        &["rusqlite", "aws_sdk", "reqwest", "simulator"],
    ),
    (
        &["web"],
        &["domain", "report", "clock", "config", "store", "web"],
        &["rusqlite", "aws_sdk", "reqwest", "simulator"],
    ),
    (&["simulator"], &["domain", "clock", "simulator"], &["rusqlite", "aws_sdk"]),
    (
        &["cli", "main"],
        &[
            "domain",
            "report",
            "clock",
            "config",
            "aws",
            "source",
            "engine",
            "store",
            "channel",
            "rules",
            "service",
            "stages",
            "simulator",
            "web",
            "cli",
        ],
        &["rusqlite", "aws_sdk"],
    ),
];

/// 150 lines is the aim; this is the wall.
const LONGEST: usize = 400;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            files.extend(rust_files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    files.sort();
    files
}

/// The first part of a path below `src`: the module a file belongs to.
fn module(path: &Path) -> String {
    let below = path.strip_prefix(root().join("src")).expect("below src");
    let first = below.components().next().expect("a part").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Whether a file is tests only, by its name.
fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
        || path.components().any(|part| part.as_os_str() == "tests")
}

/// Code by line, without comments, string contents and test modules.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).expect("a source file");
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
    text.lines()
        .enumerate()
        .map(|(number, line)| {
            let bare = line.split("//").next().unwrap_or_default();
            let outside: Vec<&str> = bare.split('"').step_by(2).collect();
            (number + 1, outside.join("\"\""))
        })
        .collect()
}

#[test]
fn no_layer_uses_what_lies_above_it() {
    for path in rust_files(&root().join("src")) {
        let module = module(&path);
        if module == "lib" || is_test(&path) {
            continue;
        }
        let layer = LAYERS.iter().find(|(modules, ..)| modules.contains(&module.as_str()));
        let (_, may_use, never) =
            layer.unwrap_or_else(|| panic!("add `{module}` to the layer table in {}", file!()));
        for (number, line) in code(&path) {
            for used in line.split("crate::").skip(1) {
                let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
                assert!(
                    used.is_empty() || may_use.contains(&used),
                    "{}:{number}: `{module}` may not use `{used}`; pass a value in from above",
                    path.display()
                );
            }
            for word in *never {
                assert!(
                    !line.contains(word),
                    "{}:{number}: `{module}` must never mention `{word}`",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn only_the_command_line_prints_and_nothing_asks_whether_it_is_tested() {
    for path in rust_files(&root().join("src")) {
        for (number, line) in code(&path) {
            let prints = ["println!", "eprintln!", "print!("].iter().any(|word| line.contains(word));
            assert!(
                !prints || module(&path) == "cli",
                "{}:{number}: return it, `cli` prints",
                path.display()
            );
            let asks = line.contains("cfg!(test)") || line.contains("cfg(not(test))");
            assert!(
                !asks,
                "{}:{number}: production code never asks whether it is being tested",
                path.display()
            );
            let reexport = line.trim_start().starts_with("pub use crate::");
            assert!(
                !reexport,
                "{}:{number}: name the module it comes from, no re-exports across layers",
                path.display()
            );
        }
    }
}

#[test]
fn files_stay_small() {
    for folder in ["src", "tests/it"] {
        for path in rust_files(&root().join(folder)) {
            let lines = fs::read_to_string(&path).expect("a source file").lines().count();
            // The stories of whole passes read best in one place.
            let story = folder == "tests/it";
            let longest = if story { LONGEST * 3 / 2 } else { LONGEST };
            assert!(
                lines <= longest,
                "{} has {lines} lines: split it, or move its tests to x/tests.rs",
                path.display()
            );
        }
    }
}
