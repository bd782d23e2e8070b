//! Checks of the tree that no compiler makes: what files say of themselves, what must not be in them, who depends on
//! whom.

use std::fs;
use std::process::Command;

use crate::workspace::{output, root};

/// A tracked file with its text.
struct Tracked {
    path: String,
    text: String,
}

/// Returns every tracked file that is text; `None` where the tree is no repository or git is missing.
fn tracked() -> Option<Vec<Tracked>> {
    let list = output(Command::new("git").args(["ls-files", "-z"]).current_dir(root())).ok()?;
    let paths = list.split_terminator('\0');
    // What is deleted and not committed yet is listed, and not there.
    let texts = paths.filter_map(|path| {
        let text = fs::read_to_string(root().join(path)).ok()?;
        Some(Tracked { path: path.to_owned(), text })
    });
    Some(texts.collect())
}

/// Runs `fault` on every tracked file and fails with all that it finds.
fn check(fault: impl Fn(&Tracked) -> Vec<String>) {
    let Some(files) = tracked() else {
        println!("skipped: git does not list the tree's files");
        return;
    };
    let faults: Vec<_> = files.iter().flat_map(fault).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The tests of a file are told by their name; everything else says what it is.
#[test]
fn every_source_file_says_what_it_is() {
    check(|Tracked { path, text }| {
        if !path.ends_with(".rs") || path.ends_with("/tests.rs") || path.ends_with("/tests/mod.rs") {
            return Vec::new();
        }
        let first = text.lines().find(|line| !line.is_empty() && !line.starts_with("#!")).unwrap_or_default();
        match first.starts_with("//! ") {
            true => Vec::new(),
            false => vec![format!("{path}:1: error: no `//!` line that says what the file is")],
        }
    });
}

#[test]
fn nothing_is_put_off_or_left_behind() {
    // Put together here, so that this file does not hold them.
    let banned = [
        (concat!("TO", "DO"), "an issue"),
        (concat!("FIX", "ME"), "an issue"),
        (concat!("/", "root/"), "a path of every machine"),
        (concat!("/", "work/"), "a path of every machine"),
        (concat!("todo", "!("), "an error or nothing"),
        (concat!("db", "g!("), "nothing"),
    ];
    check(|Tracked { path, text }| {
        let lines = text.lines().zip(1..);
        let found = lines.flat_map(|(line, number)| {
            let found = banned.iter().filter(move |(word, _)| line.contains(word));
            found.map(move |(word, instead)| format!("{path}:{number}: error: {word} is banned, use {instead}"))
        });
        found.collect()
    });
}

#[test]
fn documents_link_to_what_is_there() {
    check(|Tracked { path, text }| {
        let folder = root().join(path).parent().expect("a file stands in a folder").to_owned();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        let dead = links.filter(|link| {
            let file = link.split('#').next().unwrap_or_default();
            !link.contains("://") && !file.is_empty() && !folder.join(file).exists()
        });
        if path.ends_with(".md") {
            return dead.map(|link| format!("{path}: error: {link} is not there")).collect();
        }
        Vec::new()
    });
}

#[test]
fn the_architecture_fits_into_one_sitting() {
    let lines =
        fs::read_to_string(root().join("ARCHITECTURE.md")).expect("there is an ARCHITECTURE.md").lines().count();
    assert!(lines <= 300, "ARCHITECTURE.md has {lines} lines, 300 are enough");
}

#[test]
fn crates_depend_on_what_they_may() {
    let dependencies = |package: &str| {
        let mut command = crate::workspace::cargo();
        command.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]);
        let metadata: serde_json::Value =
            serde_json::from_str(&output(&mut command).expect("cargo describes the workspace")).expect("as JSON");
        let packages = metadata["packages"].as_array().expect("packages are a list");
        let found = packages.iter().find(|found| found["name"] == package).expect("the package is in the workspace");
        let dependencies = found["dependencies"].as_array().expect("dependencies are a list").clone();
        let normal = dependencies.into_iter().filter(|dependency| dependency["kind"].is_null());
        normal.map(|dependency| dependency["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(dependencies("longship-syntax"), [""; 0], "text to tree needs nothing");
    for banned in ["anyhow", "clap", "kube", "longship", "metrics", "serde", "serde_json", "longship-syntax"] {
        let found = dependencies("longship-pipeline").iter().any(|name| name == banned);
        assert!(!found, "the data plane must not depend on {banned}");
    }
}
