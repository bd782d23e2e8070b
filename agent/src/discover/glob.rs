//! Walks folders for the files that match a pattern.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fs::{self, DirEntry, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use globset::GlobMatcher;

use super::folders::Folders;
use super::pattern::{self, Part, PatternError};

/// A pattern for files, and one for those to leave out.
#[derive(Debug)]
pub(super) struct Glob {
    /// Each one is a pattern of its own; braces made several of one.
    alternatives: Vec<Vec<Part>>,
    excluded: Vec<GlobMatcher>,
}

impl Glob {
    /// Compiles patterns. A relative one starts at the current folder.
    pub(super) fn new(pattern: &str, excluded: Option<&str>) -> Result<Self, PatternError> {
        let absolute = |pattern: &str| match std::env::current_dir() {
            Ok(folder) if !pattern.starts_with('/') => {
                format!("{}/{pattern}", globset::escape(&folder.to_string_lossy()))
            }
            _ => pattern.to_owned(),
        };
        let alternatives = pattern::without_braces(&absolute(pattern))?;
        let excluded = excluded.map(pattern::without_braces).transpose()?.unwrap_or_default();
        Ok(Self {
            alternatives: alternatives.iter().map(|pattern| pattern::parts(pattern)).collect::<Result<_, _>>()?,
            excluded: excluded.iter().map(|pattern| pattern::matcher(pattern)).collect::<Result<_, _>>()?,
        })
    }

    /// Returns the absolute paths of the regular files that match and were written since `oldest`.
    ///
    /// Links are followed. What cannot be read is passed over: it may vanish while this looks, and whoever opens a file
    /// reports what is wrong with it. So are names that are not UTF-8, which no label can hold.
    /// `folders` gets to know every folder in which something may come or go that matters.
    pub(super) fn files(&self, oldest: Option<SystemTime>, folders: &mut Folders) -> BTreeSet<String> {
        let mut found = Found { oldest, excluded: &self.excluded, folders, files: BTreeSet::new() };
        for parts in &self.alternatives {
            walk(Path::new("/"), parts, &mut Vec::new(), &mut found);
        }
        found.files
    }
}

struct Found<'g> {
    oldest: Option<SystemTime>,
    excluded: &'g [GlobMatcher],
    folders: &'g mut Folders,
    files: BTreeSet<String>,
}

impl Found<'_> {
    /// Adds a path if a file is there and it is wanted. `is_file` says so where it is known already.
    fn add(&mut self, path: &Path, is_file: Option<bool>) {
        let Some(text) = path.to_str() else { return };
        if is_file == Some(false) || self.excluded.iter().any(|excluded| excluded.is_match(path)) {
            return;
        }
        if is_file.is_none() || self.oldest.is_some() {
            let Some(metadata) = self.metadata(path) else { return };
            if !metadata.is_file() || self.is_too_old(&metadata) {
                return;
            }
        }
        self.files.insert(text.to_owned());
    }

    /// Returns what a path leads to. Nothing tells when a link that leads nowhere leads somewhere.
    fn metadata(&mut self, path: &Path) -> Option<Metadata> {
        let metadata = fs::metadata(path).ok();
        if metadata.is_none() && path.is_symlink() {
            self.folders.cannot_tell();
        }
        metadata
    }

    fn is_folder(&mut self, entry: &DirEntry, path: &Path) -> bool {
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => self.metadata(path).is_some_and(|metadata| metadata.is_dir()),
            Ok(kind) => kind.is_dir(),
            Err(_) => false,
        }
    }

    fn is_too_old(&self, metadata: &Metadata) -> bool {
        self.oldest.is_some_and(|oldest| metadata.modified().is_ok_and(|modified| modified < oldest))
    }
}

/// Goes on below `folder` with the parts that are left. `above` are the folders a `**` has led through, so that a link to
/// one of them is no endless way.
fn walk(folder: &Path, parts: &[Part], above: &mut Vec<PathBuf>, found: &mut Found<'_>) {
    match parts {
        [] => {}
        [Part::Name(name)] => {
            found.folders.watch(folder);
            found.add(&folder.join(name), None);
        }
        [Part::Name(name), rest @ ..] => {
            let path = folder.join(name);
            // The folder that holds it matters only as long as it is not there.
            if !path.is_dir() {
                found.folders.watch(folder);
            }
            if found.metadata(&path).is_some() {
                walk(&path, rest, above, found);
            }
        }
        [Part::Matching(glob), rest @ ..] => {
            found.folders.watch(folder);
            matching(entries(folder), glob, rest, above, found);
        }
        [Part::Folders, rest @ ..] => {
            found.folders.watch(folder);
            let listed: Vec<_> = entries(folder).collect();
            match rest {
                // What is listed already need not be listed again.
                [Part::Matching(glob), rest @ ..] => matching(&listed, glob, rest, above, found),
                rest => walk(folder, rest, above, found),
            }
            above.push(folder.to_owned());
            for (entry, path) in &listed {
                if found.is_folder(entry, path) && !leads_back(entry, path, above) {
                    walk(path, parts, above, found);
                }
            }
            above.pop();
        }
    }
}

