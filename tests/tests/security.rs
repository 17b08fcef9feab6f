//! SECURITY.md names tests, and each of them exists.
use pinhole_tests::process::repository;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Returns the rows of the tables of threats: the first cell, and the last one, which names tests.
fn rows(text: &str) -> Vec<(String, String)> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .inspect(|cells| assert_eq!(cells.len(), 3, "{cells:?}"))
        .filter(|cells| cells[0] != "Threat" && cells[0] != "-")
        .map(|cells| (cells[0].to_owned(), cells[2].to_owned()))
        .collect()
}

/// Returns what a cell names: pairs of a place and a test. What stands in backticks before a colon is the
/// place of the tests that follow.
fn named(cell: &str) -> Vec<(String, String)> {
    let (mut place, mut tests) = (None, Vec::new());
    let parts: Vec<_> = cell.split('`').collect();
    assert!(parts.len() % 2 == 1, "{cell}");
    for (name, after) in parts.iter().skip(1).step_by(2).zip(parts.iter().skip(2).step_by(2)) {
        match (after.starts_with(':'), &place) {
            (true, _) => place = Some(*name),
            (false, Some(place)) => tests.push(((*place).to_owned(), (*name).to_owned())),
            (false, None) => panic!("no crate and no file is named before {name}"),
        }
    }
    tests
}

/// Calls `each` with all files under `directory` that this repository has of its own.
fn walk(directory: &Path, each: &mut impl FnMut(PathBuf)) {
    for entry in std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry")) {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        let name = entry.file_name();
        if kind.is_file() {
            each(path);
        } else if kind.is_dir() && name != "target" && !name.as_encoded_bytes().starts_with(b".") {
            walk(&path, each);
        }
    }
}

/// Returns the directory of each crate, by its name.
fn crates() -> HashMap<String, PathBuf> {
    let mut crates = HashMap::new();
    walk(repository(), &mut |path| {
        if path.file_name().is_some_and(|name| name == "Cargo.toml") {
            let manifest = std::fs::read_to_string(&path).expect("a manifest");
            let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
            if let Some(name) = name.filter(|_| manifest.contains("[package]")) {
                crates.insert(name.to_owned(), path.with_file_name(""));
            }
        }
    });
    crates
}

/// Adds the names of all tests in a source file.
fn add_tests(source: &str, tests: &mut Vec<String>) {
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if let Some(function) = line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn ")) {
            let name = function.split('(').next().unwrap_or_default();
            if std::mem::take(&mut is_test) {
                tests.push(name.to_owned());
            }
        } else if line.starts_with("#[") {
            is_test |= line.ends_with("test]");
        } else if !line.starts_with("//") {
            is_test = false;
        }
    }
}

/// Returns the names of all tests of a place: a crate, or a file or directory of this crate's tests.
fn tests_of(place: &str, crates: &HashMap<String, PathBuf>) -> Vec<String> {
    let mut tests = Vec::new();
    let mut read = |path: PathBuf| {
        if path.extension().is_some_and(|extension| extension == "rs") {
            add_tests(&std::fs::read_to_string(path).expect("a source file"), &mut tests);
        }
    };
    match crates.get(place) {
        Some(directory) => walk(directory, &mut read),
        None => {
            let place = repository().join("tests/tests").join(place);
            match place.is_dir() {
                true => walk(&place, &mut read),
                false => read(place.with_extension("rs")),
            }
        }
    }
    tests
}

#[test]
fn every_test_that_is_promised_exists() {
    let text = std::fs::read_to_string(repository().join("SECURITY.md")).expect("SECURITY.md");
    let (rows, crates) = (rows(&text), crates());
    assert!(rows.len() > 30, "only {} rows are found", rows.len());
    let mut known = HashMap::new();
    let mut missing = Vec::new();
    for (threat, cell) in &rows {
        let named = named(cell);
        assert!(!named.is_empty(), "no test is named for: {threat}");
        for (place, test) in named {
            let tests = known.entry(place.clone()).or_insert_with_key(|place| tests_of(place, &crates));
            if !tests.contains(&test) {
                missing.push(format!("{place}: {test}"));
            }
        }
    }
    assert!(missing.is_empty(), "SECURITY.md names what is no test: {missing:#?}");
}

#[test]
fn what_is_no_test_is_found_out() {
    let mut tests = Vec::new();
    add_tests("/// A test.\n#[cfg(unix)]\n#[test]\nfn a() {}\nfn b() {}\n// #[test]\nfn c() {}", &mut tests);
    assert_eq!(tests, ["a"]);
    let place = |place: &str, test: &str| (place.to_owned(), test.to_owned());
    let named = named("`x`: `a`, `b`, and `c` for more; `y-z`: `d`");
    assert_eq!(named, [place("x", "a"), place("x", "b"), place("x", "c"), place("y-z", "d")]);
}
