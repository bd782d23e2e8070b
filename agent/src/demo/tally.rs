//! What the agent has told of its files over the whole run, those that have ended included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use longship_pipeline::plan::SourceIndex;
use longship_pipeline::{FileSnapshot, Snapshot};

/// The files of all snapshots.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<(SourceIndex, PathBuf), Followed>);

/// What the agent counted for one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Bytes read, from all generations.
    pub(super) read_bytes: u64,
    /// Lines read, from all generations.
    pub(super) read_lines: u64,
    /// Bytes lost.
    pub(super) lost_bytes: u64,
    /// Where reading is in the newest generation.
    pub(super) read_offset_bytes: u64,
    /// How large the agent thinks the newest generation is.
    pub(super) size_bytes: u64,
}

/// A file at a path that the agent may forget, and follow again from 0.
#[derive(Default)]
struct Followed {
    forgotten: Counted,
    last: Counted,
}

impl Tally {
    /// Takes the files of a later snapshot.
    pub(super) fn take(&mut self, snapshot: &Snapshot) {
        for file in &snapshot.files {
            self.0.entry((file.source, file.path.clone())).or_default().take(file);
        }
    }

    /// All files that were followed, by source and path.
    pub(super) fn files(&self) -> impl Iterator<Item = (SourceIndex, &Path, Counted)> {
        self.0.iter().map(|((source, path), followed)| (*source, path.as_path(), followed.counted()))
    }
}

impl Followed {
    fn take(&mut self, file: &FileSnapshot) {
        if file.read_bytes < self.last.read_bytes {
            self.forgotten = self.counted();
        }
        self.last = Counted {
            read_bytes: file.read_bytes,
            read_lines: file.read_lines,
            lost_bytes: file.lost_bytes,
            read_offset_bytes: file.read_offset_bytes,
            size_bytes: file.size_bytes,
        };
    }

    fn counted(&self) -> Counted {
        Counted {
            read_bytes: self.forgotten.read_bytes + self.last.read_bytes,
            read_lines: self.forgotten.read_lines + self.last.read_lines,
            lost_bytes: self.forgotten.lost_bytes + self.last.lost_bytes,
            read_offset_bytes: self.last.read_offset_bytes,
            size_bytes: self.last.size_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(files: &[(&str, u64)]) -> Snapshot {
        let file = |(path, read_bytes): &(&str, u64)| FileSnapshot {
            source: SourceIndex(0),
            path: PathBuf::from(path),
            read_offset_bytes: read_bytes / 2,
            size_bytes: 0,
            read_bytes: *read_bytes,
            read_lines: read_bytes / 10,
            lost_bytes: 0,
            active: true,
        };
        Snapshot { files: files.iter().map(file).collect(), ..Snapshot::default() }
    }

    #[test]
    fn what_has_ended_stays_counted() {
        let mut tally = Tally::default();
        tally.take(&snapshot(&[("/a", 100), ("/b", 50)]));
        tally.take(&snapshot(&[("/a", 200)]));
        tally.take(&snapshot(&[("/a", 200), ("/b", 30)]));
        tally.take(&snapshot(&[("/a", 200), ("/b", 70)]));
        let read: Vec<_> =
            tally.files().map(|(_, path, counted)| (path.to_owned(), counted.read_bytes, counted.read_lines)).collect();
        assert_eq!(read, [(PathBuf::from("/a"), 200, 20), (PathBuf::from("/b"), 120, 12)]);
    }
}
