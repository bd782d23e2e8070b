//! What the journal of an earlier life says, looked up when a file is opened.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::format::{FileId, Reader, Record, TimedRun, write_file, write_position, write_runs};
use crate::identity::{FileStatus, Identity};

/// All files of a journal.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    files: BTreeMap<FileId, RestoredFile>,
    by_inode: HashMap<u64, Vec<FileId>>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct RestoredFile {
    /// Its number in the journal.
    pub(crate) file: FileId,
    /// What it is known by.
    pub(crate) identity: Identity,
    /// The component that read it.
    pub(crate) component: String,
    /// Where it was last.
    pub(crate) path: PathBuf,
    /// Where its reading has to begin, by destination.
    pub(crate) positions: Vec<RestoredPosition>,
    /// Times that may have been sent, in the order of their offsets.
    pub(crate) runs: Vec<TimedRun>,
}

/// How far a file was settled at a destination.
#[derive(Clone, Debug)]
pub(crate) struct RestoredPosition {
    /// The destination, by the hash of its name.
    pub(crate) destination: u64,
    /// Everything before it is settled.
    pub(crate) position: u64,
    /// Streams that are further, by the hash of their label set.
    pub(crate) ahead: Vec<(u64, u64)>,
}

impl Restored {
    /// Reads the records of a journal, without its header.
    pub(crate) fn read(records: &[u8]) -> Self {
        let mut restored = Self::default();
        for record in Reader::new(records) {
            restored.apply(record);
        }
        for file in restored.files.values() {
            restored.by_inode.entry(file.identity.inode).or_default().push(file.file);
        }
        restored
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::File { file, identity, component, path } => match self.files.get_mut(&file) {
                Some(known) => (known.identity, known.component, known.path) = (identity, component, path),
                None => {
                    let (positions, runs) = (Vec::new(), Vec::new());
                    self.files.insert(file, RestoredFile { file, identity, component, path, positions, runs });
                }
            },
            Record::Position { file, destination, position, ahead } => {
                let Some(known) = self.files.get_mut(&file) else { return };
                known.positions.retain(|known| known.destination != destination);
                known.positions.push(RestoredPosition { destination, position, ahead });
                let settled = known.position();
                known.runs.retain(|run| run.end > settled);
            }
            Record::Runs { file, runs } => {
                let Some(known) = self.files.get_mut(&file) else { return };
                for run in runs {
                    known.runs.retain(|known| known.end <= run.start || known.start >= run.end);
                    let at = known.runs.partition_point(|known| known.start < run.start);
                    known.runs.insert(at, run);
                }
            }
            Record::Forgotten { file } => drop(self.files.remove(&file)),
        }
    }

    /// Finds the file a component knew by this status and these first bytes.
    pub(crate) fn find(&self, component: &str, status: &FileStatus, head: &[u8]) -> Option<&RestoredFile> {
        let numbers = self.by_inode.get(&status.inode)?;
        // The newest wins where several match: a file that was truncated and written again is known twice.
        numbers
            .iter()
            .rev()
            .filter_map(|number| self.files.get(number))
            .find(|file| file.component == component && file.identity.matches(status, head))
    }

    /// Keeps the files that `keep` says yes to.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&RestoredFile) -> bool) {
        self.files.retain(|_, file| keep(file));
    }

    /// A component knew a file at this path.
    pub(crate) fn knows_path(&self, component: &str, path: &std::path::Path) -> bool {
        self.files.values().any(|file| file.component == component && file.path == path)
    }

    /// All files, in the order of their numbers.
    #[cfg(test)]
    pub(crate) fn files(&self) -> impl Iterator<Item = &RestoredFile> {
        self.files.values()
    }

    /// The first number that no file has.
    pub(crate) fn next_file(&self) -> FileId {
        FileId(self.files.keys().next_back().map_or(1, |last| last.0 + 1))
    }

    /// The latest read time that was given.
    pub(crate) fn latest_read_time(&self) -> i64 {
        let last = |run: &TimedRun| {
            // A line is at least one byte long, so a run has at most as many lines as bytes.
            crate::clock::time_of(run.first_ns, run.step, run.end - run.start)
        };
        self.files.values().flat_map(|file| &file.runs).map(last).max().unwrap_or(i64::MIN)
    }

    /// Writes everything anew, as the start of a compacted journal.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for file in self.files.values() {
            write_file(out, file.file, &file.identity, &file.component, &file.path);
            for position in &file.positions {
                let ahead = position.ahead.iter().copied();
                write_position(out, file.file, position.destination, position.position, ahead);
            }
            for runs in file.runs.chunk_by(|a, b| a.step == b.step) {
                write_runs(out, file.file, runs.iter().copied());
            }
        }
    }
}

impl RestoredFile {
    /// Where reading has to begin for all destinations.
    pub(crate) fn position(&self) -> u64 {
        self.positions.iter().map(|position| position.position).min().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Fingerprint;
    use crate::positions::format::write_forgotten;

    fn identity(inode: u64, head: &[u8]) -> Identity {
        Identity { inode, device: 1, birth_ns: 5, fingerprint: Fingerprint::of(head) }
    }

    fn status(inode: u64) -> FileStatus {
        FileStatus { inode, device: 1, birth_ns: 5, modified_ns: 0, size: 0, links: 1, regular: true }
    }

    fn run(start: u64, end: u64) -> TimedRun {
        TimedRun { start, end, first_ns: 1_000, step: 2 }
    }

    #[test]
    fn later_records_replace_earlier_ones_and_settled_runs_go() {
        let mut out = Vec::new();
        let path = std::path::Path::new("/a");
        write_file(&mut out, FileId(1), &identity(9, b"x"), "c", path);
        write_runs(&mut out, FileId(1), [run(0, 10), run(10, 20)].into_iter());
        write_position(&mut out, FileId(1), 77, 10, [(3, 15)].into_iter());
        write_file(&mut out, FileId(1), &identity(9, b"xy"), "c", path);
        write_file(&mut out, FileId(2), &identity(8, b"x"), "c", path);
        write_forgotten(&mut out, FileId(2));
        let restored = Restored::read(&out);
        let file = restored.find("c", &status(9), b"xyz").expect("known");
        assert_eq!(file.position(), 10);
        assert_eq!(file.positions[0].ahead, [(3, 15)]);
        assert_eq!(file.runs, [run(10, 20)]);
        assert!(restored.find("d", &status(9), b"xyz").is_none(), "another component");
        assert!(restored.find("c", &status(9), b"zzz").is_none(), "another content");
        assert!(restored.find("c", &status(8), b"x").is_none(), "forgotten");
        assert_eq!(restored.next_file(), FileId(2));
        assert_eq!(restored.latest_read_time(), 1_020);

        let mut compacted = Vec::new();
        restored.write(&mut compacted);
        let again = Restored::read(&compacted);
        assert_eq!(format!("{:?}", again.files), format!("{:?}", restored.files));
    }

    #[test]
    fn a_run_replaces_what_lies_under_it() {
        let mut out = Vec::new();
        write_file(&mut out, FileId(1), &identity(9, b"x"), "c", std::path::Path::new("/a"));
        write_runs(&mut out, FileId(1), [run(0, 10), run(10, 30), run(30, 40)].into_iter());
        write_runs(&mut out, FileId(1), [run(10, 15), run(15, 30)].into_iter());
        let restored = Restored::read(&out);
        let expected = [run(0, 10), run(10, 15), run(15, 30), run(30, 40)];
        assert_eq!(restored.find("c", &status(9), b"x").expect("known").runs, expected);
    }
}