/// An entry is a link to one of the folders above it.
fn leads_back(entry: &DirEntry, path: &Path, above: &[PathBuf]) -> bool {
    let place = |path: &Path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino())).ok();
    entry.file_type().is_ok_and(|kind| kind.is_symlink()) && above.iter().any(|folder| place(folder) == place(path))
}

/// Goes on with the entries of a folder whose names match.
fn matching(
    entries: impl IntoIterator<Item = impl Borrow<(DirEntry, PathBuf)>>,
    glob: &GlobMatcher,
    rest: &[Part],
    above: &mut Vec<PathBuf>,
    found: &mut Found<'_>,
) {
    for entry in entries {
        let (entry, path) = entry.borrow();
        if !glob.is_match(Path::new(&entry.file_name())) {
            continue;
        }
        if rest.is_empty() {
            found.add(path, is_file(entry));
        } else if found.is_folder(entry, path) {
            walk(path, rest, above, found);
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = (DirEntry, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| {
        let path = entry.path();
        (entry, path)
    })
}

/// Tells whether an entry is a regular file; `None` if it is a link, which may lead to one.
fn is_file(entry: &DirEntry) -> Option<bool> {
    entry.file_type().ok().filter(|kind| !kind.is_symlink()).map(|kind| kind.is_file())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;

    /// Makes files below a temporary folder, and returns what a pattern finds there, without the folder.
    fn check(files: &[&str], pattern: &str, excluded: Option<&str>, expect: &[&str]) {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert_eq!(find(root.path(), pattern, excluded), expect, "{pattern}");
    }

    fn find(root: &Path, pattern: &str, excluded: Option<&str>) -> Vec<String> {
        let below = |pattern: &str| format!("{}/{pattern}", root.display());
        let glob = Glob::new(&below(pattern), excluded.map(below).as_deref()).unwrap();
        let prefix = format!("{}/", root.display());
        glob.files(None, &mut Folders::new())
            .iter()
            .map(|path| path.strip_prefix(&prefix).unwrap().to_owned())
            .collect()
    }

    #[test]
    fn names() {
        let files = ["a.log", "b.log", ".c.log", "d.txt", "sub/e.log"];
        check(&files, "a.log", None, &["a.log"]);
        check(&files, "*.log", None, &[".c.log", "a.log", "b.log"]);
        check(&files, "?.log", None, &["a.log", "b.log"]);
        check(&files, "[!a].log", None, &["b.log"]);
        check(&files, "[^a].log", None, &["b.log"]);
        check(&files, "{a,d}.{log,txt}", None, &["a.log", "d.txt"]);
        check(&files, "*", None, &[".c.log", "a.log", "b.log", "d.txt"]);
        check(&files, "s*", None, &[]);
        check(&files, "nope/*.log", None, &[]);
    }

    #[test]
    fn any_number_of_folders() {
        let files = ["a.log", "x/b.log", "x/y/c.log", "x/y/z/d.log", "x/y/e.txt"];
        check(&files, "**/*.log", None, &["a.log", "x/b.log", "x/y/c.log", "x/y/z/d.log"]);
        check(&files, "x/**/*.log", None, &["x/b.log", "x/y/c.log", "x/y/z/d.log"]);
        check(&files, "**/y/*", None, &["x/y/c.log", "x/y/e.txt"]);
        check(&files, "**/y/**/*.log", None, &["x/y/c.log", "x/y/z/d.log"]);
        check(&files, "x/y/**", None, &["x/y/c.log", "x/y/e.txt", "x/y/z/d.log"]);
        check(&files, "*/*/c.log", None, &["x/y/c.log"]);
    }

    #[test]
    fn what_is_excluded() {
        let files = ["a.log", "x/b.log", "x/y/c.log"];
        check(&files, "**/*.log", Some("x/*.log"), &["a.log", "x/y/c.log"]);
        check(&files, "**/*.log", Some("x/**"), &["a.log"]);
        check(&files, "**/*.log", Some("{a,x/b}.log"), &["x/y/c.log"]);
    }

    #[test]
    fn links_are_followed_and_lead_in_no_circle() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("pods/a")).unwrap();
        fs::write(root.path().join("pods/a/0.log"), "").unwrap();
        symlink("pods/a/0.log", root.path().join("link.log")).unwrap();
        symlink("nowhere", root.path().join("broken.log")).unwrap();
        symlink(root.path(), root.path().join("pods/up")).unwrap();
        symlink("a", root.path().join("pods/b")).unwrap();
        assert_eq!(find(root.path(), "*.log", None), ["link.log"]);
        assert_eq!(find(root.path(), "**/0.log", None), ["pods/a/0.log", "pods/b/0.log"]);
    }

    #[test]
    fn old_files_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        for (name, age) in [("new.log", 10), ("old.log", 1_000)] {
            let file = fs::File::create(root.path().join(name)).unwrap();
            file.set_modified(now - Duration::from_secs(age)).unwrap();
        }
        let glob = Glob::new(&format!("{}/*.log", root.path().display()), None).unwrap();
        let found = glob.files(Some(now - Duration::from_secs(100)), &mut Folders::new());
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [format!("{}/new.log", root.path().display())]);
    }
}
